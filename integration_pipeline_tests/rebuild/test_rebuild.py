"""Whatever way the books were filled, raw records bring about every row of them once more, to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from random import Random

import pytest
import time_machine
from sqlalchemy import event

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.gate import gate_raw_deals
from integration_pipeline.pipeline.normalize import normalize
from integration_pipeline.pipeline.quarantine import release
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.usage import record_usage
from integration_pipeline_tests.pipeline.conftest import Office, registered
from integration_pipeline_tests.pipeline.portal import COMPANY, DEAL, LINE_ITEM, Portal
from integration_pipeline_tests.pipeline.test_usage import event as usage
from integration_pipeline_tests.pipeline.test_usage import metered
from integration_pipeline_tests.pipeline.variety import amend_something, change_something, various
from integration_pipeline_tests.rebuild.conftest import Rebuild, said


def sync_singly(office: Office, seed: int) -> None:
    """Every deal by itself, in any order, by two workers at once: as announced changes are settled."""
    deals = [external_id for kind, external_id in office.portal.records if kind is DEAL]
    Random(seed).shuffle(deals)  # noqa: S311 - nothing secret

    def settle(own: Sequence[str]) -> None:
        for deal in own:
            office.sync(Scope.deals([f"hubspot:{deal}"]))

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(settle, (deals[::2], deals[1::2])))


class TestBooks:
    def test_of_several_runs_with_changes_amendments_and_released_months(
        self, office: Office, rebuilt: Rebuild
    ) -> None:
        various = _various(office, deals=25)
        various.on(date(2026, 5, 15)).sync()
        change_something(various.portal)
        amend_something(various.portal)
        various.sync()
        various.on(date(2026, 8, 2)).sync()

        found = rebuilt()

        assert said(found) == []
        assert found.comparison.rows["ledger.documents"] > 30
        assert found.comparison.rows["ledger.revenue_releases"] > 30

    def test_that_two_workers_filled_deal_by_deal_in_any_order(
        self, office: Office, rebuilt: Rebuild
    ) -> None:
        various = _various(office, deals=16)
        sync_singly(various, seed=1)
        change_something(various.portal)
        various.portal.change(COMPANY, "701", name="Renamed")
        sync_singly(various, seed=2)
        various.sync()
        amend_something(various.portal)
        sync_singly(various, seed=3)

        found = rebuilt()

        assert said(found) == []
        assert found.comparison.rows["ledger.documents"] > 20

    def test_that_are_kept_by_the_clock(self, office: Office, portal: Portal, rebuilt: Rebuild) -> None:
        portal.subscription("1")
        by_clock = replace(office, pipeline=replace(office.pipeline, as_of=None))
        by_clock.sync()
        portal.change(LINE_ITEM, "11", price="90.00")
        by_clock.sync()

        assert said(rebuilt()) == []
        assert len(office.posted()) == 18

    def test_of_which_a_person_let_a_withdrawn_deal_go(
        self, office: Office, portal: Portal, rebuilt: Rebuild
    ) -> None:
        portal.subscription("1")
        office.sync()
        portal.change(DEAL, "1", dealstage="closedlost")
        office.sync()
        with office.pipeline.engine.begin() as connection:
            [row] = office.rows("SELECT id FROM posting.quarantine WHERE state = 'open'")
            release(connection, row["id"], "ada", "the customer withdrew")
        office.sync()

        assert said(rebuilt()) == []
        assert len(office.posted()) == 12

    def test_of_a_copy_that_counted_once_its_original_was_gone(
        self, office: Office, portal: Portal, rebuilt: Rebuild
    ) -> None:
        portal.deal("1")
        portal.deal("2")
        office.sync()
        portal.change(DEAL, "1", dealname="Something else")
        office.sync()
        office.sync()

        assert said(rebuilt()) == []
        assert len(office.posted()) == 4

    def test_with_usage_that_came_before_and_after_its_invoice(
        self, office: Office, portal: Portal, rebuilt: Rebuild
    ) -> None:
        metered(portal)
        record_usage(office.pipeline, [usage(1)])
        office.on(date(2026, 2, 1)).sync()
        record_usage(office.pipeline, [usage(2, day=31)])
        office.on(date(2026, 3, 1)).sync()

        assert said(rebuilt()) == []
        assert [number for number, _, _ in office.posted()] == [
            "US-INV-000001",
            "US-INV-000002",
            "US-CN-000001",
        ]

    def test_of_a_deal_that_a_vendor_s_fast_clock_held_back(
        self, office: Office, portal: Portal, rebuilt: Rebuild
    ) -> None:
        portal.deal("1")
        with time_machine.travel("2025-12-31", tick=False):
            office.sync()
        [row] = office.rows("SELECT * FROM posting.quarantine")
        with office.pipeline.engine.begin() as connection:
            release(connection, row["id"], "ada", "its clock is fast")
        office.sync()

        assert said(rebuilt()) == []
        assert (row["rule"], len(office.posted())) == ("modified_in_the_past", 1)

    def test_of_a_deal_that_changed_while_its_invoice_was_being_posted(
        self, office: Office, portal: Portal, rebuilt: Rebuild
    ) -> None:
        portal.deal("1")
        engine, changed = office.pipeline.engine, list[str]()

        def change(_wire: object, _cursor: object, statement: str, *_: object) -> None:
            if "ledger.post_documents" in statement and not changed:
                changed.append("1")
                portal.change(DEAL, "1", amount="10.00")
                extract(office.pipeline, portal)
                gate_raw_deals(office.pipeline, Scope.everything())
                normalize(office.pipeline, Scope.everything())

        event.listen(engine, "before_cursor_execute", change)
        office.sync()
        office.sync()

        assert said(rebuilt()) == []
        assert [number for number, _, _ in office.posted()] == [
            "US-INV-000001",
            "US-INV-000002",
            "US-CN-000001",
        ]

    @pytest.mark.parametrize("kind", [LINE_ITEM, COMPANY])
    def test_of_a_deal_whose_parts_changed_while_it_was_being_read(
        self, office: Office, portal: Portal, rebuilt: Rebuild, kind: ObjectType
    ) -> None:
        portal.subscription("1")
        part, properties = ("11", {"price": "90.00"}) if kind is LINE_ITEM else ("7", {"name": "Renamed"})
        changed = list[str]()

        def change(_wire: object, _cursor: object, statement: str, *_: object) -> None:
            if "INSERT INTO crm.deals" in statement and not changed:
                changed.append(part)
                portal.change(kind, part, **properties)
                extract(office.pipeline, portal)
                link_customers(office.pipeline)

        event.listen(office.pipeline.engine, "before_cursor_execute", change)
        office.sync()
        office.sync()

        assert said(rebuilt()) == []
        assert office.value("SELECT count(*) FROM crm.deals") == 2

    def test_under_two_rule_sets_neither_of_which_is_on_disk(
        self, office: Office, portal: Portal, rebuilt: Rebuild
    ) -> None:
        portal.subscription("1")
        under = [
            replace(office, pipeline=registered(replace(office.pipeline, rules=rules)))
            for rules in (
                office.pipeline.rules.model_copy(update={"author": "ada"}),
                office.pipeline.rules.model_copy(update={"author": "ada", "profile": "zuora"}),
            )
        ]
        under[0].on(date(2026, 2, 15)).sync()
        portal.subscription("2", dealname="Another")
        under[1].sync()

        found = rebuilt()

        assert (said(found), found.notes) == ([], [])
        assert office.value("SELECT count(DISTINCT rule_set_version) FROM billing.schedules") == 2

    def test_that_are_empty(self, rebuilt: Rebuild) -> None:
        found = rebuilt()

        assert said(found) == []
        assert set(found.comparison.rows.values()) == {0}


def _various(office: Office, deals: int) -> Office:
    return replace(office, portal=various(deals))
