"""Customers whose id at the accounting system stands in the CRM."""

from __future__ import annotations

from dataclasses import replace

import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.document import Candidate
from integration_pipeline.posting.party_matching import Linked, Party, Undecided
from integration_pipeline.posting.standing import customers_waiting
from integration_pipeline.posting.stated_ids import Namesake, Stated, verdict
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.posting.conftest import Company

FIELD = "accounting_id"


@pytest.fixture
def company(company: Company) -> Company:
    """One whose mapping names the field of companies that holds their id at the target."""
    pipeline = company.office.pipeline
    ids = {company.target.name: (Candidate(field=FIELD, unlike="n/a"),)}
    mapping = pipeline.mapping.model_copy(
        update={"company": pipeline.mapping.company.model_copy(update={"accounting_ids": ids})}
    )
    return replace(company, office=Office(registered(replace(pipeline, mapping=mapping)), company.portal))


def accounts(company: Company) -> dict[str, tuple[str | None, str | None]]:
    """Rule and id at the target of every customer, by name."""
    rows = company.office.rows(
        "SELECT customer.name, account.rule, account.remote_id FROM crm.customer_accounts AS account"
        " INNER JOIN crm.customers AS customer ON customer.id = account.customer_id"
    )
    return {row["name"]: (row["rule"], row["remote_id"]) for row in rows}


def waiting(company: Company) -> dict[str, str]:
    """Why each customer waits."""
    with company.office.pipeline.engine.connect() as connection:
        return {row["name"]: row["why"] for row in customers_waiting(connection)}


def test_the_id_in_the_crm_links_before_everything_else(company: Company) -> None:
    there = company.vendor.seed_customer("Formerly Called So")
    company.vendor.seed_customer("Seven", email="bills@seven.example")
    company.portal.company("7", name="Seven", billing_email="bills@seven.example", **{FIELD: f" {there} "})
    company.portal.deal("1")
    company.sync()

    company.deliver()

    assert accounts(company) == {"Seven": ("stated_id", there)}
    assert company.states() == {"posted": 1}
    [evidence] = company.office.rows("SELECT evidence FROM crm.customer_accounts")
    assert evidence["evidence"] == {
        "field": FIELD,
        "value": there,
        "company": "7",
        "name_there": "Formerly Called So",
    }


def test_an_id_of_nobody_waits_until_it_is_corrected_in_the_crm(company: Company) -> None:
    there = company.vendor.seed_customer("Seven Ltd")
    company.portal.company("7", name="Seven", **{FIELD: "999999"})
    company.portal.deal("1")
    company.sync()
    company.deliver()

    assert company.states() == {"waiting": 1}
    assert waiting(company) == {
        "Seven": f"{FIELD} of company 7 is '999999', and nobody there has that id; correct it in the CRM, or "
        "decide with `targets link` or `targets new`"
    }

    company.portal.change(ObjectType.COMPANY, "7", **{FIELD: there.upper()})
    company.sync()
    company.deliver()

    assert company.states() == {"posted": 1}
    assert accounts(company) == {"Seven": ("stated_id", there)}


def test_two_customers_of_one_id_both_wait_and_both_go_on_once_one_is_corrected(company: Company) -> None:
    there = company.vendor.seed_customer("Seven Ltd")
    company.portal.company("7", name="Seven", **{FIELD: there})
    company.portal.company("8", name="Eight Bakery", **{FIELD: there})
    company.portal.deal("1")
    company.portal.deal("2", company="8")
    company.sync()
    company.deliver()

    assert company.states() == {"waiting": 2}
    why = waiting(company)
    assert "the CRM says the same of Eight Bakery (customer " in why["Seven"]
    assert "the CRM says the same of Seven (customer " in why["Eight Bakery"]

    company.portal.change(ObjectType.COMPANY, "8", **{FIELD: None})
    company.sync()
    company.deliver()

    assert company.states() == {"posted": 2}
    assert accounts(company)["Seven"] == ("stated_id", there)
    assert accounts(company)["Eight Bakery"][0] == "created"


THERE = Namesake(Party("Acme There", "US1", None, None, remote_id="58", currency="USD"), True, None)
OURS = Party("Acme", "US1", None, None, currency="USD")
STATED = Stated("7", "qbo_id", "58", (), THERE)


def test_a_record_that_nothing_speaks_against_is_the_customer() -> None:
    assert isinstance(verdict(OURS, [STATED, replace(STATED, company="9")]), Linked)


@pytest.mark.parametrize(
    ("ours", "stated", "because"),
    [
        (replace(OURS, tax_id="US2"), [STATED], "Acme There there has another tax id"),
        (replace(OURS, currency="EUR"), [STATED], "Acme There there is billed in USD, not in EUR"),
        (OURS, [replace(STATED, there=replace(THERE, active=False))], "Acme There there is inactive"),
        (OURS, [replace(STATED, there=replace(THERE, taken_by="Umbrella"))], "there is Umbrella already"),
        (OURS, [STATED, Stated("9", "qbo_id", "61", (), None)], "qbo_id of company 9 is '61'"),
    ],
)
def test_a_record_that_cannot_be_the_customer_is_left_to_a_person(
    ours: Party, stated: list[Stated], because: str
) -> None:
    undecided = verdict(ours, stated)

    assert isinstance(undecided, Undecided)
    assert because in undecided.why
    assert [each.remote_id for each in undecided.candidates] == ["58"]
