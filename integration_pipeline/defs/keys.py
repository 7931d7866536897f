"""The names of the assets: `layer__thing`. Reporting refers to them from its own code location.

No name is that of a CRM: a company that changes its CRM goes on with the same assets, with their history and
their alerts.
"""

from __future__ import annotations

from types import MappingProxyType

import dagster as dg

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.defs.accounts import Account

RAW = MappingProxyType(
    {
        ObjectType.COMPANY: dg.AssetKey("raw_crm__companies"),
        ObjectType.CONTACT: dg.AssetKey("raw_crm__contacts"),
        ObjectType.PRODUCT: dg.AssetKey("raw_crm__products"),
        ObjectType.LINE_ITEM: dg.AssetKey("raw_crm__line_items"),
        ObjectType.DEAL: dg.AssetKey("raw_crm__deals"),
    }
)
CUSTOMERS = dg.AssetKey("crm__customers")
DEALS = dg.AssetKey("crm__deals")
PLANNED_INVOICES = dg.AssetKey("billing__planned_invoices")
GATE = dg.AssetKey("posting__gate")
INVOICES = dg.AssetKey("ledger__invoices")
REVENUE = dg.AssetKey("ledger__revenue")
MOVEMENTS = dg.AssetKey("payments__movements")
SETTLEMENTS = dg.AssetKey("payments__settlements")
ACCOUNTING_DOCUMENTS = dg.AssetKey("accounting__documents")
WRITE_BACK = dg.AssetKey("crm__write_back")

OWNERS = ("team:finance-ops",)


def of_target(account: Account) -> dg.AssetKey:
    """What is in one accounting system."""
    return dg.AssetKey(f"accounting__{account.slug}")


def of_payments(account: Account) -> dg.AssetKey:
    """What one payment account told."""
    return dg.AssetKey(f"payments__{account.slug}")
