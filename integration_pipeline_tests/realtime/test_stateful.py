"""People, webhooks, faults and restarts in any order, held to the small oracle of `expectation`.

`REALTIME_EXAMPLES=500 pytest integration_pipeline_tests/realtime/test_stateful.py` tries more of them.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from functools import partial
from itertools import count
from random import Random
from typing import TypeAlias

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.webhooks import WebhookEvent
from integration_pipeline.inbox.receiving import keep
from integration_pipeline.inbox.replay import Selection, replay
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline.context import Pipeline, register
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import WORKER_SESSION, sync
from integration_pipeline.realtime.worker import Worker
from integration_pipeline.rules.document import RuleSet
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline_tests.conftest import database_copy
from integration_pipeline_tests.inbox.announcements import announced
from integration_pipeline_tests.pipeline.conftest import AS_OF
from integration_pipeline_tests.pipeline.portal import COMPANY, DEAL, LINE_ITEM
from integration_pipeline_tests.realtime.expectation import ExpectedDeal, hold_books_to
from integration_pipeline_tests.realtime.moody import TROUBLES, MoodyPortal

EXAMPLES = int(os.environ.get("REALTIME_EXAMPLES", "10"))
_STEPS = 30
_PATIENCE_SECONDS = 60
_WORKERS = 2
_SEAT = 1_000
_COMPANIES = ("7", "8", "9")
_NUMBERS = count(1)

# What a broken session may raise in whoever was using it.
_LOST_SESSION = (DBAPIError, psycopg.Error)

Which: TypeAlias = int
"""Picks one of however many there are."""
WHICH = st.integers(min_value=0, max_value=1_000)
AMOUNTS = st.sampled_from(("90.00", "100.00", "1250.50"))


class Delivery(Enum):
    """What becomes of an announcement."""

    AT_ONCE = "at once"
    TWICE = "twice"
    LATE = "late"
    NEVER = "never"


MOSTLY_AT_ONCE = st.sampled_from((*[Delivery.AT_ONCE] * 3, Delivery.TWICE, Delivery.LATE, Delivery.NEVER))
# The CRM's clock says nothing of a link, so a lost announcement of one is lost until the deal changes.
NEVER_LOST = st.sampled_from((Delivery.AT_ONCE, Delivery.AT_ONCE, Delivery.TWICE, Delivery.LATE))


@dataclass(frozen=True, slots=True)
class Setting:
    """What every example shares: the server, an empty migrated database to copy, mapping and rules."""

    server: EmbeddedPostgres
    administrator: psycopg.Connection
    template: str
    mapping: Mapping
    rules: RuleSet


class Life(RuleBasedStateMachine):
    """One CRM account, workers on its inbox, and now and then a run over everything."""

    def __init__(self, setting: Setting) -> None:
        super().__init__()
        self.setting = setting
        self.own = ExitStack()
        self.database = self.own.enter_context(
            database_copy(setting.administrator, setting.template, f"example_{next(_NUMBERS)}")
        )
        self.url = setting.server.url(self.database, "postgresql")
        # Without a pool, no session that was broken is used again.
        engine = create_engine(setting.server.url(self.database), poolclass=NullPool)
        self.pipeline = Pipeline(engine, setting.mapping, setting.rules, as_of=AS_OF)
        register(self.pipeline)
        # As a worker's process has it.
        quick = create_engine(engine.url, connect_args=dict(WORKER_SESSION))
        self.workers_pipeline = replace(self.pipeline, engine=quick)
        self.portal = MoodyPortal()
        for company in _COMPANIES:
            self.portal.company(company)
        self.deals: dict[str, ExpectedDeal] = {}
        self.archived: set[str] = set()
        self.announced: list[WebhookEvent] = []
        self.held_back: list[WebhookEvent] = []
        self.missed = False
        self.numbers = count(1)
        self.run_over_everything: threading.Thread | None = None
        self.stop = threading.Event()
        self.workers: list[threading.Thread] = []
        self.start_workers()

    # People.

    @rule(amount=AMOUNTS, company=st.sampled_from(_COMPANIES), how=MOSTLY_AT_ONCE, won=st.booleans())
    def make_a_deal(self, amount: str, company: str, how: Delivery, won: bool) -> None:
        identifier = str(next(self.numbers))
        stage = "closedwon" if won else "contractsent"
        self.portal.deal(identifier, company, dealname=f"Deal {identifier}", amount=amount, dealstage=stage)
        self.deals[identifier] = ExpectedDeal(company, amount=_minor(amount), won=won)
        self.changed(identifier, how)

    @rule(price=AMOUNTS, company=st.sampled_from(_COMPANIES), how=MOSTLY_AT_ONCE)
    def make_a_subscription(self, price: str, company: str, how: Delivery) -> None:
        """A monthly line item for three months that are over."""
        identifier = str(next(self.numbers))
        line = f"{identifier}01"
        self.portal.line_item(line, quantity="1", price=price, recurringbillingfrequency="monthly")
        terms = {"contract_start_date": "2026-01-01", "contract_term_months": "3"}
        self.portal.deal(
            identifier, company, lines=[line], amount=None, dealname=f"Deal {identifier}", **terms
        )
        self.deals[identifier] = ExpectedDeal(company, lines={line: _minor(price)}, won=True, periods=3)
        self.changed(identifier, how)

    @precondition(lambda self: self.living())
    @rule(which=WHICH, amount=AMOUNTS, how=MOSTLY_AT_ONCE)
    def change_what_a_deal_is_worth(self, which: Which, amount: str, how: Delivery) -> None:
        identifier, deal = self.pick(which)
        if deal.lines:
            line = sorted(deal.lines)[-1]
            self.portal.change(LINE_ITEM, line, quantity="1", price=amount)
            deal.lines[line] = _minor(amount)
            deal.note()
            self.announce(LINE_ITEM, line, how)
        else:
            self.portal.change(DEAL, identifier, amount=amount)
            deal.amount = _minor(amount)
            self.changed(identifier, how)

    @precondition(lambda self: self.living())
    @rule(which=WHICH, won=st.booleans(), how=MOSTLY_AT_ONCE)
    def close_or_reopen_a_deal(self, which: Which, won: bool, how: Delivery) -> None:
        identifier, deal = self.pick(which)
        self.portal.change(DEAL, identifier, dealstage="closedwon" if won else "contractsent")
        deal.won = won
        self.changed(identifier, how)

    @precondition(lambda self: any(deal.periods == 1 for deal in self.living().values()))
    @rule(which=WHICH, how=NEVER_LOST)
    def add_a_line_item(self, which: Which, how: Delivery) -> None:
        """Which does not count as a change of the deal."""
        once = {name: deal for name, deal in self.living().items() if deal.periods == 1}
        identifier = sorted(once)[which % len(once)]
        line = f"{identifier}{len(once[identifier].lines) + 1:02}"
        self.portal.line_item(line, identifier, quantity="1", price=f"{_SEAT / 100:.2f}")
        once[identifier].lines[line] = _SEAT
        once[identifier].note()
        self.announce(LINE_ITEM, line, how)

    @precondition(lambda self: self.living())
    @rule(which=WHICH, company=st.sampled_from(_COMPANIES), how=NEVER_LOST)
    def move_a_deal_to_another_company(self, which: Which, company: str, how: Delivery) -> None:
        identifier, deal = self.pick(which)
        self.portal.link(DEAL, identifier, COMPANY, company)
        deal.company = company
        self.changed(identifier, how)

    @rule(company=st.sampled_from(_COMPANIES), how=MOSTLY_AT_ONCE)
    def rename_a_company(self, company: str, how: Delivery) -> None:
        self.portal.change(COMPANY, company, name=f"Company {company} of {next(self.numbers)}")
        self.announce(COMPANY, company, how)

    @precondition(lambda self: self.living())
    @rule(which=WHICH, how=MOSTLY_AT_ONCE)
    def archive_a_deal(self, which: Which, how: Delivery) -> None:
        identifier, deal = self.pick(which)
        self.portal.archive(DEAL, identifier)
        self.archived.add(identifier)
        deal.won = False
        self.changed(identifier, how)

    # Webhooks.

    @precondition(lambda self: self.held_back)
    @rule(seed=WHICH)
    def deliver_some_late_and_out_of_order(self, seed: int) -> None:
        rng = Random(seed)  # noqa: S311 - to repeat a failure
        late = rng.sample(self.held_back, rng.randint(1, len(self.held_back)))
        self.held_back = [event for event in self.held_back if event not in late]
        self.receive(late)

    @precondition(lambda self: self.announced)
    @rule(which=WHICH)
    def deliver_something_old_once_more(self, which: Which) -> None:
        self.receive([self.announced[which % len(self.announced)]])

    @rule()
    def replay_all_events(self) -> None:
        with self.pipeline.engine.begin() as connection:
            replay(connection, Selection(), "tester")

    # Trouble.

    @rule(kinds=st.lists(st.sampled_from(sorted(TROUBLES)), min_size=1, max_size=3))
    def let_the_crm_fail(self, kinds: list[str]) -> None:
        self.portal.troubles = [TROUBLES[kind]() for kind in kinds]

    @rule()
    def restart_the_workers(self) -> None:
        self.stop_workers()
        self.start_workers()

    @rule()
    def break_every_session(self) -> None:
        """What the database does to others when one of its processes is killed."""
        self.setting.administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self.database]
        )

    @rule()
    def begin_a_run_over_everything(self) -> None:
        """Unless one is still under way, which depends on time and is no matter for a precondition."""
        if self.run_over_everything is not None and self.run_over_everything.is_alive():
            return

        def run() -> None:
            with suppress(VendorFailure, *_LOST_SESSION):
                self.sync()

        self.run_over_everything = threading.Thread(target=run)
        self.run_over_everything.start()

    # And what has to come of it.

    @rule()
    def settle_and_look(self) -> None:
        self.receive(self.held_back)
        self.held_back = []
        self.portal.troubles = []
        if self.run_over_everything is not None:
            self.run_over_everything.join(_PATIENCE_SECONDS)
        self.wait_until_settled()
        if self.missed:
            self.sync()
            self.missed = False
        with self.pipeline.engine.connect() as connection:
            hold_books_to(connection, self.pipeline, self.deals)

    def teardown(self) -> None:
        try:
            self.settle_and_look()
        finally:
            self.stop_workers()
            for pipeline in (self.pipeline, self.workers_pipeline):
                pipeline.engine.dispose()
            self.own.close()

    # How.

    def living(self) -> dict[str, ExpectedDeal]:
        return {name: deal for name, deal in self.deals.items() if name not in self.archived}

    def pick(self, which: Which) -> tuple[str, ExpectedDeal]:
        living = self.living()
        identifier = sorted(living)[which % len(living)]
        return identifier, living[identifier]

    def changed(self, identifier: str, how: Delivery) -> None:
        self.deals[identifier].note()
        self.announce(DEAL, identifier, how)

    def announce(self, kind: ObjectType, identifier: str, how: Delivery) -> None:
        event = announced(f"e{next(self.numbers)}", identifier, kind)
        if how is Delivery.NEVER:
            self.missed = True
        elif how is Delivery.LATE:
            self.held_back.append(event)
        else:
            self.receive([event])
            if how is Delivery.TWICE:
                self.receive([event])

    def receive(self, events: Sequence[WebhookEvent]) -> None:
        self.announced += events
        # A transaction each, as the order in which they come is the point.
        with psycopg.connect(self.url, autocommit=True) as connection:
            for event in events:
                keep(connection, [event])

    def sync(self) -> None:
        for _ in sync(self.pipeline, self.portal, Scope.everything()):
            pass

    def wait_until_settled(self) -> None:
        """What waits for another attempt is not waited for, what was given up is given another chance."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for _ in range(_PATIENCE_SECONDS * 50):
                if connection.execute(_OPEN).fetchone() == (0,):
                    return
                connection.execute(_HASTEN)
                time.sleep(0.02)
            raise AssertionError(f"never settled: {connection.execute(_UNSETTLED).fetchall()}")

    def start_workers(self) -> None:
        self.stop = threading.Event()
        self.workers = [
            threading.Thread(
                target=Worker(
                    lambda: self.workers_pipeline, self.portal, self.url, name=f"worker {number}"
                ).run,
                args=(self.stop,),
            )
            for number in range(_WORKERS)
        ]
        for worker in self.workers:
            worker.start()

    def stop_workers(self) -> None:
        self.stop.set()
        with psycopg.connect(self.url, autocommit=True) as connection:
            for worker in self.workers:
                while worker.is_alive():
                    # An idle worker listens for a second before it looks whether it is to stop.
                    connection.execute("NOTIFY inbox")
                    worker.join(0.02)


