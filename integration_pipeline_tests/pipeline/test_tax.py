"""Taxes on their way from the deal into the books."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.pipeline.gate import gate_documents
from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, LINE_ITEM, Portal

JANUARY = date(2026, 1, 31)
RATES = "GST 5%; QST 9.975%"


def taxed(portal: Portal, **deal: str | None) -> None:
    """99.99 a month before two Canadian taxes."""
    portal.subscription("1", price="99.99", tax_treatment="Exclusive", tax_rates=RATES, **deal)


def balances(office: Office) -> dict[str, int]:
    with office.pipeline.engine.connect() as connection:
        proof = prove_ledger(connection)
    assert proof.problems == []
    return {account: minor for (account, _), minor in sorted(proof.balances.items()) if minor}


def test_are_stored_by_rate_and_add_up_to_the_total(office: Office, portal: Portal) -> None:
    taxed(portal)
    office.on(JANUARY).sync()

    [document] = office.rows("SELECT * FROM billing.documents WHERE issue_date = '2026-01-01'")
    taxes = office.rows(
        "SELECT * FROM billing.document_taxes WHERE document_id = :id ORDER BY position", id=document["id"]
    )
    # 5 % of 99.99 is 4.9995, 9.975 % of it 9.9740.
    assert (document["net_minor"], document["tax_minor"], document["total_minor"]) == (9_999, 1_497, 11_496)
    assert [(row["name"], row["percent"], row["base_minor"], row["tax_minor"]) for row in taxes] == [
        ("GST", Decimal(5), 9_999, 500),
        ("QST", Decimal("9.975"), 9_999, 997),
    ]


def test_are_owed_to_the_state_and_shown_to_the_customer(office: Office, portal: Portal) -> None:
    taxed(portal)
    office.on(JANUARY).sync()

    assert balances(office) == {"1100": 11_496, "2200": -1_497, "2400": -9_999}
    [invoice] = office.rows("SELECT * FROM ledger.documents")
    assert invoice["total_minor"] == 11_496
    assert [tax["tax_minor"] for tax in invoice["body"]["taxes"]] == [500, 997]


def test_included_in_the_price_leave_the_customer_owing_the_price(office: Office, portal: Portal) -> None:
    portal.subscription("1", price="119.00", tax_treatment="Inclusive", tax_rates="VAT 19%")
    office.on(JANUARY).sync()

    assert balances(office) == {"1100": 11_900, "2200": -1_900, "2400": -10_000}


def test_are_taken_back_with_the_invoice(office: Office, portal: Portal) -> None:
    taxed(portal)
    office.on(JANUARY).sync()
    portal.change(DEAL, "1", tax_rates="GST 5%")
    office.on(JANUARY).sync()

    assert balances(office) == {"1100": 10_499, "2200": -500, "2400": -9_999}


def test_of_an_amendment_are_on_the_difference(office: Office, portal: Portal) -> None:
    portal.subscription("1", price="62.00", tax_treatment="Exclusive", tax_rates="VAT 19%")
    office.on(date(2026, 1, 1)).sync()
    portal.change(LINE_ITEM, "11", quantity="2")
    portal.change(DEAL, "1", amendment_effective_date="2026-01-16")
    office.on(date(2026, 1, 16)).sync()

    # 16 of 31 days: 32.00 back, 64.00 charged, 6.08 tax on the 32.00 more.
    assert [total for _, total, _ in office.posted()] == [7_378, 3_808]
    assert balances(office) == {"1100": 11_186, "2200": -1_786, "2400": -9_400}


@pytest.mark.parametrize(
    ("spoil", "rule"),
    [
        ("UPDATE billing.lines SET tax_minor = tax_minor + 1", "taxes_are_those_of_its_lines"),
        (
            "UPDATE billing.document_taxes SET tax_minor = tax_minor + 1 WHERE position = 1",
            "total_is_net_and_taxes",
        ),
    ],
)
def test_that_do_not_add_up_are_not_posted(office: Office, portal: Portal, spoil: str, rule: str) -> None:
    taxed(portal, contract_term_months="1")
    office.on(date(2025, 12, 31)).sync()
    office.execute(spoil)
    office.execute("DELETE FROM posting.gate_records WHERE subject_kind = 'document'")
    gate_documents(office.pipeline, Scope.everything())

    assert office.quarantined() == [("1", rule)]
    assert post(office.pipeline, Scope.everything()).counts == {}
