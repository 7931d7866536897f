from __future__ import annotations

from datetime import date

import pytest

from integration_pipeline.pipeline.scope import Scope


def test_a_scope_of_months_holds_both_of_its_ends_and_nothing_outside() -> None:
    scope = Scope.months(date(2026, 2, 17), date(2026, 3, 31))

    held = [month for month in range(1, 6) if scope.holds(date(2026, month, 1))]

    assert held == [2, 3]
    assert Scope.everything().holds(date(1900, 1, 1))


def test_a_scope_of_deals_knows_their_ids_in_the_crm() -> None:
    assert Scope.deals(["hubspot:2", "hubspot:10"]).deal_ids("hubspot") == ["10", "2"]
    assert Scope.everything().deal_ids("hubspot") is None


@pytest.mark.parametrize("key", ["7", "salesforce:7", "hubspot7"])
def test_a_key_of_another_crm_is_refused_with_the_way_to_write_it(key: str) -> None:
    with pytest.raises(ValueError, match=f"deal '{key}' is not from hubspot: write it as hubspot:<id>"):
        Scope.deals([key]).deal_ids("hubspot")
