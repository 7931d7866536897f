"""The demo's way through every system: documents delivered, invoices paid, payments settled, deals told.

Belongs here: the order of it, who pays, what is counted in the end. Does not belong here: the stages
themselves, starting the systems (`systems`), how it is shown (`summary`).
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from rich.progress import Progress
from sqlalchemy import Connection, Engine, text

from integration_pipeline.accounting.postgres_ledger.settlement_proof import settlement_problems
from integration_pipeline.billing.money import Money
from integration_pipeline.cli.workshop import Workshop
from integration_pipeline.payment_accounts import open_payment_accounts
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.post import enlist
from integration_pipeline.pipeline.receive import receive
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.pipeline.write_back import write_back
from integration_pipeline.posting.delivery import deliver
from integration_pipeline.posting.reconcile import Reconciliation, reconcile
from integration_pipeline.posting.standing import posting_problems, standing
from integration_pipeline.posting.sweep import sweep
from integration_pipeline.posting.writer import open_session
from integration_pipeline.runtime import open_engine, open_writer, pipeline_on
from integration_pipeline.sandbox.datasets.paid import CARD_CURRENCY, Payable, Payments, pay_some
from integration_pipeline.targets import open_targets

if TYPE_CHECKING:
    from integration_pipeline.accounting.target import AccountingTarget
    from integration_pipeline.cli.systems import Systems

_LOOK_SECONDS = 0.2


@dataclass(slots=True)
class Compared:
    """One target beside the own ledger; documents, and invoices less credit notes in minor units."""

    target: str
    booked: int
    booked_minor: Counter[str]
    there: int
    there_minor: Counter[str]
    refused: int
    refused_minor: Counter[str]
    refusal: str | None
    """What the target said of the first one."""
    payments: int
    findings: int

    @property
    def agrees(self) -> bool:
        """Whether all that was booked is there, or was refused for a reason that somebody is told."""
        return self.booked == self.there + self.refused and (
            self.booked_minor == self.there_minor + self.refused_minor and not self.findings
        )


@dataclass(slots=True)
class Seen:
    """What the tour has come to. `posted` counts what it put into the targets itself."""

    targets: list[Compared]
    movements: dict[str, int]
    """How many payments, payouts and bank lines are in which state."""
    waiting: list[str]
    deals_told: int
    posted: int = 0
    told_now: int = 0
    problems: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Tour:
    """The way through every system of a running demo; `posted` is what its targets had before."""

    workshop: Workshop
    systems: Systems
    pipeline: Pipeline
    progress: Progress
    posted: int

    def take(self) -> Seen:
        """Everything that is due, in order. A second time nothing is, and nobody pays again."""
        with open_targets(self.workshop.settings, self.pipeline) as targets:
            self._deliver(targets)
            self._pay()
            self._settle()
            self._deliver(targets)
            told = self._tell()
            compared = self._compare(targets)
        with self.pipeline.engine.connect() as connection:
            seen = _seen(connection, self.pipeline, compared)
        seen.posted, seen.told_now = _posted(self.pipeline.engine) - self.posted, told
        return seen

    def _deliver(self, targets: Sequence[AccountingTarget]) -> None:
        """To all targets at the same time; what one of them gets comes in order."""
        pipeline = self.pipeline
        with pipeline.transaction() as connection:
            enlist(connection, pipeline.targets)
        with ThreadPoolExecutor(len(targets)) as pool:
            under_way = [pool.submit(deliver, pipeline, [each]) for each in targets]
            for each in under_way:
                each.result()

    def _pay(self) -> None:
        """A tenth of the open invoices are paid; in one data folder only once."""
        systems = self.systems
        with self._step("customers pay, by Stripe and by bank"):
            charges = systems.stripe.admin("GET", "/counts").get("charge", 0)
            if charges or systems.plaid.admin("GET", "/totals")["totals"]:
                return
            with self.pipeline.engine.connect() as connection:
                payable = _payable(connection, list(systems.bank_accounts))
            today = datetime.now(UTC).date()
            _carry_out(pay_some(payable, today), systems, today)

    def _settle(self) -> None:
        with (
            self._step("payments received and settled"),
            open_payment_accounts(self.workshop.settings) as accounts,
        ):
            for each in accounts:
                receive(self.pipeline, each.source, account=each.account)
            settle(self.pipeline)

    def _tell(self) -> int:
        """How many deals were told something."""
        with (
            self._step("deals in the CRM told of their invoices"),
            open_writer(self.workshop.settings) as writer,
        ):
            return write_back(self.pipeline, writer, Scope.everything()).counts["deals_written"]

    def _compare(self, targets: Sequence[AccountingTarget]) -> dict[str, Reconciliation]:
        """What is there, by each target's own lists."""
        compared: dict[str, Reconciliation] = {}
        url = self.pipeline.database_url
        with self._step("both sides compared"):
            for each in targets:
                with open_session(url, f"compare {each.name}") as session:
                    sweep(session, each)
                    compared[each.name] = reconcile(session, each)
        return compared

    @contextmanager
    def _step(self, description: str) -> Generator[None]:
        task = self.progress.add_task(description, total=None)
        yield
        self.progress.update(task, total=1, completed=1)


