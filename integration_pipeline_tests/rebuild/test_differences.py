"""What does not follow from raw records is named: the row, the field and both values."""

from __future__ import annotations

import pytest
from sqlalchemy import RowMapping, text

from integration_pipeline.rebuild.compare import Finding, unlike_fields, unlike_rows
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.rebuild.conftest import Rebuild, said


@pytest.fixture
def billed(office: Office, portal: Portal) -> Office:
    """Three deals with an invoice each, and a subscription with six."""
    for deal in ("1", "2", "3"):
        portal.deal(deal, dealname=f"Deal {deal}")
    portal.subscription("4", dealname="Deal 4")
    office.sync()
    return office


def tamper(office: Office, *statements: str, **parameters: object) -> None:
    """Change what no program may change: with the triggers off, as only the server's owner can."""
    with office.pipeline.engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            assert connection.execute(text(statement), parameters).rowcount > 0


def entry_of(office: Office, deal: str) -> RowMapping:
    """Number, entry and place in the chain of a deal's only invoice."""
    [row] = office.rows(
        """
        SELECT issued.number, issued.entry_id, entry.sequence
        FROM ledger.documents AS issued
        INNER JOIN ledger.journal_entries AS entry ON entry.id = issued.entry_id
        WHERE issued.body ->> 'deal' = :deal
        """,
        deal=f"hubspot:{deal}",
    )
    return row


class TestATamperedLine:
    def test_of_the_journal_is_named_with_both_amounts(self, billed: Office, rebuilt: Rebuild) -> None:
        entry = entry_of(billed, "2")
        tamper(
            billed,
            "UPDATE ledger.journal_lines SET debit_minor = 1 WHERE debit_minor > 0 AND entry_id = :entry",
            entry=entry["entry_id"],
        )

        assert said(rebuilt()) == [
            f"ledger.journal_lines: line 1 of entry {entry['sequence']} of us ({entry['number']}): "
            "debit_minor is 1, rebuilt 120000"
        ]

    def test_of_an_invoice_is_named_with_the_document_it_is_on(
        self, billed: Office, rebuilt: Rebuild
    ) -> None:
        tamper(
            billed,
            """
            UPDATE billing.lines SET description = 'Gift'
            WHERE document_id = (SELECT id FROM billing.documents WHERE deal_key = 'hubspot:2')
            """,
        )

        assert said(rebuilt()) == [
            "billing.lines: line 1 of hubspot:2/2026-03-10/invoice/1: description is 'Gift', rebuilt 'Deal 2'"
        ]

    def test_that_is_only_written_otherwise_is_named_too(self, billed: Office, rebuilt: Rebuild) -> None:
        tamper(
            billed,
            """
            UPDATE billing.lines SET quantity = 1.00
            WHERE document_id = (SELECT id FROM billing.documents WHERE deal_key = 'hubspot:2')
            """,
        )

        assert said(rebuilt()) == [
            "billing.lines: line 1 of hubspot:2/2026-03-10/invoice/1: quantity is '1.00', rebuilt 1"
        ]

    def test_in_the_body_of_an_issued_document_is_named_by_its_path(
        self, billed: Office, rebuilt: Rebuild
    ) -> None:
        tamper(
            billed,
            """
            UPDATE ledger.documents SET body = jsonb_set(body, '{lines,0,amount_minor}', '1')
            WHERE body ->> 'deal' = 'hubspot:3'
            """,
        )

        [difference] = rebuilt().comparison.differences

        assert (difference.field, difference.live) == ("body.lines.0.amount_minor", 1)
        assert difference.deal_key == "hubspot:3"


class TestAnEntry:
    def test_that_vanished_with_its_document_follows_from_what_came_in(
        self, billed: Office, rebuilt: Rebuild
    ) -> None:
        tamper(
            billed,
            "DELETE FROM ledger.journal_lines WHERE entry_id = :entry",
            "DELETE FROM ledger.journal_entries WHERE id = :entry",
            "DELETE FROM ledger.documents WHERE entry_id = :entry",
            entry=entry_of(billed, "2")["entry_id"],
        )

        found = rebuilt().comparison.differences

        assert {each.finding for each in found} == {Finding.ADDITIONAL}
        assert {each.table for each in found} == {
            "ledger.documents",
            "ledger.journal_entries",
            "ledger.journal_lines",
        }

    def test_with_another_hash_is_told_by_the_one_its_intent_keeps(
        self, billed: Office, rebuilt: Rebuild
    ) -> None:
        tamper(
            billed,
            """
            UPDATE ledger.journal_entries SET hash = repeat('a', 64)
            WHERE sequence = (SELECT max(sequence) FROM ledger.journal_entries)
            """,
            "UPDATE ledger.chain_heads SET hash = repeat('a', 64) WHERE entity = 'us'",
        )

        assert {(each.table, each.field) for each in rebuilt().comparison.differences} == {
            ("ledger.journal_entries", "hash"),
            ("ledger.chain_heads", "hash"),
        }


