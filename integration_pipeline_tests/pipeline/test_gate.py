from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
import time_machine

from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.gate import gate_deals, gate_documents, gate_raw_deals
from integration_pipeline.pipeline.normalize import normalize
from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.quarantine import release
from integration_pipeline.pipeline.schedule import schedule
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.quality import native
from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import Suite, Verdict
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal

EVERYTHING = Scope.everything()
JANUARY, MARCH = date(2026, 1, 31), date(2026, 3, 31)


def held(office: Office, external_id: str) -> tuple[str, str, str | None, str]:
    """Rule, field, value and reason of the only open row of a deal."""
    [row] = office.rows(
        "SELECT * FROM posting.quarantine WHERE external_id = :id AND state = 'open'", id=external_id
    )
    assert row["next_step"]
    return row["rule"], row["field"], row["value"], row["reason"]


class TestRawDeals:
    def test_without_a_stage_are_held(self, office: Office, portal: Portal) -> None:
        portal.deal("1", dealstage=None)
        office.sync()

        rule, field, value, reason = held(office, "1")
        assert (rule, field, value) == ("deal_has_a_stage", "deal stage", None)
        assert reason.startswith("Deal 'Acme licences' (1) has no stage")

    def test_in_a_stage_the_mapping_does_not_know_are_held(self, office: Office, portal: Portal) -> None:
        deal = office.pipeline.mapping.deal
        strict = deal.state[0].model_copy(update={"otherwise": None})
        terms = deal.model_copy(update={"state": (strict,)})
        mapping = office.pipeline.mapping.model_copy(update={"deal": terms})
        portal.deal("1", dealstage="parked")
        replace(office, pipeline=replace(office.pipeline, mapping=mapping)).sync()

        assert held(office, "1")[:3] == ("stage_is_mapped", "deal stage", "parked")

    def test_from_the_future_are_held_until_a_person_releases_them(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1")
        with time_machine.travel("2025-12-31", tick=False):
            office.sync()
            assert held(office, "1")[0] == "modified_in_the_past"
            let_through(office, "1")
            office.sync()

        assert len(office.posted()) == 1

    def test_are_not_judged_twice(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()

        assert [verdict.evaluated for verdict in office.sync()["raw_gate"].verdicts] == []


def let_through(office: Office, external_id: str) -> None:
    for row in office.rows(
        "SELECT id FROM posting.quarantine WHERE external_id = :id AND state = 'open'", id=external_id
    ):
        with office.pipeline.engine.begin() as connection:
            release(connection, row["id"], "ada", "looked at it")


class TestWonDeals:
    @pytest.mark.parametrize(
        ("properties", "rule", "field", "value", "words"),
        [
            (
                {"amount": "12.5OO"},
                "fields_can_be_mapped",
                "amount",
                "12.5OO",
                "amount '12.5OO' is not a number such as 1250.00",
            ),
            (
                {"deal_currency_code": None, "contract_currency_text": "EURO"},
                "fields_can_be_mapped",
                "contract_currency_text",
                "EURO",
                "contract_currency_text 'EURO' is not an ISO 4217 currency code",
            ),
            ({"amount": None}, "deal_has_an_amount", "amount", None, "has no amount"),
            ({"deal_currency_code": None}, "deal_has_a_currency", "currency", None, "has no currency"),
            ({"closedate": None}, "deal_has_a_close_date", "close date", None, "has no close date"),
            (
                {"closedate": "1925-03-10T12:00:00Z"},
                "close_date_is_plausible",
                "close date",
                "1925-03-10",
                "was closed on 1925-03-10",
            ),
        ],
    )
    def test_that_cannot_be_billed_are_held_with_a_sentence_that_says_why(
        self,
        office: Office,
        portal: Portal,
        properties: dict[str, str | None],
        rule: str,
        field: str,
        value: str | None,
        words: str,
    ) -> None:
        portal.deal("1")
        portal.change(DEAL, "1", **properties)
        portal.deal("2", dealname="Good")
        office.sync()

        *row, reason = held(office, "1")
        assert row == [rule, field, value]
        assert reason.startswith("Won deal 'Acme licences' (1)")
        assert words in reason
        assert len(office.posted()) == 1

    def test_without_a_company_are_held(self, office: Office, portal: Portal) -> None:
        portal.deal("1", company=None)
        office.sync()

        assert held(office, "1")[0] == "deal_has_a_company"

    @pytest.mark.parametrize(
        ("price", "amount", "minor", "shown"),
        [
            ("0", None, "0", "0.00 USD"),
            ("1", "10000000000001", "1000000000000100", "10,000,000,000,001.00 USD"),
        ],
    )
    def test_over_nothing_or_over_too_much_are_held(
        self, office: Office, portal: Portal, price: str, amount: str | None, minor: str, shown: str
    ) -> None:
        portal.line_item("11", price=price)
        portal.deal("1", lines=["11"])
        portal.change(DEAL, "1", amount=amount)
        office.sync()

        rule, field, value, reason = held(office, "1")
        assert (rule, field, value) == ("amount_is_plausible", "amount", minor)
        assert f"has an amount of {shown}" in reason

    def test_that_are_not_won_are_nobodys_work(self, office: Office, portal: Portal) -> None:
        portal.deal("1", dealstage="contractsent", amount="twelve")
        office.sync()

        assert office.quarantined() == []

    def test_are_resolved_by_a_good_version(self, office: Office, portal: Portal) -> None:
        portal.deal("1", amount="twelve")
        office.sync()
        portal.change(DEAL, "1", amount="12.00")

        assert office.sync()["deal_gate"].counts["resolved"] == 1
        assert office.quarantined() == []
        assert [total for _, total, _ in office.posted()] == [1200]

    def test_are_resolved_by_no_longer_being_won(self, office: Office, portal: Portal) -> None:
        portal.deal("1", amount="twelve")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()

        assert office.quarantined() == []

    def test_that_stay_wrong_in_another_way_are_held_for_that(self, office: Office, portal: Portal) -> None:
        portal.deal("1", amount="twelve")
        office.sync()
        portal.change(DEAL, "1", amount="0")
        office.sync()

        assert held(office, "1")[:3] == ("fields_can_be_mapped", "amount", "0")


class TestCopies:
    def test_are_held_and_the_original_is_billed(self, office: Office, portal: Portal) -> None:
        portal.deal("10")
        portal.deal("9", dealname="ACME licences")
        office.sync()

        rule, _, value, reason = held(office, "10")
        assert (rule, value) == ("deal_is_not_a_copy", "9")
        assert "(10) looks like a second copy of deal 9" in reason
        assert len(office.posted()) == 1

    def test_are_held_if_the_original_has_passed_and_is_not_planned_yet(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("10")
        extract(office.pipeline, portal)
        for stage in (gate_raw_deals, link_customers, normalize, gate_deals):
            stage(office.pipeline, Scope.everything())
        portal.deal("9", company="7")
        office.sync(Scope.deals(["hubspot:9"]))
        office.sync()

        assert office.quarantined() == [("9", "deal_is_not_a_copy")]
        assert len(office.posted()) == 1

    @pytest.mark.parametrize(
        "difference",
        [
            {"dealname": "Other"},
            {"amount": "1200.01"},
            {"closedate": "2026-03-11T12:00:00Z"},
            {"deal_currency_code": "EUR"},
        ],
    )
    def test_are_equal_in_everything(
        self, office: Office, portal: Portal, difference: dict[str, str]
    ) -> None:
        portal.deal("9")
        portal.deal("10")
        portal.change(DEAL, "10", **difference)
        office.sync()

        assert office.quarantined() == []

    def test_are_of_one_customer(self, office: Office, portal: Portal) -> None:
        portal.deal("9", company="7")
        portal.deal("10", company="8")
        office.sync()

        assert office.quarantined() == []

    def test_are_billed_when_a_person_releases_them(self, office: Office, portal: Portal) -> None:
        portal.deal("9")
        portal.deal("10")
        office.sync()
        let_through(office, "10")
        office.sync()

        assert len(office.posted()) == 2

    def test_are_billed_when_the_original_is_archived(self, office: Office, portal: Portal) -> None:
        portal.deal("9", dealstage="contractsent")
        portal.deal("10")
        portal.change(DEAL, "9", dealstage="closedwon")
        office.sync()
        assert office.quarantined() == [("10", "deal_is_not_a_copy")]
        office.execute("TRUNCATE billing.schedule_heads")
        portal.archive(DEAL, "9")
        office.sync()

        assert office.quarantined() == []
        assert len(office.posted()) == 2

    def test_are_the_later_billed_ones_also_where_the_older_deal_is_won_later(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("9", dealstage="contractsent")
        portal.deal("10")
        office.sync()
        portal.change(DEAL, "9", dealstage="closedwon")
        office.sync()
        portal.change(DEAL, "10", po_number="PO-1")
        office.sync()

        assert office.quarantined() == [("9", "deal_is_not_a_copy")]


class TestDealsNoLongerWon:
    def test_are_held_once_they_are_invoiced(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()

        rule, field, value, reason = held(office, "1")
        assert (rule, field, value) == ("nothing_was_invoiced", "deal stage", "US-INV-000001")
        assert "(1) is lost now, but was won and invoiced as US-INV-000001" in reason
        assert len(office.posted()) == 1

    def test_are_credited_when_a_person_releases_them(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()
        let_through(office, "1")
        office.sync()

        assert office.posted() == [
            ("US-INV-000001", 120_000, "2026-03-10"),
            ("US-CN-000001", 120_000, "2026-06-30"),
        ]
        assert office.quarantined() == []

    def test_get_no_further_invoice_while_they_are_held(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        march = office.on(MARCH)
        march.sync()
        posted = len(office.posted())
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()

        assert office.quarantined() == [("1", "nothing_was_invoiced")]
        assert len(office.posted()) == posted

    def test_go_on_where_they_stopped_when_they_are_won_again(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        office.on(MARCH).sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.on(MARCH).sync()
        portal.change(DEAL, "1", dealstage="closedwon")
        office.sync()

        assert office.quarantined() == []
        assert [total for _, total, _ in office.posted()] == [10_000] * 6

    def test_are_simply_not_billed_when_nothing_was_invoiced(self, office: Office, portal: Portal) -> None:
        portal.subscription("1", contract_start_date="2027-01-01")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()

        assert office.quarantined() == []
        assert {row["state"] for row in office.rows("SELECT state FROM posting.intents")} == {"cancelled"}

    def test_are_judged_again_when_an_invoice_overtook_the_verdict(
        self, office: Office, portal: Portal
    ) -> None:
        portal.subscription("1", contract_start_date="2026-06-30")
        office.on(MARCH).sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        extract(office.pipeline, portal)
        gate_raw_deals(office.pipeline, EVERYTHING)
        normalize(office.pipeline, EVERYTHING)
        gate_deals(office.pipeline, EVERYTHING)
        # Between the verdict and the plan a poster finishes that had claimed before the deal was lost.
        move_head = "UPDATE crm.deal_heads SET deal_id = (SELECT id FROM crm.deals WHERE version = :version)"
        office.execute(move_head, version=1)
        post(office.pipeline, EVERYTHING)
        office.execute(move_head, version=2)

        assert schedule(office.pipeline, EVERYTHING).counts["deals_waiting"] == 1
        office.sync()

        assert office.quarantined() == [("1", "nothing_was_invoiced")]
        assert len(office.posted()) == 1


class TestVerdicts:
    def test_are_given_again_under_newer_rules(self, office: Office, portal: Portal) -> None:
        portal.deal("1", amount="twelve")
        office.sync()
        # As if older rules had let it pass, but for one that is no longer among them.
        office.execute(
            """
            UPDATE posting.gate_records SET suite_version = 'older', passed = TRUE WHERE suite = 'deals';
            UPDATE posting.quarantine SET rule = 'a_rule_of_old'
            """
        )
        gate_deals(office.pipeline, EVERYTHING)

        assert office.quarantined() == [("1", "fields_can_be_mapped")]
        assert office.value("SELECT passed FROM posting.gate_records WHERE suite = 'deals'") is False

    def test_come_from_the_evaluator_the_pipeline_was_given(self, office: Office, portal: Portal) -> None:
        asked: list[str] = []

        def evaluate(suite: Suite, rows: Sequence[Row]) -> Verdict:
            asked.append(suite.name)
            return native.evaluate(suite, rows)

        portal.deal("1")
        replace(office, pipeline=replace(office.pipeline, evaluate=evaluate)).sync()

        assert asked == ["raw_deals", "deals", "planned_documents"]

    def test_are_missing_where_nothing_is_scheduled_or_posted(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.sync(Scope.months(MARCH, MARCH))
        office.execute("DELETE FROM posting.gate_records WHERE subject_kind = 'deal'")
        office.execute("TRUNCATE billing.schedule_heads")
        portal.deal("2")

        assert schedule(office.pipeline, EVERYTHING).counts["deals_scheduled"] == 0

    def test_decide_what_is_posted(self, office: Office, portal: Portal) -> None:
        portal.subscription("1")
        office.on(JANUARY).sync()
        assert len(office.posted()) == 1
        office.execute("DELETE FROM posting.gate_records WHERE subject_kind = 'document'")
        assert post(office.pipeline, EVERYTHING).counts == {}
        office.execute(
            """
            INSERT INTO posting.gate_records (subject_kind, subject_id, suite, suite_version, passed)
            SELECT 'document', id, 'planned_documents', 'x', FALSE FROM billing.documents
            """
        )
        assert post(office.pipeline, EVERYTHING).counts == {}
        gate_documents(office.pipeline, EVERYTHING)
        post(office.pipeline, EVERYTHING)

        assert len(office.posted()) == 6
