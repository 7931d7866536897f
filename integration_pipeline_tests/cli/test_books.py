"""`sync`, `status` and `verify` on a synced account."""

from __future__ import annotations

import json

from sqlalchemy import create_engine, text

from integration_pipeline_tests.cli.conftest import Account, Command


def _tamper(database: str, statement: str) -> None:
    """Change what no program may change: with the triggers off, as only the server's owner can."""
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(text(statement))
    engine.dispose()


def test_a_second_sync_posts_nothing_and_says_so(command: Command) -> None:
    again = command("sync")

    assert again.exit_code == 0
    assert "Nothing new to post" in again.output


def test_every_won_deal_of_the_crm_is_accounted_for(command: Command, account: Account) -> None:
    status = json.loads(command("status", "--json").output)

    won = [deal for deal in account.data_set.of_type("deals") if deal.properties["dealstage"] == "closedwon"]
    assert sum(status["won_deals"].values()) == len(won)
    assert "waiting" not in status["won_deals"]
    assert status["invoices"] > len(won)
    assert set(status["trial_balance_minor"].values()) == {0}


def test_status_shows_a_person_what_was_held_back_and_the_trial_balance(command: Command) -> None:
    shown = command("status").output

    assert "deal has a company" in shown
    assert "Accounts receivable" in shown
    assert "balanced" in shown


def test_untouched_books_verify(command: Command) -> None:
    verified = command("verify")

    assert verified.exit_code == 0
    assert "the books hold" in verified.output


def test_a_changed_amount_is_found_and_the_entry_named(command: Command, database: str) -> None:
    _tamper(
        database,
        "UPDATE ledger.journal_lines SET debit_minor = debit_minor + 1 WHERE debit_minor > 0"
        " AND entry_id = (SELECT min(id) FROM ledger.journal_entries WHERE entity = 'us' AND sequence = 1)",
    )

    verified = command("verify")

    assert verified.exit_code == 1
    assert "entry 1 of us (US-INV-000001)" in verified.output


def test_a_deal_that_was_forgotten_is_found_and_the_next_step_named(command: Command, database: str) -> None:
    _tamper(
        database,
        "UPDATE posting.quarantine SET state = 'released' WHERE rule = 'deal_has_a_company'",
    )

    verified = json.loads(command("verify", "--json").output)

    assert not verified["ok"]
    assert any("integration-pipeline sync --deal hubspot:" in problem for problem in verified["problems"])


def test_a_document_that_slipped_past_the_gate_is_found(command: Command, database: str) -> None:
    _tamper(
        database,
        "DELETE FROM posting.gate_records WHERE subject_kind = 'document' AND subject_id ="
        " (SELECT min(document_id) FROM posting.intents WHERE state = 'posted')",
    )

    verified = command("verify")

    assert verified.exit_code == 1
    assert "was posted without having passed the gate" in verified.output


def test_a_single_deal_can_be_synced_by_its_crm_id(command: Command, database: str) -> None:
    engine = create_engine(database)
    with engine.connect() as connection:
        deal = connection.execute(
            text("SELECT external_id FROM crm.current_deals WHERE state = 'won' LIMIT 1")
        ).scalar_one()
    engine.dispose()

    reports = json.loads(command("sync", "--deal", deal, "--json").output)["stages"]

    assert reports[0]["stage"] == "extract"
    assert reports[0]["counts"]["read_deal"] == 1
