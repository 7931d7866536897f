from __future__ import annotations

from dataclasses import replace
from datetime import date
from threading import Thread

import pytest
import time_machine

from integration_pipeline.mapping.document import Candidate
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.gate import gate_raw_deals
from integration_pipeline.pipeline.normalize import normalize
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import COMPANY, DEAL, LINE_ITEM, Portal


def read(office: Office, scope: Scope | None = None) -> dict[str, int]:
    """Everything up to normalized deals; what normalizing counted."""
    extract(office.pipeline, office.portal)
    gate_raw_deals(office.pipeline, Scope.everything())
    link_customers(office.pipeline)
    counts = normalize(office.pipeline, scope or Scope.everything()).counts
    return {name: count for name, count in counts.items() if count}


def versions(office: Office, external_id: str) -> int:
    return office.value("SELECT count(*) FROM crm.deals WHERE external_id = :id", id=external_id)


class TestVersions:
    def test_of_a_deal_say_what_the_mapping_made_of_it(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme")
        portal.deal("1", hubspot_owner_id="99")

        assert read(office) == {"deals_read": 1, "deals_new": 1, "won": 1}

        deal = office.deal("1")
        assert (deal["deal_key"], deal["version"], deal["state"], deal["stage"]) == (
            "hubspot:1",
            1,
            "won",
            "closedwon",
        )
        assert (deal["company_name"], deal["owner"], deal["currency"]) == ("Acme", "99", "USD")
        assert (deal["amount_minor"], deal["close_date"]) == (120_000, date(2026, 3, 10))
        assert deal["terms"]["contract_id"] == "hubspot:1"
        assert deal["problems"] == []

    def test_do_not_multiply_when_nothing_changed(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        read(office)

        assert read(office) == {}

    def test_do_not_multiply_when_a_change_means_nothing_to_billing(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", contract_value_text="not read: there is an amount")
        read(office)
        portal.change(DEAL, "1", contract_value_text="something else")

        assert read(office) == {"deals_read": 1, "deals_unchanged": 1, "won": 1}
        assert versions(office, "1") == 1
        assert read(office) == {}

    def test_follow_a_change_of_the_deal(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        read(office)
        portal.change(DEAL, "1", amount="1300.00")

        assert read(office) == {"deals_read": 1, "deals_changed": 1, "won": 1}
        assert office.deal("1")["version"] == 2

    def test_follow_a_change_of_a_line_item(self, office: Office, portal: Portal) -> None:
        portal.line_item("11")
        portal.deal("1", lines=["11"], amount=None)
        portal.deal("2")
        read(office)
        portal.change(LINE_ITEM, "11", quantity="20")

        assert read(office) == {"deals_read": 1, "deals_changed": 1, "won": 1}
        assert office.deal("1")["amount_minor"] == 20_000

    def test_follow_a_new_and_an_archived_line_item(self, office: Office, portal: Portal) -> None:
        portal.line_item("11")
        portal.deal("1", lines=["11"], amount=None)
        read(office)
        portal.line_item("12", deal="1")
        read(office)
        assert office.deal("1")["charge_count"] == 2

        portal.archive(LINE_ITEM, "11")
        read(office)

        assert [charge["charge_id"] for charge in office.deal("1")["terms"]["charges"]] == ["line-12"]

    def test_follow_the_name_of_the_company(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme")
        portal.deal("1")
        read(office)
        portal.change(COMPANY, "7", name="Acme International")
        read(office)

        assert office.deal("1")["company_name"] == "Acme International"

    def test_follow_a_customer_that_is_known_only_later(self, office: Office, portal: Portal) -> None:
        portal.contact("31", email="ada@acme.example")
        portal.deal("1", company=None, contacts=["31"])
        read(office)
        assert office.deal("1")["customer_id"] is None
        portal.company("8", name="Acme", domain="acme.example")
        read(office)

        assert office.deal("1")["company_name"] == "Acme"

    def test_follow_a_record_that_was_committed_after_one_with_a_higher_id(
        self, office: Office, portal: Portal
    ) -> None:
        office.execute("ALTER TABLE raw.records ALTER COLUMN id RESTART WITH 1000")
        portal.line_item("11")
        portal.deal("1", lines=["11"], amount=None)
        read(office)
        # As a slow transaction leaves it: its record has a lower id than what was read meanwhile.
        office.execute("ALTER TABLE raw.records ALTER COLUMN id RESTART WITH 500")
        portal.change(LINE_ITEM, "11", quantity="20")
        read(office)

        assert office.deal("1")["amount_minor"] == 20_000

    @pytest.mark.parametrize(
        ("owner", "counts"),
        [
            # A property that nobody asked for so far, and no property at all.
            (Candidate(field="account_manager"), {"deals_changed": 1, "deals_unchanged": 1}),
            (Candidate(value="Ada"), {"deals_changed": 2}),
        ],
    )
    def test_are_read_again_under_another_mapping(
        self, office: Office, portal: Portal, owner: Candidate, counts: dict[str, int]
    ) -> None:
        portal.deal("1", account_manager="Ada")
        portal.deal("2")
        read(office)
        deal = office.pipeline.mapping.deal.model_copy(update={"owner": (owner,)})
        mapping = office.pipeline.mapping.model_copy(update={"deal": deal})
        other = replace(office, pipeline=replace(office.pipeline, mapping=mapping))

        assert read(other) == {"deals_read": 2, "won": 2, **counts}
        assert office.deal("1")["owner"] == "Ada"
        assert read(other) == {}

    def test_are_counted_once_by_two_runs_at_the_same_time(self, office: Office, portal: Portal) -> None:
        for number in range(1, 41):
            portal.deal(str(number))
        read(office, Scope.deals(["hubspot:1"]))
        for number in range(1, 41):
            portal.change(DEAL, str(number), amount="9.00")
        extract(office.pipeline, office.portal)
        gate_raw_deals(office.pipeline, Scope.everything())
        found: list[int] = []
        both = [
            Thread(
                target=lambda: found.append(
                    normalize(office.pipeline, Scope.everything()).counts["deals_read"]
                )
            )
            for _ in range(2)
        ]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join()

        assert sum(found) == 40
        assert office.value("SELECT count(*) FROM crm.deals WHERE amount_minor = 900") == 40


class TestCloseMonth:
    def filed(self, office: Office, closedate: str | None) -> date:
        office.portal.deal("1", closedate=closedate)
        read(office)
        return office.deal("1")["close_month"]

    def test_is_the_month_of_the_close_date_where_the_entity_is(self, office: Office) -> None:
        assert self.filed(office, closedate="2026-04-01T02:00:00Z") == date(2026, 3, 1)

    @pytest.mark.parametrize(
        "close_date", ["1925-03-10T00:00:00Z", "2026-07-01T12:00:00Z", "2199-01-01T00:00:00Z", None, "soon"]
    )
    def test_is_the_month_of_first_sight_when_the_close_date_cannot_be_right(
        self, office: Office, close_date: str | None
    ) -> None:
        with time_machine.travel("2026-05-20", tick=False):
            assert self.filed(office, closedate=close_date) == date(2026, 6, 1)

    def test_is_the_rule_sets_first_month_for_what_was_seen_before_it(
        self, office: Office, portal: Portal
    ) -> None:
        rules = office.pipeline.rules.model_copy(update={"first_month": date(2026, 6, 1)})
        later = replace(office, pipeline=replace(office.pipeline, rules=rules))
        portal.deal("1", closedate="2026-03-10T00:00:00Z")
        read(later)

        assert later.deal("1")["close_month"] == date(2026, 6, 1)

    def test_may_have_begun_in_the_east_only(self, office: Office, portal: Portal) -> None:
        live = replace(office, pipeline=replace(office.pipeline, as_of=None))
        portal.deal("1", closedate="2026-04-30T22:00:00Z", billing_entity="jp")
        with time_machine.travel("2026-04-30T22:30:00Z", tick=False):
            read(live)

        assert live.deal("1")["close_month"] == date(2026, 5, 1)


class TestScope:
    def test_of_months_leaves_deals_of_other_months_for_later(self, office: Office, portal: Portal) -> None:
        portal.deal("1", closedate="2026-03-10T12:00:00Z")
        portal.deal("2", closedate="2026-04-10T12:00:00Z")

        april = Scope.months(date(2026, 4, 1), date(2026, 4, 1))
        assert read(office, april)["deals_new"] == 1
        assert read(office)["deals_new"] == 1

    def test_of_deals_reads_these_only(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        portal.deal("2")
        read(office, Scope.deals(["hubspot:2"]))

        assert [row["external_id"] for row in office.rows("SELECT * FROM crm.deals")] == ["2"]


class TestDealsThatAreNotWon:
    def test_have_no_problems_whatever_their_fields_hold(self, office: Office, portal: Portal) -> None:
        portal.deal("1", dealstage="closedlost", amount="twelve", deal_currency_code="XXZ")
        read(office)

        deal = office.deal("1")
        assert (deal["state"], deal["problems"], deal["terms"]) == ("lost", [], None)

    def test_are_known_as_archived_once_they_are(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        portal.deal("2")
        read(office)
        portal.archive(DEAL, "1")

        assert read(office) == {"deals_read": 1, "deals_changed": 1, "archived": 1}


def test_a_deal_over_more_than_64_bits_holds_up_no_other(office: Office, portal: Portal) -> None:
    portal.deal("1", amount="9" * 18)
    portal.deal("2")

    assert read(office)["deals_new"] == 2


def test_a_deal_that_did_not_pass_the_raw_gate_is_not_read(office: Office, portal: Portal) -> None:
    portal.deal("1", dealstage=None)

    assert read(office) == {}
