"""The assets, a file per stage, each named for what it leaves behind.

A file whose asset takes a `context` has no `from __future__ import annotations`: Dagster 1.13 compares that
annotation by identity and refuses its text.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from integration_pipeline.defs.assets.accounting import accounting_documents, target_documents
from integration_pipeline.defs.assets.customers import customers
from integration_pipeline.defs.assets.deals import deals
from integration_pipeline.defs.assets.gate import gate
from integration_pipeline.defs.assets.invoices import invoices
from integration_pipeline.defs.assets.payments import account_movements, movements, settlements
from integration_pipeline.defs.assets.planned_invoices import planned_invoices
from integration_pipeline.defs.assets.raw_records import raw_records
from integration_pipeline.defs.assets.revenue import revenue
from integration_pipeline.defs.assets.write_back import crm_write_back
from integration_pipeline.defs.in_force import InForce

__all__ = ["build_assets"]


def build_assets(force: InForce) -> Sequence[dg.AssetsDefinition]:
    """Every asset of the pipeline, under the mapping and the rule set in force."""
    makers = (
        raw_records,
        customers,
        deals,
        planned_invoices,
        gate,
        invoices,
        revenue,
        movements,
        settlements,
        accounting_documents,
        crm_write_back,
    )
    return [*account_movements(force), *target_documents(force), *(make(force) for make in makers)]
