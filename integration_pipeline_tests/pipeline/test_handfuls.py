"""Runs over a handful of deals: in one transaction, beside others, and what they promise all the same."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from threading import Barrier

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ProgrammingError

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline import post as posting
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import WORKER_SESSION, run_stages
from integration_pipeline.pipeline.standing import verify
from integration_pipeline.rules.document import RuleSet
from integration_pipeline_tests.conftest import NewDatabase
from integration_pipeline_tests.pipeline.books import booked, without_numbers
from integration_pipeline_tests.pipeline.conftest import AS_OF, Office, registered
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.pipeline.variety import amend_something, change_something, various

EVERYTHING = Scope.everything()


def as_a_worker(office: Office) -> Office:
    """The same office in a session as a worker's."""
    engine = create_engine(office.pipeline.engine.url, connect_args=dict(WORKER_SESSION))
    return replace(office, pipeline=replace(office.pipeline, engine=engine))


def deal_keys(office: Office) -> list[str]:
    rows = office.rows("SELECT external_id FROM raw.heads WHERE object_type = 'deal' ORDER BY external_id")
    return [f"hubspot:{row['external_id']}" for row in rows]


def in_fives(keys: Sequence[str]) -> list[Scope]:
    return [Scope.deals(keys[start : start + 5]) for start in range(0, len(keys), 5)]


def test_runs_over_five_deals_at_a_time_book_what_a_run_over_all_does(
    office: Office, new_database: NewDatabase, template: str, mapping: Mapping, rules: RuleSet
) -> None:
    portal = various(deals=30)
    whole = replace(office, portal=portal)
    other = Office(registered(Pipeline(new_database(template), mapping, rules, as_of=AS_OF)), portal)
    worker = as_a_worker(other)
    for change in (None, change_something, amend_something):
        if change is not None:
            change(portal)
        whole.sync()
        extract(other.pipeline, portal)
        for scope in in_fives(deal_keys(other)):
            run_stages(worker.pipeline, scope)
    other.sync()
    worker.pipeline.engine.dispose()

    with whole.pipeline.engine.connect() as one, other.pipeline.engine.connect() as two:
        assert without_numbers(booked(two)) == without_numbers(booked(one))
    assert sorted(other.quarantined()) == sorted(whole.quarantined())


def test_drivers_at_once_on_the_same_deals_book_each_document_once(office: Office) -> None:
    """Three workers on overlapping deals, each in another order, and a run over all."""
    portal = various(deals=24)
    office = replace(office, portal=portal)
    extract(office.pipeline, portal)
    scopes = in_fives(deal_keys(office))
    start = Barrier(4)

    def work(order: Sequence[Scope]) -> None:
        worker = as_a_worker(office)
        start.wait()
        for scope in order:
            run_stages(worker.pipeline, scope)
        worker.pipeline.engine.dispose()

    orders = [scopes, scopes[::-1], [*scopes[2:], *scopes[:2]], [EVERYTHING]]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, orders))
    office.sync()

    documents = office.rows("SELECT body ->> 'document_key' AS key FROM ledger.documents")
    assert len(documents) == len({row["key"] for row in documents}) > 20
    assert office.value("SELECT count(*) FROM posting.attempts WHERE outcome <> 'posted'") == 0
    assert office.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    with office.pipeline.engine.connect() as connection:
        assert prove_ledger(connection).problems == []
        assert verify(connection, office.pipeline).problems == []


class TestOneTransaction:
    def test_holds_all_up_to_the_claim_and_another_what_is_booked(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1")
        office.sync()
        portal.deal("2", dealname="Another")
        extract(office.pipeline, portal)
        states: list[str | None] = []

        def state_at_commit(connection: Connection) -> None:
            found = connection.execute(text("SELECT max(state) FROM posting.intents WHERE state <> 'posted'"))
            states.append(found.scalar())

        event.listen(office.pipeline.engine, "commit", state_at_commit)
        reports = run_stages(office.pipeline, Scope.deals(["hubspot:2"]))
        event.remove(office.pipeline.engine, "commit", state_at_commit)

        assert reports[-2].counts == {"invoices_posted": 1}
        assert states[:2] == ["claimed", None]

    def test_leaves_nothing_of_a_run_that_fails_before_the_claim(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1")
        extract(office.pipeline, portal)
        office.execute("ALTER TABLE posting.attempts RENAME TO attempts_elsewhere")
        with pytest.raises(ProgrammingError):
            run_stages(office.pipeline, Scope.deals(["hubspot:1"]))
        office.execute("ALTER TABLE posting.attempts_elsewhere RENAME TO attempts")

        assert office.rows("SELECT * FROM crm.deals") == []
        run_stages(office.pipeline, Scope.deals(["hubspot:1"]))
        assert len(office.posted()) == 1

    def test_lets_others_link_customers_while_it_goes_on(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        extract(office.pipeline, portal)
        held: list[int] = []

        def locks(_: Connection, __: object, statement: str, *___: object) -> None:
            if "jsonb_to_recordset(CAST(%(schedules)s" in statement:
                held.append(
                    office.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1")
                )

        event.listen(office.pipeline.engine, "before_cursor_execute", locks)
        run_stages(office.pipeline, Scope.deals(["hubspot:1"]))
        event.remove(office.pipeline.engine, "before_cursor_execute", locks)

        assert held == [0]


def waits(connection: Connection) -> str:
    return connection.execute(text("SHOW synchronous_commit")).scalar_one()


class TestCommitsThatDoNotWaitForTheDisk:
    def test_end_with_the_one_that_books(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        office.on(date(2025, 12, 31)).sync()
        with office.pipeline.engine.connect() as connection:
            connection.execute(text("SET synchronous_commit = off"))
            claimed = posting._claim(connection, office.pipeline, EVERYTHING)  # pyright: ignore[reportPrivateUsage]
            connection.commit()
            assert waits(connection) == "off"
            posting.post_documents(connection, claimed, office.pipeline.rules.accounts)

            assert waits(connection) == "on"
            connection.commit()
            assert waits(connection) == "off"

    @pytest.mark.parametrize("stronger", ["on", "remote_apply"])
    def test_are_the_only_ones_that_are_changed(self, engine: Engine, stronger: str) -> None:
        with engine.connect() as connection:
            setting = {"value": stronger}
            connection.execute(text("SELECT set_config('synchronous_commit', :value, TRUE)"), setting)
            connection.execute(text("SELECT ledger.wait_for_disk()"))

            assert waits(connection) == stronger
