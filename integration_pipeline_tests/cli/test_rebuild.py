"""What a person learns from computing the books anew."""

from __future__ import annotations

import json

from sqlalchemy import create_engine, text

from integration_pipeline_tests.cli.conftest import Command


def test_untouched_books_follow_from_raw_records_to_the_byte(command: Command) -> None:
    shown = command("rebuild", "--into", "again")

    assert shown.exit_code == 0, shown.output
    assert "raw records bring about every row of the books" in shown.output


def test_a_changed_amount_is_shown_with_both_values(command: Command, database: str) -> None:
    engine = create_engine(database)
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            text(
                """
                UPDATE ledger.journal_lines SET debit_minor = 7
                WHERE debit_minor > 0 AND entry_id = (SELECT min(id) FROM ledger.journal_entries)
                """
            )
        )
    engine.dispose()

    answer = command("rebuild", "--into", "again", "--json")

    found = json.loads(answer.output)
    [difference] = found["differences"]
    assert (answer.exit_code, found["ok"], found["problems"]) == (1, False, [])
    assert (difference["table"], difference["field"]) == ("ledger.journal_lines", "debit_minor")
    assert difference["live"] == 7
    assert difference["rebuilt"] > 7


def test_a_schema_of_the_books_is_refused(command: Command) -> None:
    refused = command("rebuild", "--into", "ledger")

    assert refused.exit_code == 2
    assert "choose another name" in refused.output