class TestALostRawRecord:
    def lose(self, office: Office, object_type: str, external_id: str) -> int:
        """Its id."""
        named = {"object_type": object_type, "external_id": external_id}
        lost: int = office.value(
            "SELECT id FROM raw.records WHERE (object_type, external_id) = (:object_type, :external_id)",
            **named,
        )
        tamper(
            office,
            "DELETE FROM raw.heads WHERE (object_type, external_id) = (:object_type, :external_id)",
            "DELETE FROM raw.records WHERE (object_type, external_id) = (:object_type, :external_id)",
            **named,
        )
        return lost

    def test_is_named_with_what_was_made_of_it(self, billed: Office, rebuilt: Rebuild) -> None:
        lost = self.lose(billed, "deal", "2")

        found = rebuilt()

        assert found.problems == [
            f"raw record {lost} is gone; it is what this was made of: "
            "version 1 of deal hubspot:2, a verdict of the raw gate"
        ]
        assert {each.finding for each in found.comparison.differences} == {Finding.MISSING}

    def test_leaves_everything_else_as_it_is(self, billed: Office, rebuilt: Rebuild) -> None:
        self.lose(billed, "deal", "2")

        differences = rebuilt().comparison.differences

        assert {each.deal_key for each in differences} == {"hubspot:2", None}
        [of_no_deal] = [each.name for each in differences if each.deal_key is None]
        assert of_no_deal.startswith("verdict on raw_record")

    def test_of_a_line_item_changes_what_its_deal_comes_to(self, billed: Office, rebuilt: Rebuild) -> None:
        self.lose(billed, "line_item", "41")

        found = rebuilt().comparison.differences

        assert "deal hubspot:4 version 1" in {each.name for each in found}
        assert {each.deal_key for each in found} <= {"hubspot:4", None}


def test_a_decision_that_nothing_calls_for_any_more_is_told(
    office: Office, portal: Portal, rebuilt: Rebuild
) -> None:
    portal.deal("1")
    office.sync()
    office.execute(
        """
        INSERT INTO ops.audit_log (actor, action, subject, details)
        VALUES ('ada', 'quarantine.release', 'deal 1', '{"rule": "deal_has_a_company", "reason": "why not"}')
        """
    )

    assert rebuilt().problems == [
        "the release of deal_has_a_company of deal 1 by ada: nothing was held back for it this time"
    ]


def test_a_deal_version_that_was_made_up_is_missing_from_the_rebuilt_books(
    billed: Office, rebuilt: Rebuild
) -> None:
    tamper(
        billed,
        """
        INSERT INTO crm.deals OVERRIDING USER VALUE
        SELECT (jsonb_populate_record(deal, '{"version": 2}')).* FROM crm.deals AS deal
        WHERE external_id = '3'
        """,
    )

    assert said(rebuilt()) == [
        "crm.deals: deal hubspot:3 version 2 is in the books, but does not follow from what came in"
    ]


class TestUnlikeFields:
    def test_are_found_at_any_depth(self) -> None:
        live = {"a": [1, {"b": 2}], "c": 3, "d": None}
        other = {"a": [1, {"b": 4}], "c": 3, "e": 5}

        assert list(unlike_fields(live, other)) == [
            ("a.1.b", 2, 4),
            ("d", None, "(absent)"),
            ("e", "(absent)", 5),
        ]

    def test_are_whole_lists_where_these_differ_in_length(self) -> None:
        assert list(unlike_fields({"a": [1]}, {"a": [1, 2]})) == [("a", [1], [1, 2])]


class TestUnlikeRows:
    def test_of_another_deal_alone_name_both_deals(self) -> None:
        assert list(unlike_rows("hubspot:1", "{}", "hubspot:2", "{}")) == [
            ("deal_key", "hubspot:1", "hubspot:2")
        ]

    def test_differ_in_the_last_digit_of_a_long_decimal(self) -> None:
        one, other = "0.12345678901234567890", "0.12345678901234567891"

        assert list(unlike_rows(None, f'{{"rate": {one}}}', None, f'{{"rate": {other}}}')) == [
            ("rate", one, other)
        ]

    def test_without_an_unlike_field_are_named_as_a_whole(self) -> None:
        assert list(unlike_rows(None, '{"paid": true}', None, '{"paid": 1}')) == [
            ("(row)", '{"paid": true}', '{"paid": 1}')
        ]
