from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, text

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline_tests.accounting.postgres_ledger.conftest import (
    RECEIVABLE,
    REVENUE,
    TAX,
    Books,
    item,
    post,
)


@pytest.fixture
def sound(books: Books) -> Books:
    """Three invoices and a credit note of `us`, one invoice of `eu`."""
    books.post(
        item(1),
        item(2, 2_500),
        item(3, 300),
        item(4, 300, kind="credit_note", lines=[[RECEIVABLE, 0, 300], [REVENUE, 300, 0]]),
        item(5, entity="eu", currency="EUR"),
    )
    assert books.problems() == []
    return books


class TestSoundBooks:
    def test_prove_without_a_problem_and_with_their_balances(self, sound: Books) -> None:
        with sound.engine.connect() as connection:
            proof = prove_ledger(connection)

        assert (proof.entries, proof.problems) == (5, [])
        assert proof.trial_balance() == {"EUR": 0, "USD": 0}
        assert proof.balances[RECEIVABLE, "USD"] == 3_500
        assert proof.balances[REVENUE, "EUR"] == -1_000

    def test_prove_with_tax_on_either_kind(self, books: Books) -> None:
        body = {"lines": [{"amount_minor": 1_000}], "taxes": [{"tax_minor": 190}]}
        entry = [[RECEIVABLE, 1_190, 0], [REVENUE, 0, 1_000], [TAX, 0, 190]]
        mirrored = [[account, credit, debit] for account, debit, credit in entry]
        books.post(
            item(1, 1_190, lines=entry, body=body),
            item(2, 1_190, lines=mirrored, body=body, kind="credit_note"),
        )

        assert books.problems() == []

    def test_prove_when_they_are_empty(self, books: Books) -> None:
        assert books.problems() == []

    @pytest.mark.parametrize(
        "description",
        [
            "Müller & Søn – 東京 👩🏽‍💻",
            "quotes \" ' ` and \\ backslashes \\u0041 \\n",
            "control \x01\x08\t\n\x0b\x0c\r\x1f\x7f\x80 characters",
            "\u2028line\u2029separators\ufeff",
            '<script>alert("&amp;")</script>',
            "long " * 20_000,
            "",
        ],
    )
    def test_have_the_same_hash_in_python_whatever_the_text(self, books: Books, description: str) -> None:
        books.post(item(1, description=description))

        assert books.problems() == []

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=200))
    def test_have_the_same_hash_in_python_for_any_text(self, books: Books, description: str) -> None:
        with books.engine.connect() as connection:
            post(connection, [item(1, description=description)])
            assert prove_ledger(connection).problems == []
            connection.rollback()

    def test_of_sums_beyond_what_json_numbers_hold_prove(self, books: Books) -> None:
        books.post(item(1, 9_007_199_254_740_993))

        assert books.problems() == []


ENTRIES = {
    "SECOND": "(SELECT id FROM ledger.journal_entries WHERE document_number = 'US-INV-000002')",
    "NEWEST": "(SELECT id FROM ledger.journal_entries WHERE document_number = 'US-CN-000001')",
}
DELETE_SECOND = """
    DELETE FROM ledger.documents WHERE entry_id = SECOND;
    DELETE FROM ledger.journal_lines WHERE entry_id = SECOND;
    DELETE FROM ledger.journal_entries WHERE id = SECOND
"""


def tamper(books: Books, statements: str) -> None:
    for name, entry in ENTRIES.items():
        statements = statements.replace(name, entry)
    books.tamper(statements)


