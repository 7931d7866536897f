"""How posting targets round tax, so that their totals agree with ours to the minor unit.

Belongs here: what is known of each target's rounding, and where from. Does not belong here: posting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.money import RoundingMode
from integration_pipeline.billing.policies import LineRounding, Policies, TaxRounding

_ROUNDING: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # Xero's developer guide: tax is calculated per line, rounded half up to two decimals, and summed.
        "xero": {
            "tax_rounding": TaxRounding.PER_LINE,
            "lines": LineRounding.ROUND_THEN_SUM,
            "rounding": RoundingMode.HALF_UP,
        },
        # QuickBooks Online taxes the sum of each rate's lines. It is known to differ by a cent now and then
        # (ruckus/quickbooks-ruby#547): its totals are read back and compared with `reconcile_total`.
        "quickbooks": {
            "tax_rounding": TaxRounding.PER_DOCUMENT,
            "lines": LineRounding.ROUND_THEN_SUM,
            "rounding": RoundingMode.HALF_UP,
        },
        # Our own ledger books what we computed.
        "postgres_ledger": {},
    }
)


def with_target_rounding(policies: Policies, target: str) -> Policies:
    """`policies` with the tax rounding of `target`: `xero`, `quickbooks` or `postgres_ledger`.

    The result carries the target in its name where anything differs, as two sets must not share a version.
    Raises `BillingError` for a target that is not known.
    """
    if target not in _ROUNDING:
        raise BillingError(
            f"target {target[:80]!r} has no known tax rounding; use one of {sorted(_ROUNDING)}"
        )
    changed = replace(policies, **_ROUNDING[target])
    return policies if changed == policies else replace(changed, name=f"{policies.name}+{target}")
