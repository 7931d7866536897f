from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.pipeline.gate import gate_documents
from integration_pipeline.pipeline.plan import document_key, document_reference, intent_key
from integration_pipeline.pipeline.post import POSTER_LOCK, post
from integration_pipeline.pipeline.quarantine import release
from integration_pipeline.pipeline.schedule import schedule
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.pipeline.portal import COMPANY, DEAL, LINE_ITEM, Portal

EVERYTHING = Scope.everything()
MARCH = date(2026, 3, 31)


def documents(office: Office, deal: str = "1") -> list[tuple[str, int, str, int, str]]:
    """Slot, revision, kind, total and the state of the intent, by slot and revision."""
    rows = office.rows(
        """
        SELECT document.*, intent.state AS intent_state
        FROM billing.documents AS document
        INNER JOIN posting.intents AS intent ON intent.document_id = document.id
        WHERE document.deal_key = 'hubspot:' || CAST(:deal AS text)
        ORDER BY document.slot, document.revision, document.kind DESC
        """,
        deal=deal,
    )
    return [
        (row["slot"].isoformat(), row["revision"], row["kind"], row["total_minor"], row["intent_state"])
        for row in rows
    ]


def balance(office: Office) -> int:
    """What the books say is owed: invoices less credit notes."""
    return office.value(
        """
        SELECT CAST(coalesce(sum(
            CASE kind WHEN 'invoice' THEN total_minor ELSE -total_minor END
        ), 0) AS bigint)
        FROM ledger.documents
        """
    )


