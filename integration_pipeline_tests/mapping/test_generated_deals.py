"""Every deal of the demo, read by the demo's mapping: it can be billed, or it says why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache

import pytest

from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.apply import MappedDeal, map_deal
from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.generation.dirt import BLOCKING, DirtKind
from integration_pipeline.sandbox.datasets.model import Change, CrmObject, DataSet
from integration_pipeline_tests.mapping.deals import ZONES, demo, record


@cache
def data() -> DataSet:
    return generate()


def properties(item: CrmObject, changes: Iterable[Change]) -> dict[str, str | None]:
    """Of one object, with the changes made to it."""
    changed: dict[str, str | None] = {**item.properties}
    for change in changes:
        if (change.object_type, change.key) == (item.object_type, item.key):
            changed.update(change.properties)
    return changed


@cache
def mapped_deals(*, later: bool) -> Mapping[str, MappedDeal]:
    """The won deals by key, before or after the later changes."""
    changes = data().later_changes if later else ()
    lines = {line.key: line for line in data().of_type("line_items")}
    found: dict[str, MappedDeal] = {}
    for deal in data().of_type("deals"):
        if deal.properties["dealstage"] != "closedwon":
            continue
        items = [
            record(ObjectType.LINE_ITEM, str(n), properties(lines[link.key], changes))
            for n, link in enumerate(deal.associations)
            if link.object_type == "line_items"
        ]
        read = record(ObjectType.DEAL, deal.key, properties(deal, changes))
        found[deal.key] = map_deal(demo(), read, items, "5", ZONES.get)
    return found


@pytest.mark.parametrize("later", [False, True])
def test_every_deal_that_is_meant_to_be_billed_has_a_schedule(*, later: bool) -> None:
    dirty = {key for kind in BLOCKING for key in data().dirt[kind.value]}
    for key, deal in mapped_deals(later=later).items():
        assert key in dirty or deal.problems == (), deal.problems
        if deal.terms is not None:
            assert build_schedule(deal.terms, until=date(2028, 1, 1)).invoices, key


@pytest.mark.parametrize(
    ("kind", "field"),
    [(DirtKind.UNREADABLE_TIERS, "price_tiers"), (DirtKind.UNREADABLE_RAMP, "ramp_schedule")],
)
def test_what_nobody_can_read_is_told_by_its_field(kind: DirtKind, field: str) -> None:
    for key in data().dirt[kind.value]:
        [problem] = mapped_deals(later=False)[key].problems
        assert problem.field == field
        assert repr(problem.value) in problem.message


def test_amended_deals_say_from_which_day() -> None:
    amended = {key for key, deal in mapped_deals(later=True).items() if deal.amendment_effective is not None}

    assert amended == set(data().dirt[DirtKind.AMENDED_AFTER_WON])