def _minor(amount: str) -> int:
    return int(Decimal(amount) * 100)


_OPEN = "SELECT count(*) FROM inbox.events WHERE state IN ('pending', 'failed')"
_UNSETTLED = "SELECT external_ids, state, attempts, last_error FROM inbox.events WHERE state <> 'done'"
_HASTEN = """
    WITH waiting AS (
        SELECT id FROM inbox.events
        WHERE state = 'failed' OR (state = 'pending' AND retry_at IS NOT NULL)
        FOR UPDATE SKIP LOCKED
    ),
    hastened AS (
        UPDATE inbox.events AS event SET state = 'pending', retry_at = NULL, attempts = 0, faults = 0
        FROM waiting WHERE event.id = waiting.id
    )
    SELECT pg_notify('inbox', '') WHERE EXISTS (SELECT FROM waiting)
"""


def test_whatever_happens_the_books_are_right_in_the_end(
    postgres: EmbeddedPostgres,
    administrator: psycopg.Connection,
    template: str,
    mapping: Mapping,
    rules: RuleSet,
) -> None:
    setting = Setting(postgres, administrator, template, mapping, rules)
    run_state_machine_as_test(
        partial(Life, setting),  # pyright: ignore[reportArgumentType] - anything that makes one will do
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=_STEPS,
            deadline=None,
            print_blob=True,
            # What fails here may need two threads to meet, so that a smaller example says little.
            phases=(Phase.explicit, Phase.reuse, Phase.generate),
            suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
        ),
    )