class TestAFirstPlan:
    def test_has_a_document_an_intent_and_explained_lines_for_every_invoice(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        report = office.on(MARCH).sync()["schedule"]

        assert report.counts == {"deals_scheduled": 1, "invoices_planned": 6}
        assert report.money == {("planned", "USD"): 60_000}
        assert documents(office)[2:4] == [
            ("2026-03-01", 1, "invoice", 10_000, "posted"),
            ("2026-04-01", 1, "invoice", 10_000, "pending"),
        ]
        line = office.rows("SELECT * FROM billing.lines ORDER BY service_start")[0]
        assert (line["service_start"], line["service_end"]) == (date(2026, 1, 1), date(2026, 2, 1))
        assert (line["quantity"], line["unit_price"], line["revenue"]) == (1, 100, "deferred")
        assert line["explanation"]["formula"].endswith("= 100.00 USD")

    def test_keeps_the_deal_version_and_the_rules_it_was_made_under(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.sync()

        [row] = office.rows(
            """
            SELECT schedule.* FROM billing.schedule_heads AS head
            INNER JOIN billing.schedules AS schedule ON schedule.id = head.schedule_id
            """
        )
        assert row["deal_id"] == office.deal("1")["id"]
        assert row["rule_set_version"] == office.pipeline.rules.version
        assert row["total_minor"] == 60_000

    def test_is_stored_whatever_it_comes_to_in_a_hundred_years(self, office: Office, portal: Portal) -> None:
        lines = [str(number) for number in range(11, 21)]
        for line in lines:
            portal.line_item(line, quantity="1", price="9999999999999", recurringbillingfrequency="monthly")
        portal.deal("1", lines=lines, contract_term_months="1200")
        office.sync()

        total = office.value("SELECT total_minor FROM billing.schedules")
        assert total == 999_999_999_999_900 * 10 * 1200 > 2**63


class TestPlanningAgain:
    def test_plans_nothing_when_nothing_changed(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        office.sync()

        assert office.sync()["schedule"].counts == {}
        assert schedule(office.pipeline, EVERYTHING).counts == {}

    def test_under_other_rules_that_change_nothing_touches_nothing(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.on(MARCH).sync()
        before = documents(office)
        rules = office.pipeline.rules.model_copy(update={"author": "somebody else"})
        other = replace(office, pipeline=registered(replace(office.pipeline, rules=rules, as_of=MARCH)))

        assert other.sync()["schedule"].counts == {"deals_scheduled": 1, "unchanged": 6}
        assert documents(office) == before

    def test_replaces_what_was_only_planned(self, office: Office, portal: Portal) -> None:
        portal.deal("1", contract_start_date="2026-09-01")
        office.sync()
        portal.change(DEAL, "1", amount="900.00")
        counts = office.sync()["schedule"].counts

        assert counts == {"deals_scheduled": 1, "superseded": 1, "invoices_planned": 1}
        assert documents(office) == [
            ("2026-09-01", 1, "invoice", 120_000, "cancelled"),
            ("2026-09-01", 2, "invoice", 90_000, "pending"),
        ]

    def test_credits_in_full_what_was_posted_and_bills_it_anew(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()
        portal.change(DEAL, "1", amount="900.00")
        report = office.sync()["schedule"]

        assert report.counts == {"deals_scheduled": 1, "credit_notes_planned": 1, "invoices_planned": 1}
        assert report.money == {("credited", "USD"): 120_000, ("planned", "USD"): 90_000}
        assert documents(office) == [
            ("2026-03-10", 1, "invoice", 120_000, "posted"),
            ("2026-03-10", 1, "credit_note", 120_000, "posted"),
            ("2026-03-10", 2, "invoice", 90_000, "posted"),
        ]
        assert balance(office) == 90_000

    def test_touches_only_the_slots_that_changed(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        office.on(MARCH).sync()
        portal.line_item("2", quantity="1", price="30.00", name="Training")
        portal.link(DEAL, "1", LINE_ITEM, "11", "2")
        portal.change(DEAL, "1", po_number=None)
        counts = office.on(MARCH).sync()["schedule"].counts

        assert counts == {
            "deals_scheduled": 1,
            "credit_notes_planned": 1,
            "invoices_planned": 1,
            "unchanged": 5,
        }
        assert documents(office)[:4] == [
            ("2026-01-01", 1, "invoice", 10_000, "posted"),
            ("2026-01-01", 1, "credit_note", 10_000, "posted"),
            ("2026-01-01", 2, "invoice", 13_000, "posted"),
            ("2026-02-01", 1, "invoice", 10_000, "posted"),
        ]

    def test_adds_and_drops_slots_with_the_term(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        office.on(MARCH).sync()
        portal.change(DEAL, "1", contract_term_months="2")
        office.on(MARCH).sync()
        portal.change(DEAL, "1", contract_term_months="7")
        office.on(MARCH).sync()

        states = {(slot, kind, state) for slot, _, kind, _, state in documents(office)}
        assert ("2026-03-01", "credit_note", "posted") in states
        assert ("2026-07-01", "invoice", "pending") in states
        assert balance(office) == 30_000

    @pytest.mark.parametrize(
        ("kind", "external_id", "change"),
        [
            (DEAL, "1", {"po_number": "PO-1"}),
            (DEAL, "1", {"deal_currency_code": "EUR"}),
            (DEAL, "1", {"billing_entity": "eu"}),
            (DEAL, "1", {"payment_terms": "Net 60"}),
            (LINE_ITEM, "11", {"name": "Renamed"}),
            (LINE_ITEM, "11", {"hs_discount_percentage": "10"}),
        ],
    )
    def test_corrects_whatever_the_customer_or_the_books_would_see(
        self, office: Office, portal: Portal, kind: ObjectType, external_id: str, change: dict[str, str]
    ) -> None:
        portal.subscription("1")
        january = office.on(date(2026, 1, 31))
        january.sync()
        portal.change(kind, external_id, **change)

        assert january.sync()["schedule"].counts == {
            "deals_scheduled": 1,
            "credit_notes_planned": 1,
            "superseded": 5,
            "invoices_planned": 6,
        }

    @pytest.mark.parametrize(
        ("kind", "external_id", "change"),
        [
            (DEAL, "1", {"dealname": "Renamed"}),
            (DEAL, "1", {"hubspot_owner_id": "5"}),
            (LINE_ITEM, "11", {"price": "100.0"}),
            (COMPANY, "7", {"name": "Renamed"}),
        ],
    )
    def test_leaves_alone_what_neither_would_see(
        self, office: Office, portal: Portal, kind: ObjectType, external_id: str, change: dict[str, str]
    ) -> None:
        portal.subscription("1")
        office.sync()
        portal.change(kind, external_id, **change)
        counts = office.sync()["schedule"].counts

        assert counts == {"deals_scheduled": 1, "unchanged": 6}

    def test_bills_a_changed_customer_anew(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()
        portal.company("8")
        portal.link(DEAL, "1", COMPANY, "8")
        portal.change(DEAL, "1", po_number=None)
        office.sync()

        billed = {
            (row["kind"], row["body"]["customer"]) for row in office.rows("SELECT * FROM ledger.documents")
        }
        assert billed == {
            ("invoice", "Company 7"),
            ("credit_note", "Company 7"),
            ("invoice", "Company 8"),
        }

    def test_corrects_a_correction(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()
        for amount in ("900.00", "1200.00", "900.00"):
            portal.change(DEAL, "1", amount=amount)
            office.sync()

        assert [(revision, kind) for _, revision, kind, _, _ in documents(office)] == [
            *((1, "invoice"), (1, "credit_note"), (2, "invoice"), (2, "credit_note")),
            *((3, "invoice"), (3, "credit_note"), (4, "invoice")),
        ]
        assert balance(office) == 90_000

    def test_ignores_a_change_that_was_taken_back_before_it_was_read(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1")
        office.sync()
        portal.change(DEAL, "1", amount="900.00")
        portal.change(DEAL, "1", amount="1200.00")

        assert office.sync()["schedule"].counts == {}


class TestCreditNotes:
    def test_repeat_the_lines_of_the_invoice_and_name_its_number(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.on(date(2026, 1, 31)).sync()
        portal.change(DEAL, "1", po_number="PO-1")
        office.on(date(2026, 1, 31)).sync()

        [note] = office.rows("SELECT * FROM ledger.documents WHERE kind = 'credit_note'")
        [invoice] = office.rows("SELECT * FROM ledger.documents WHERE number = 'US-INV-000001'")
        assert note["body"]["reverses"] == "US-INV-000001"
        assert note["body"]["lines"] == invoice["body"]["lines"]
        assert (note["customer_id"], note["currency"]) == (invoice["customer_id"], invoice["currency"])

    def test_are_issued_today_but_never_before_their_invoice(self, office: Office, portal: Portal) -> None:
        portal.deal("1", contract_start_date="2026-06-01")
        office.sync()
        portal.change(DEAL, "1", po_number="PO-1")
        office.on(date(2026, 5, 1)).sync()

        [note] = office.rows("SELECT * FROM billing.documents WHERE kind = 'credit_note'")
        assert note["issue_date"] == note["due_date"] == date(2026, 6, 1)

    def test_wait_for_the_release_of_a_lost_deal_and_leave_nothing_owed(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1")
        office.on(MARCH).sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        assert office.on(MARCH).sync()["schedule"].counts == {}

        [row] = office.rows("SELECT id FROM posting.quarantine WHERE state = 'open'")
        with office.pipeline.engine.begin() as connection:
            assert release(connection, row["id"], "ada", "the customer withdrew")
        counts = office.on(MARCH).sync()["schedule"].counts

        assert counts == {"deals_scheduled": 1, "credit_notes_planned": 3, "superseded": 3}
        assert balance(office) == 0
        assert office.on(MARCH).sync()["schedule"].counts == {}

    def test_do_not_stop_a_deal_from_being_billed_again(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()
        [row] = office.rows("SELECT id FROM posting.quarantine WHERE state = 'open'")
        with office.pipeline.engine.begin() as connection:
            release(connection, row["id"], "ada", "the customer withdrew")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedwon")
        office.sync()

        assert [(revision, kind) for _, revision, kind, _, _ in documents(office)] == [
            *((1, "invoice"), (1, "credit_note"), (2, "invoice")),
        ]
        assert balance(office) == 120_000


class TestADealThatIsJustBeingPosted:
    def test_waits_for_its_turn(self, office: Office, portal: Portal) -> None:
        portal.deal("1", contract_start_date="2026-09-01")
        portal.deal("2", dealname="Other", contract_start_date="2026-09-01")
        office.sync()
        portal.change(DEAL, "1", amount="900.00")
        portal.change(DEAL, "2", amount="900.00")
        office.execute(
            """
            UPDATE posting.intents AS intent
            SET state = 'claimed', fencing_token = 7, lease_until = clock_timestamp() + interval '1 hour'
            FROM billing.documents AS document
            WHERE document.id = intent.document_id AND document.deal_key = 'hubspot:1'
            """
        )
        with office.pipeline.engine.connect() as poster:
            poster.execute(text("SELECT pg_advisory_lock(:lock, 7)"), {"lock": POSTER_LOCK})

            assert office.sync()["schedule"].counts == {
                "deals_waiting": 1,
                "deals_scheduled": 1,
                "superseded": 1,
                "invoices_planned": 1,
            }
            poster.execute(text("SELECT pg_advisory_unlock(:lock, 7)"), {"lock": POSTER_LOCK})
        office.execute("UPDATE posting.intents SET state = 'pending' WHERE state = 'claimed'")
        assert office.sync()["schedule"].counts["superseded"] == 1

    def test_is_planned_from_what_its_poster_leaves_behind(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.on(date(2026, 3, 1)).sync()
        portal.change(DEAL, "1", amount="900.00")
        # A poster got there between the verdict and the plan.
        post(office.pipeline, EVERYTHING)
        office.sync()

        assert balance(office) == 90_000
        assert len(office.posted()) == 3


def test_a_document_key_and_what_derives_from_it_never_change() -> None:
    key = document_key("hubspot:123", date(2026, 1, 31), "invoice", 1)

    assert key == "hubspot:123/2026-01-31/invoice/1"
    assert document_reference(key) == "DHLQBDPQWLK"
    assert intent_key("ledger", key, "0" * 64) == (
        "537e08efc7a5ade04a28556cf255f55b4e1514301725f0e54fde2fc66ed361b2"
    )


def test_planned_documents_are_judged_before_they_can_be_claimed(office: Office, portal: Portal) -> None:
    portal.deal("1")
    office.on(date(2026, 3, 1)).sync()
    with office.pipeline.engine.begin() as connection:
        connection.execute(
            text("UPDATE billing.documents SET net_minor = net_minor + 1, total_minor = total_minor + 1")
        )
        connection.execute(text("DELETE FROM posting.gate_records WHERE subject_kind = 'document'"))
    gate_documents(office.pipeline, EVERYTHING)

    assert office.quarantined() == [("1", "net_is_the_sum_of_its_lines")]
    assert post(office.pipeline, EVERYTHING).counts == {}
