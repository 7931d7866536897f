"""The names of the assets: `layer_source__thing`. Reporting refers to them from its own code location."""

from __future__ import annotations

from types import MappingProxyType

import dagster as dg

from integration_pipeline.crm.records import ObjectType

RAW = MappingProxyType(
    {
        ObjectType.COMPANY: dg.AssetKey("raw_hubspot__companies"),
        ObjectType.CONTACT: dg.AssetKey("raw_hubspot__contacts"),
        ObjectType.PRODUCT: dg.AssetKey("raw_hubspot__products"),
        ObjectType.LINE_ITEM: dg.AssetKey("raw_hubspot__line_items"),
        ObjectType.DEAL: dg.AssetKey("raw_hubspot__deals"),
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
