"""Every table of the pipeline's database, one file per schema, on one metadata.

Belongs here: columns, keys, constraints. Does not belong here: triggers and functions (they are SQL, in
`store/migrations/sql/`) and queries (they stand beside the stage that asks them).
"""

from __future__ import annotations

from integration_pipeline.store.tables import (
    billing,
    credentials,
    crm,
    inbox,
    ledger,
    ops,
    parties,
    payments,
    posting,
    quotas,
    raw,
)
from integration_pipeline.store.tables.base import SCHEMAS, metadata

__all__ = [
    "SCHEMAS",
    "billing",
    "credentials",
    "crm",
    "inbox",
    "ledger",
    "metadata",
    "ops",
    "parties",
    "payments",
    "posting",
    "quotas",
    "raw",
]
