"""What people see of accounting systems and decide about them, without one being asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from integration_pipeline.accounting.targets_file import UnknownTarget
from integration_pipeline.pipeline.context import PostsTo
from integration_pipeline.pipeline.post import enlist
from integration_pipeline_tests.cli.conftest import Command

TARGETS = """
targets:
  - name: xero-us
    vendor: xero
    account: 45e4708e-d862-4111-ab3a-dd8cd03913e1
    entities: [us]
    since: 2016-01-01
"""


@pytest.fixture
def books(database: str) -> Iterator[Engine]:
    engine = create_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def targets_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "targets.yaml"
    path.write_text(TARGETS)
    monkeypatch.setenv("TARGETS_FILE", str(path))
    return path


@pytest.fixture
def refused(books: Engine, targets_file: Path) -> int:
    """A document that the target has refused; its intent."""
    with books.begin() as connection:
        enlist(connection, [PostsTo("xero-us", "us", date(2016, 1, 1))])
        return connection.execute(
            text("""
                UPDATE posting.intents SET state = 'rejected', last_error = 'account 200 is archived there'
                WHERE id = (SELECT min(id) FROM posting.intents WHERE target = 'xero-us')
                RETURNING id
            """)
        ).scalar_one()


def test_without_a_targets_file_there_is_none_to_show(command: Command) -> None:
    assert "TARGETS_FILE is not set" in command("targets", "list").output


def test_the_list_says_what_is_under_way_and_what_is_stuck(command: Command, refused: int) -> None:
    shown = command("targets", "list").output

    assert "xero-us" in shown
    assert "documents rejected 1" in shown
    assert "documents pending" in shown


def test_what_is_stuck_is_shown_with_the_targets_words(command: Command, refused: int) -> None:
    [row] = json.loads(command("targets", "stuck", "--json").output)

    assert (row["id"], row["state"]) == (refused, "rejected")
    assert row["last_error"] == "account 200 is archived there"


def test_a_stuck_document_is_due_again_once_a_person_says_why(
    command: Command, refused: int, books: Engine
) -> None:
    done = command("targets", "resend", str(refused), "--reason", "unarchived", "--by", "ann")

    assert "is due again at xero-us" in done.output
    with books.connect() as connection:
        state = connection.execute(
            text("SELECT state FROM posting.intents WHERE id = :id"), {"id": refused}
        ).scalar_one()
        actor = connection.execute(text("SELECT actor FROM ops.audit_log")).scalar_one()
    assert (state, actor) == ("pending", "ann")


def test_what_was_entered_by_hand_is_not_stuck_any_more_and_listed_as_such(
    command: Command, refused: int
) -> None:
    done = command("targets", "settled", str(refused), "--remote-id", "INV-7", "--reason", "r", "--by", "ann")

    assert "is settled at xero-us" in done.output
    assert json.loads(command("targets", "stuck", "--json").output) == []
    [row] = json.loads(command("targets", "stuck", "--settled", "--json").output)
    assert (row["id"], row["remote_id"]) == (refused, "INV-7")


def test_a_paused_target_is_sent_to_again_when_a_person_says_so(
    command: Command, targets_file: Path, books: Engine
) -> None:
    assert isinstance(command("targets", "resume", "xero", "--reason", "r").exception, UnknownTarget)
    assert "xero-us is not paused" in command("targets", "resume", "xero-us", "--reason", "r").output
    with books.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO posting.writers (target, fencing_token, holder, paused_until, paused_for)
                VALUES ('xero-us', 1, 'x', clock_timestamp() + interval '1 hour', 'the day limit')
            """)
        )

    assert command("targets", "resume", "xero-us", "--reason", "raised", "--by", "ann").exit_code == 0

    with books.connect() as connection:
        assert connection.execute(text("SELECT paused_until FROM posting.writers")).scalar_one() is None
        [entry] = connection.execute(text("SELECT actor, action, details FROM ops.audit_log"))
    assert (entry.actor, entry.action) == ("ann", "posting.resume")
    assert entry.details["paused_for"] == "the day limit"


def test_a_decision_that_does_not_fit_is_one_sentence(command: Command, targets_file: Path) -> None:
    done = command("targets", "close", "99", "--reason", "seen")

    assert done.exit_code == 1
    assert "there is no open finding 99" in done.output


def test_an_unknown_target_is_named_with_those_there_are(command: Command, targets_file: Path) -> None:
    done = command("targets", "post", "quickbooks")

    # `main` makes a sentence of it, as of every fault that people can mend.
    assert isinstance(done.exception, UnknownTarget)
    assert str(done.exception) == "there is no target 'quickbooks'; the targets file has xero-us"


def test_status_shows_the_targets_beside_the_books(command: Command, refused: int) -> None:
    [target] = json.loads(command("status", "--json").output)["targets"]

    assert target["target"] == "xero-us"
    assert target["states"]["document rejected"] == 1
