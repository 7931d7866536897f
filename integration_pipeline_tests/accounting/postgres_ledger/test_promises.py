"""What the database itself refuses, asked by a superuser in plain SQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from integration_pipeline_tests.accounting.postgres_ledger.conftest import (
    RECEIVABLE,
    REVENUE,
    Books,
    Line,
    add_entry,
    add_lines,
    item,
    post,
)

BALANCED: tuple[Line, ...] = ((RECEIVABLE, 500, 0), (REVENUE, 0, 500))


class TestEntries:
    def test_that_balance_are_taken(self, books: Books) -> None:
        with books.engine.begin() as connection:
            add_entry(connection, 1, BALANCED)
            add_entry(connection, 2, [(RECEIVABLE, 700, 0), (REVENUE, 0, 500), ("2400", 0, 200)])

        assert len(books.rows("SELECT * FROM ledger.journal_entries")) == 2

    @pytest.mark.parametrize(
        "lines",
        [
            [(RECEIVABLE, 500, 0), (REVENUE, 0, 499)],
            [(RECEIVABLE, 500, 0)],
            [(RECEIVABLE, 0, 500), (REVENUE, 0, 500)],
        ],
    )
    def test_that_do_not_balance_are_refused(self, books: Books, lines: list[Line]) -> None:
        with (
            pytest.raises(IntegrityError, match="entry 1 of us does not balance: debit"),
            books.engine.begin() as connection,
        ):
            add_entry(connection, 1, lines)

    @pytest.mark.parametrize(
        "line", [(RECEIVABLE, 0, 0), (RECEIVABLE, 5, 5), (RECEIVABLE, -5, 0), (RECEIVABLE, 0, -5)]
    )
    def test_have_one_positive_side_on_every_line(self, books: Books, line: Line) -> None:
        with pytest.raises(IntegrityError, match="one_side"), books.engine.begin() as connection:
            add_entry(connection, 1, [*BALANCED, line])

    def test_without_lines_are_refused_at_commit(self, books: Books) -> None:
        with books.engine.connect() as connection:
            add_entry(connection, 1, [])
            with pytest.raises(IntegrityError, match="entry 1 of us has no lines"):
                connection.commit()

    def test_take_no_line_later(self, books: Books) -> None:
        books.post(item(1))
        [(entry_id,)] = books.rows("SELECT id FROM ledger.journal_entries")
        with (
            pytest.raises(IntegrityError, match="do not give its hash"),
            books.engine.begin() as connection,
        ):
            add_lines(connection, entry_id, BALANCED, first=3)

    def test_take_no_lines_of_another_entity(self, books: Books) -> None:
        with pytest.raises(IntegrityError), books.engine.begin() as connection:
            add_entry(connection, 1, [(RECEIVABLE, 500, 0), ("no such account", 0, 500)])

    def test_stand_once_for_an_intent(self, books: Books) -> None:
        books.post(item(1))
        with (
            pytest.raises(IntegrityError, match="uq_journal_entries_intent_id"),
            books.engine.begin() as connection,
        ):
            add_entry(connection, 2, BALANCED, intent=1)

    def test_with_a_wrong_hash_are_refused(self, books: Books) -> None:
        with (
            pytest.raises(IntegrityError, match="do not give its hash"),
            books.engine.begin() as connection,
        ):
            add_entry(connection, 1, BALANCED, entry_hash="f" * 64)

    def test_with_a_wrong_previous_hash_are_refused(self, books: Books) -> None:
        books.post(item(1))
        for previous in ("f" * 64, "0" * 64):
            with (
                pytest.raises(IntegrityError, match="entry 2 of us does not follow the chain"),
                books.engine.begin() as connection,
            ):
                add_entry(connection, 2, BALANCED, previous=previous)

    @pytest.mark.parametrize("sequence", [0, 1, 3, -1])
    def test_extend_the_chain_by_one(self, books: Books, sequence: int) -> None:
        books.post(item(1))
        with pytest.raises(IntegrityError), books.engine.begin() as connection:
            add_entry(connection, sequence, BALANCED, intent=2, previous="0" * 64)


@pytest.mark.parametrize("table", ["journal_entries", "journal_lines", "documents"])
class TestWhatIsPosted:
    def test_is_never_changed(self, books: Books, table: str) -> None:
        books.post(item(1))
        with (
            pytest.raises(IntegrityError, match=f"ledger.{table} is append only: UPDATE refused"),
            books.engine.begin() as connection,
        ):
            connection.execute(text(f"UPDATE ledger.{table} SET entity = entity"))  # noqa: S608

    def test_is_never_deleted(self, books: Books, table: str) -> None:
        books.post(item(1))
        with (
            pytest.raises(IntegrityError, match=f"ledger.{table} is append only: DELETE refused"),
            books.engine.begin() as connection,
        ):
            connection.execute(text(f"DELETE FROM ledger.{table}"))  # noqa: S608

    @pytest.mark.parametrize("statement", ["TRUNCATE ledger.{} CASCADE", "TRUNCATE posting.intents CASCADE"])
    def test_is_never_truncated(self, books: Books, table: str, statement: str) -> None:
        books.post(item(1))
        with (
            pytest.raises(IntegrityError, match="is append only: TRUNCATE refused"),
            books.engine.begin() as connection,
        ):
            connection.execute(text(statement.format(table)))


class TestNumbers:
    def test_have_no_gap_when_a_posting_is_rolled_back(self, books: Books) -> None:
        books.post(item(1))
        with books.engine.connect() as connection:
            assert post(connection, [item(2), item(3)]) == ["US-INV-000002", "US-INV-000003"]
            connection.rollback()

        assert books.post(item(4)) == ["US-INV-000002"]
        assert books.problems() == []

    def test_have_no_gap_when_a_document_of_a_batch_is_refused(self, books: Books) -> None:
        bad = item(2, lines=[[RECEIVABLE, 1_000, 0], [REVENUE, 0, 999]])
        with pytest.raises(IntegrityError):
            books.post(item(1), bad)

        assert books.post(item(3)) == ["US-INV-000001"]

    def test_count_for_every_entity_and_kind_from_one(self, books: Books) -> None:
        numbers = books.post(
            item(1),
            item(2, entity="eu"),
            item(3),
            item(4, kind="credit_note", lines=[[RECEIVABLE, 0, 1_000], [REVENUE, 1_000, 0]]),
        )

        assert sorted(numbers) == ["EU-INV-000001", "US-CN-000001", "US-INV-000001", "US-INV-000002"]
        assert books.problems() == []

    def test_grow_longer_than_six_digits(self, books: Books) -> None:
        books.tamper("INSERT INTO ledger.number_series VALUES ('us', 'US-INV-', 999999)")

        assert books.post(item(1)) == ["US-INV-1000000"]

    def test_may_come_from_a_series_of_the_document_s_own(self, books: Books) -> None:
        back = [[RECEIVABLE, 0, 1_000], [REVENUE, 1_000, 0]]
        numbers = books.post(
            item(1, series="US-2026/", digits=4),
            item(2),
            item(3, series="US-2026/", digits=4, kind="credit_note", lines=back),
        )

        assert numbers == ["US-2026/0001", "US-INV-000001", "US-2026/0002"]
        assert books.problems() == []

    def test_and_chains_have_no_gap_under_two_posters_at_once(self, books: Books) -> None:
        start = Barrier(2)

        def run(intents: range) -> None:
            start.wait()
            for intent in intents:
                entity = ("us", "eu")[intent % 2]
                with books.engine.connect() as connection:
                    post(connection, [item(intent, entity=entity)])
                    # Every third posting breaks off after all is done but the commit.
                    if intent % 3:
                        connection.commit()

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(run, [range(1, 11), range(11, 21)]))

        assert books.problems() == []
        assert len(books.rows("SELECT * FROM ledger.documents")) == 14


class TestFencing:
    def test_lets_a_stale_token_post_nothing(self, books: Books) -> None:
        assert books.post(item(1, fencing_token=0)) == []
        assert books.rows("SELECT * FROM ledger.journal_entries") == []

    def test_lets_the_rest_of_a_batch_through(self, books: Books) -> None:
        assert books.post(item(1, fencing_token=0), item(2)) == ["US-INV-000001"]

    @pytest.mark.parametrize("state", ["pending", "posted", "cancelled", "uncertain", "rejected"])
    def test_lets_only_claimed_intents_through(self, books: Books, state: str) -> None:
        books.tamper(f"UPDATE posting.intents SET state = '{state}'")  # noqa: S608

        assert books.post(item(1)) == []

    def test_leaves_books_that_prove_sound(self, books: Books) -> None:
        books.post(item(1, fencing_token=0))

        assert books.problems() == []


def test_posting_marks_the_intent_with_number_and_hash_and_ends_the_attempt(books: Books) -> None:
    books.tamper("INSERT INTO posting.attempts (intent_id, number, fencing_token) VALUES (1, 1, 1)")
    books.post(item(1))

    [row] = books.rows(
        """
        SELECT intent.state, intent.remote_id, intent.response_hash = entry.hash, attempt.outcome
        FROM posting.intents AS intent
        INNER JOIN ledger.journal_entries AS entry ON entry.intent_id = intent.id
        INNER JOIN posting.attempts AS attempt ON attempt.intent_id = intent.id
        """
    )
    assert tuple(row) == ("posted", "US-INV-000001", True, "posted")
