"""Values HubSpot derives from other values of the same record: closed and won from the stage, a net price.

Ids and timestamps are not here; they are columns of a record (`records`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from integration_pipeline.sandbox.hubspot.object_types import DEALS, LINE_ITEMS, ObjectType
from integration_pipeline.sandbox.hubspot.pipelines import STAGE_BY_ID

_HUNDRED = Decimal(100)


def calculated_values(kind: ObjectType, values: Mapping[str, str]) -> dict[str, str]:
    """What follows from `values`; "" where a calculated property has no value."""
    if kind is DEALS:
        return _deal(values)
    if kind is LINE_ITEMS:
        return {"amount": _net_price(values)}
    return {}


def _deal(values: Mapping[str, str]) -> dict[str, str]:
    stage = STAGE_BY_ID.get(values.get("dealstage", ""))
    return {
        "hs_is_closed": str(stage is not None and stage.closed).lower(),
        "hs_is_closed_won": str(stage is not None and stage.won).lower(),
        "hs_deal_stage_probability": stage.probability if stage else "",
    }


def _net_price(values: Mapping[str, str]) -> str:
    """price x quantity less the discount per unit or in per cent; a line without quantity is one unit."""
    if "price" not in values:
        return ""
    price = Decimal(values["price"]) - Decimal(values.get("discount", "0"))
    share = 1 - Decimal(values.get("hs_discount_percentage", "0")) / _HUNDRED
    return format(price * Decimal(values.get("quantity", "1")) * share, "f")