class TestTamperedBooks:
    @pytest.mark.parametrize(
        ("tampering", "found"),
        [
            (
                """
                UPDATE ledger.journal_lines SET debit_minor = 1 WHERE entry_id = SECOND AND position = 1;
                UPDATE ledger.journal_lines SET credit_minor = 1 WHERE entry_id = SECOND AND position = 2
                """,
                "entry 2 of us (US-INV-000002): the hash does not follow",
            ),
            (
                "UPDATE ledger.journal_lines SET debit_minor = 1 WHERE entry_id = SECOND AND position = 1",
                "entry 2 of us (US-INV-000002): debit and credit differ by -2499 minor units",
            ),
            (
                "UPDATE ledger.journal_lines SET account = '2400' WHERE entry_id = SECOND AND position = 2",
                "entry 2 of us (US-INV-000002): the hash does not follow",
            ),
            (
                "UPDATE ledger.journal_entries SET description = 'nothing' WHERE id = SECOND",
                "entry 2 of us (US-INV-000002): the hash does not follow",
            ),
            (
                "UPDATE ledger.journal_entries SET accounting_date = '2025-12-31' WHERE id = SECOND",
                "entry 2 of us (US-INV-000002): the hash does not follow",
            ),
            (
                "UPDATE ledger.journal_entries SET posted_at = posted_at + interval '1 us' WHERE id = SECOND",
                "entry 2 of us (US-INV-000002): the hash does not follow",
            ),
            (
                "UPDATE ledger.journal_entries SET currency = 'EUR' WHERE id = SECOND",
                "entry 2 of us (US-INV-000002): the hash does not follow",
            ),
            (DELETE_SECOND.replace("SECOND", "NEWEST"), "us: the newest entry is 3, but it should be 4"),
            (DELETE_SECOND, "entry 3 of us (US-INV-000003): the chain jumps from 1"),
            (
                "DELETE FROM ledger.chain_heads WHERE entity = 'us'",
                "us: the newest entry is 4, but it should be 0",
            ),
            (
                "DELETE FROM ledger.documents WHERE entry_id = SECOND",
                "numbers US-INV-… of us: 2 documents, the highest is 3, but 3 numbers were drawn",
            ),
            (
                "DELETE FROM ledger.documents WHERE number = 'US-INV-000003'",
                "numbers US-INV-… of us: 2 documents, the highest is 2, but 3 numbers were drawn",
            ),
            (
                "UPDATE ledger.documents SET series_number = 7 WHERE number = 'US-INV-000003'",
                "numbers US-INV-… of us: 3 documents, the highest is 7, but 3 numbers were drawn",
            ),
            (
                "DELETE FROM ledger.documents WHERE entry_id = SECOND",
                "document US-INV-000002 of us says something else than its entry",
            ),
            (
                "UPDATE ledger.documents SET total_minor = 1 WHERE number = 'US-INV-000002'",
                "document US-INV-000002 of us says something else than its entry",
            ),
            (
                "UPDATE ledger.documents SET issue_date = '2025-12-31' WHERE number = 'US-INV-000002'",
                "document US-INV-000002 of us says something else than its entry",
            ),
            (
                """UPDATE ledger.documents SET body = '{"lines": [{"amount_minor": 5}]}'
                WHERE number = 'US-INV-000002'""",
                "document US-INV-000002 of us says something else than its entry",
            ),
            (
                """UPDATE ledger.documents
                SET body = '{"lines": [{"amount_minor": 2100}], "taxes": [{"tax_minor": 400}]}'
                WHERE number = 'US-INV-000002'""",
                "document US-INV-000002 of us says something else than its entry",
            ),
            (
                "UPDATE ledger.documents SET kind = 'credit_note' WHERE number = 'US-INV-000003'",
                "document US-INV-000003 of us says something else than its entry",
            ),
        ],
    )
    def test_are_found_out(self, sound: Books, tampering: str, found: str) -> None:
        tamper(sound, tampering)

        assert any(problem.startswith(found) for problem in sound.problems()), sound.problems()

    def test_do_not_pass_with_a_forged_hash_either(self, sound: Books) -> None:
        with sound.tampering() as connection:
            forge(connection)

        assert [problem[:13] for problem in sound.problems()] == ["entry 3 of us"]

    def test_of_one_entity_say_nothing_against_the_other(self, sound: Books) -> None:
        tamper(sound, DELETE_SECOND)

        assert all(" eu" not in problem for problem in sound.problems())


def forge(connection: Connection) -> None:
    """A changed description with the hash that belongs to it."""
    connection.execute(
        text(
            """
            UPDATE ledger.journal_entries AS entry SET description = 'nothing', hash = ledger.chain_hash(
                entry.previous_hash,
                ledger.entry_text(
                    entry.entity, entry.sequence, entry.intent_id, entry.accounting_date, entry.currency,
                    entry.document_number, 'nothing', entry.posted_at,
                    (
                        SELECT jsonb_agg(jsonb_build_array(
                            line.position::text, line.account, line.debit_minor::text, line.credit_minor::text
                        ) ORDER BY line.position)
                        FROM ledger.journal_lines AS line WHERE line.entry_id = entry.id
                    )
                )
            ) WHERE entry.document_number = 'US-INV-000002'
            """
        )
    )