@contextmanager
def open_tour(workshop: Workshop, systems: Systems, progress: Progress) -> Generator[Tour]:
    """A tour to be taken; until the end of the block it is shown how much has come to each target."""
    engine = open_engine(workshop.database_url)
    try:
        pipeline = pipeline_on(engine, workshop.settings)
        with _watched(engine, sorted({each.target for each in pipeline.targets}), progress):
            yield Tour(workshop, systems, pipeline, progress, _posted(engine))
    finally:
        engine.dispose()


@contextmanager
def _watched(engine: Engine, targets: Sequence[str], progress: Progress) -> Generator[None]:
    """Show how much of what goes to each target is there, while others bring it."""
    tasks = {
        target: progress.add_task(f"documents and payments to {target}", total=None) for target in targets
    }
    done = threading.Event()

    def look() -> None:
        with engine.connect() as connection:
            for row in connection.execute(text(_PROGRESS)):
                if row.target in tasks:
                    progress.update(tasks[row.target], completed=row.settled, total=row.intents)

    def keep_looking() -> None:
        while not done.wait(_LOOK_SECONDS):
            look()

    watcher = threading.Thread(target=keep_looking, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    look()


def _payable(connection: Connection, currencies: Sequence[str]) -> list[Payable]:
    rows = connection.execute(text(_PAYABLE), {"currencies": currencies})
    return [
        Payable(row.number, row.name, row.domain, row.due_date, Money(row.open_minor, row.currency))
        for row in rows
    ]


def _carry_out(payments: Payments, systems: Systems, today: date) -> None:
    """At Stripe, with a payout of all of it in the end, and at the bank, where the payout arrives."""
    for card in payments.cards:
        order = {
            "amount": card.amount.minor,
            "currency": card.amount.currency.lower(),
            "payer": {"name": card.name, "email": card.email},
            "description": card.description,
            "metadata": card.metadata,
        }
        systems.stripe.admin("POST", "/payments", order)
    lines = [(each.amount, each.booked_on, f"{each.text}", each.payer) for each in payments.transfers]
    if payments.cards:
        order = {"currency": CARD_CURRENCY.lower(), "with_pending": True}
        payout = systems.stripe.admin("POST", "/payouts", order)
        lines.append((Money(payout["amount"], CARD_CURRENCY), today, "STRIPE TRANSFER", "Stripe"))
    for currency, account in systems.bank_accounts.items():
        told = [
            # Plaid's sign: what comes in is negative.
            {"amount": f"{-amount.to_decimal():f}", "date": day.isoformat(), "name": words, "payer": payer}
            for amount, day, words, payer in lines
            if amount.currency == currency
        ]
        if told:
            order = {"item_id": systems.item_id, "account_id": account, "lines": told}
            systems.plaid.admin("POST", "/transactions", order)


def _posted(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(text(_POSTED)).scalar_one()


def _seen(connection: Connection, pipeline: Pipeline, compared: dict[str, Reconciliation]) -> Seen:
    targets: list[Compared] = []
    for standing_of in standing(connection, sorted(compared)):
        there = compared[standing_of.target]
        booked, refused = Counter[str](), Counter[str]()
        booked_documents = refused_documents = 0
        parameters = {
            "target": standing_of.target,
            "posts_to": json.dumps(
                [
                    {"entity": each.entity, "since": each.since.isoformat()}
                    for each in pipeline.targets
                    if each.target == standing_of.target
                ]
            ),
        }
        for row in connection.execute(text(_BOOKED), parameters):
            booked[row.currency] += int(row.minor)
            booked_documents += row.documents
            refused[row.currency] += int(row.refused_minor)
            refused_documents += row.refused
        targets.append(
            Compared(
                target=standing_of.target,
                booked=booked_documents,
                booked_minor=booked,
                there=there.documents_there,
                there_minor=there.totals_there,
                refused=refused_documents,
                refused_minor=refused,
                refusal=connection.execute(text(_REFUSAL), {"target": standing_of.target}).scalar(),
                payments=standing_of.states.get("payment posted", 0),
                findings=standing_of.findings,
            )
        )
    movements = {row.state: row.movements for row in connection.execute(text(_MOVEMENTS))}
    return Seen(
        targets=targets,
        movements=movements,
        waiting=list(connection.execute(text(_WAITING)).scalars()),
        deals_told=connection.execute(text("SELECT count(*) FROM ops.write_backs")).scalar_one(),
        problems=[*posting_problems(connection), *settlement_problems(connection)],
    )


_PROGRESS = """
    SELECT target, count(*) AS intents,
        count(*) FILTER (WHERE state NOT IN ('pending', 'claimed', 'uncertain')) AS settled
    FROM posting.intents
    WHERE target <> 'ledger'
    GROUP BY target
"""
_POSTED = "SELECT count(*) FROM posting.intents WHERE target <> 'ledger' AND state = 'posted'"
_PAYABLE = """
    SELECT balance.number, customer.name, customer.domain, balance.due_date, balance.open_minor,
        balance.currency
    FROM ledger.document_balances AS balance
    INNER JOIN crm.customers AS customer ON customer.id = balance.customer_id
    INNER JOIN posting.intents AS intent
        ON intent.document_id = balance.document_id AND intent.subject = 'document'
        AND intent.target <> 'ledger' AND intent.state = 'posted'
    WHERE balance.kind = 'invoice' AND balance.open_minor = balance.total_minor
        AND balance.open_minor > 0 AND balance.currency = ANY(CAST(:currencies AS text[]))
    ORDER BY balance.number
"""
_BOOKED = """
    SELECT
        booked.currency, count(*) AS documents,
        sum(booked.total_minor * CASE booked.kind WHEN 'invoice' THEN 1 ELSE -1 END) AS minor,
        count(*) FILTER (WHERE intent.state = 'rejected') AS refused,
        coalesce(sum(booked.total_minor * CASE booked.kind WHEN 'invoice' THEN 1 ELSE -1 END)
            FILTER (WHERE intent.state = 'rejected'), 0) AS refused_minor
    FROM ledger.document_balances AS booked
    INNER JOIN jsonb_to_recordset(CAST(:posts_to AS jsonb)) AS posts_to (entity text, since date)
        ON posts_to.entity = booked.entity AND booked.issue_date >= posts_to.since
    LEFT JOIN posting.intents AS intent
        ON intent.document_id = booked.document_id AND intent.target = :target
        AND intent.subject = 'document'
    GROUP BY booked.currency
    ORDER BY booked.currency
"""
_REFUSAL = """
    SELECT last_error FROM posting.intents
    WHERE target = :target AND state = 'rejected' AND subject = 'document'
    ORDER BY id
    LIMIT 1
"""
_MOVEMENTS = """
    SELECT state, count(*) AS movements FROM payments.movements
    WHERE state <> 'withdrawn'
    GROUP BY state
    ORDER BY state
"""
_WAITING = """
    SELECT reason FROM payments.movements WHERE state = 'waiting' ORDER BY id
"""
