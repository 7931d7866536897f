"""What a person decides about posting, and what follows from it."""

from __future__ import annotations

import pytest

from integration_pipeline.posting import decisions, intents_by_hand
from integration_pipeline.posting.standing import customers_waiting, open_findings, standing, stuck
from integration_pipeline.posting.sweep import sweep
from integration_pipeline.posting.writer import open_session
from integration_pipeline_tests.posting.conftest import Company

WHY = "asked their accounts payable"


@pytest.fixture
def look_alike(company: Company) -> str:
    """Somebody there with a name like our customer's, for whom a document waits; the id there."""
    there = company.vendor.seed_customer("Company Seven Incorporated")
    company.portal.company("7", name="Company Seven Inc")
    company.portal.deal("1")
    company.sync()
    company.deliver()
    assert company.states() == {"waiting": 1}
    return there


def customer(company: Company) -> int:
    return company.office.value("SELECT id FROM crm.customers")


def test_a_linked_customer_gets_what_waited_for_it(company: Company, look_alike: str) -> None:
    with company.office.pipeline.engine.begin() as connection:
        [waiting] = customers_waiting(connection)
        freed = decisions.link_customer(
            connection, company.target.name, waiting["customer_id"], look_alike, by="ann", reason=WHY
        )

    company.deliver()

    assert waiting["candidates"][0]["remote_id"] == look_alike
    assert freed == 1
    assert company.states() == {"posted": 1}
    [account] = company.office.rows("SELECT * FROM crm.customer_accounts")
    assert (account["remote_id"], account["rule"], account["decided_by"]) == (look_alike, "by_hand", "ann")
    [entry] = company.office.rows("SELECT * FROM ops.audit_log")
    assert (entry["actor"], entry["details"]["reason"]) == ("ann", WHY)


def test_a_customer_declared_new_is_created(company: Company, look_alike: str) -> None:
    with company.office.pipeline.engine.begin() as connection:
        decisions.declare_new(
            connection, company.target.name, customer(company), by="ann", reason="another company"
        )

    company.deliver()

    assert company.states() == {"posted": 1}
    [account] = company.office.rows("SELECT * FROM crm.customer_accounts")
    assert account["rule"] == "created"
    assert account["remote_id"] != look_alike


def test_a_link_to_nobody_is_refused_with_what_to_do(company: Company, look_alike: str) -> None:
    with (
        company.office.pipeline.engine.begin() as connection,
        pytest.raises(decisions.NotPossible, match=r"has no customer 404 that is known here"),
    ):
        decisions.link_customer(
            connection, company.target.name, customer(company), "404", by="ann", reason=WHY
        )


def test_nobody_decides_about_a_customer_who_does_not_wait(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    company.deliver()

    with (
        company.office.pipeline.engine.begin() as connection,
        pytest.raises(decisions.NotPossible, match="does not wait"),
    ):
        decisions.declare_new(connection, company.target.name, customer(company), by="ann", reason=WHY)


def test_what_was_refused_goes_out_once_its_cause_is_mended(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    # As after a refusal whose cause somebody has mended there.
    company.office.execute("UPDATE posting.intents SET state = 'rejected' WHERE target <> 'ledger'")
    with company.office.pipeline.engine.begin() as connection:
        [row] = stuck(connection, company.target.name)
        intents_by_hand.resend(connection, row["id"], by="ann", reason="the account is there now")

    company.deliver()

    assert company.states() == {"posted": 1}
    with (
        company.office.pipeline.engine.begin() as connection,
        pytest.raises(decisions.NotPossible, match="is posted"),
    ):
        intents_by_hand.resend(connection, row["id"], by="ann", reason="once more")


def test_a_finding_that_a_person_accepted_is_not_told_again(company: Company) -> None:
    company.portal.deal("1")
    company.sync()
    company.deliver()
    [intent] = company.office.rows("SELECT remote_id FROM posting.intents WHERE target <> 'ledger'")
    company.vendor.edit(intent["remote_id"], void=True)
    with open_session(company.office.pipeline.database_url, "sweep") as session:
        sweep(session, company.target)
        with company.office.pipeline.engine.begin() as connection:
            [finding] = open_findings(connection, company.target.name)
            decisions.close_finding(connection, finding["id"], by="ann", reason="credited by hand")
        sweep(session, company.target)

    assert finding["kind"] == "voided"
    with company.office.pipeline.engine.connect() as connection:
        assert open_findings(connection) == []
        [stands] = standing(connection, [company.target.name])
    assert stands.findings == 0
    assert stands.states == {"document posted": 1}
