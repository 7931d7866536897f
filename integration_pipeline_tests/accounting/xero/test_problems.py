"""What an organisation lacks, said before anything is posted to it."""

from __future__ import annotations

from typing import Any

import pytest

from integration_pipeline_tests.accounting.xero.conftest import asked
from integration_pipeline_tests.vendors.xero_rig import TENANT, Organisation


def test_an_organisation_that_has_all_it_needs_has_no_problems_and_four_calls_say_so(
    xero: Organisation,
) -> None:
    fee = {"account": "404", "contact": TENANT}
    with xero.target(
        revenue={"on_invoice": "200", "deferred": "850"},
        payments={"stripe": {"account": "091", "fee": fee}, "plaid": {"account": "970"}},
        currencies=["NZD", "USD"],
    ) as target:
        assert target.problems() == []

    assert len(asked(xero)) == 4


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"revenue": {"on_invoice": "999"}}, "revenue.on_invoice: Xero has no account with the code 999"),
        ({"revenue": {"deferred": "404"}}, "revenue.deferred: the account 404 is of the class EXPENSE"),
        ({"taxes": {"GST 12.5": "OUTPUT2"}}, "the tax type OUTPUT2 is 15 % in Xero, not 12.5 %"),
        ({"taxes": {"GST 15": "TAX009"}}, "taxes.GST 15: Xero has no tax type TAX009; it has INPUT2"),
        ({"taxes": {"GST": "OUTPUT2"}}, "taxes.GST: write the tax's name and its rate"),
        ({"taxes": {"QST 10 + GST 5": "OUTPUT2"}}, "in the order of the alphabet"),
        ({"taxes": {"GST 15": "INPUT2"}}, "Xero does not apply the tax type INPUT2 to sales"),
        ({"untaxed": "OUTPUT2"}, "untaxed: the tax type OUTPUT2 is 15 % in Xero, not 0 %"),
        ({"payments": {"stripe": {"account": "404"}}}, "payments.stripe.account: 404 is no bank account"),
        (
            {"payments": {"stripe": {"account": "090", "fee": {"account": "998", "contact": TENANT}}}},
            "payments.stripe.fee.account: Xero has no account with the code 998",
        ),
        ({"currencies": ["NZD", "EUR"]}, "Xero does not know the currency EUR; add it in Xero"),
    ],
)
def test_what_is_missing_is_named_with_its_place_in_the_file(
    xero: Organisation, given: dict[str, Any], problem: str
) -> None:
    with xero.target(**given) as target:
        [said] = target.problems()

    assert problem in said


def test_a_lock_date_after_the_beginning_is_told(xero: Organisation) -> None:
    xero.admin(
        "PUT", "/organisation", {"period_lock_date": "2026-03-31", "end_of_year_lock_date": "2025-03-31"}
    )
    with xero.target() as target:
        [said] = target.problems()

    assert "the period lock date in Xero is 2026-03-31" in said
    assert "`since`, now 2026-01-01" in said
