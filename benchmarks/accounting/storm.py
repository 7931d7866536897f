"""Posting while a fifth of the vendor's calls goes wrong and the writer is lost now and then.

Belongs here: the faults, the lost writers, what has to be true in the end. Does not belong here: the books
that are posted (`books`), the command line (`lost_answers`).
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, cast

from benchmarks.accounting.books import rows
from integration_pipeline.accounting.target import AccountingTarget, Outcome, Outgoing, RemoteRecord
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.post import enlist
from integration_pipeline.posting.delivery import Delivery
from integration_pipeline.posting.reconcile import reconcile
from integration_pipeline.posting.standing import posting_problems
from integration_pipeline.posting.writer import open_session
from integration_pipeline.transport.client import RetryPolicy, TimeLimits

SHORT = TimeLimits(connect=1.0, read=1.0, answer=1.5)
"""Of a caller in a storm: nobody wants to wait half a minute for each call that hangs."""
IMPATIENT = RetryPolicy(attempts=2, base_seconds=0.01, cap_seconds=0.05, total_seconds=2.0)
_LOOK_AGAIN = 0.1
# By turns: not done, done and lost, done half a second after the caller gave up, asked to wait.
_FAULTS: Sequence[tuple[str, dict[str, Any]]] = (
    ("dropped before", {"kind": "drop_before"}),
    ("dropped after", {"kind": "drop_after"}),
    ("truncated", {"kind": "truncate"}),
    ("unavailable", {"kind": "error", "status": 503}),
    ("hanging", {"kind": "hang", "max_ms": 3_000}),
    ("late", {"kind": "delay", "ms": [1_600, 2_400]}),
    ("throttled", {"kind": "throttle", "retry_after": 1}),
)


@dataclass(frozen=True, slots=True)
class Weathered:
    """What it took, and whether it held. `problems` is empty if every intent has one equal document there."""

    vendor: str
    seed: int
    documents: int
    calls: int
    refused_or_lost: int
    batches_sent: int
    look_ups: int
    adopted: int
    sent_again: int
    writers_lost: int
    seconds: float
    load_average: float
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class Doomed:
    """A connector whose caller loses its session after some answers, as by kill -9 in between.

    `largest_batch` may be smaller than the vendor's: 1 sends each document in a call of its own.
    """

    def __init__(
        self,
        target: AccountingTarget,
        lose: Callable[[], None],
        dice: Random,
        loss: float,
        largest_batch: int | None,
    ) -> None:
        self._target = target
        self._lose = lose
        self._dice = dice
        self._loss = loss
        self._lock = threading.Lock()
        self.largest_batch = largest_batch or target.largest_batch
        self.done: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def send(self, batch: Sequence[Outgoing]) -> Sequence[Outcome]:
        self._count("sent")
        return self._perhaps_lost(self._target.send(batch))

    def find(self, batch: Sequence[Outgoing]) -> Sequence[Sequence[RemoteRecord]]:
        self._count("looked up")
        return self._perhaps_lost(self._target.find(batch))

    def _perhaps_lost(self, answer: Any) -> Any:
        with self._lock:
            lost = self._dice.random() < self._loss
        if lost:
            self._count("lost")
            self._lose()
        return answer

    def _count(self, what: str) -> None:
        with self._lock:
            self.done[what] += 1


def rules(path: str, seed: int, share: float = 0.2) -> dict[str, Any]:
    """Faults for a sandbox: of the calls that fit `path` about `share` meets one."""
    each = round(share / len(_FAULTS), 4)
    return {
        "seed": seed,
        "rules": [
            {"name": name, "path": path, "share": str(each), "fault": fault} for name, fault in _FAULTS
        ],
    }


def weather(
    pipeline: Pipeline,
    target: AccountingTarget,
    admin: Callable[..., Any],
    *,
    path: str,
    seed: int,
    largest_batch: int | None = None,
    loss: float = 0.05,
    patience: float = 600.0,
) -> Weathered:
    """Post everything that is due through a storm. `admin` calls the vendor's sandbox, whose API is `path`;
    after a share `loss` of answers the writer is lost.

    Raises TimeoutError if something is still open after `patience` seconds.
    """
    with pipeline.engine.begin() as connection:
        enlist(connection, pipeline.targets)
    dice = Random(seed)  # noqa: S311
    doomed = Doomed(target, lambda: _lose_writer(pipeline, target.name), dice, loss, largest_batch)
    admin("PUT", "/faults", rules(path, seed))
    stop = threading.Event()
    delivery = Delivery(cast("AccountingTarget", doomed), pipeline.database_url)
    poster = threading.Thread(target=delivery.run, args=(stop,), name="poster in a storm")
    began = time.perf_counter()
    poster.start()
    try:
        while _open(pipeline, target.name):
            if time.perf_counter() - began > patience:
                raise TimeoutError(f"after {patience:.0f} s of seed {seed}: {_states(pipeline, target.name)}")
            time.sleep(_LOOK_AGAIN)
    finally:
        stop.set()
        poster.join()
    seconds = time.perf_counter() - began
    told = admin("GET", "/faults")["rules"]
    admin("DELETE", "/faults")
    [figures] = rows(pipeline, _FIGURES, target=target.name)
    return Weathered(
        vendor=target.vendor,
        seed=seed,
        documents=figures["documents"],
        calls=max(rule["matched"] for rule in told),
        refused_or_lost=sum(rule["fired"] for rule in told),
        batches_sent=doomed.done["sent"],
        look_ups=doomed.done["looked up"],
        adopted=figures["adopted"],
        sent_again=figures["sent_again"],
        writers_lost=doomed.done["lost"],
        seconds=round(seconds, 1),
        load_average=round(os.getloadavg()[0], 1),
        problems=tuple(problems(pipeline, target)),
    )


def problems(pipeline: Pipeline, target: AccountingTarget) -> list[str]:
    """What is not as it has to be, by both sides' books: one equal document of each intent, and no other."""
    found = [f"{count} intents are {state}" for state, count in _states(pipeline, target.name).items()]
    found = [each for each in found if not each.endswith(" posted")]
    with pipeline.engine.connect() as connection:
        found += posting_problems(connection)
    with open_session(pipeline.database_url, f"reconcile {target.name}") as session:
        both = reconcile(session, target)
    if not both.agrees or both.documents_here != both.documents_there:
        found.append(f"the two sides differ: {both}")
    references = Counter(
        customer.reference for page in target.customers(None) for customer in page if customer.reference
    )
    found += [f"customer {name} is there {count} times" for name, count in references.items() if count > 1]
    return found


def _lose_writer(pipeline: Pipeline, target: str) -> None:
    rows(
        pipeline,
        "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = :name",
        name=f"poster {target}",
    )


def _open(pipeline: Pipeline, target: str) -> int:
    return sum(
        count
        for state, count in _states(pipeline, target).items()
        if state in ("pending", "claimed", "uncertain")
    )


def _states(pipeline: Pipeline, target: str) -> dict[str, int]:
    return {
        row["state"]: row["count"]
        for row in rows(
            pipeline,
            "SELECT state, count(*) AS count FROM posting.intents WHERE target = :target GROUP BY state",
            target=target,
        )
    }


_FIGURES = """
    SELECT
        count(*) AS documents,
        count(*) FILTER (WHERE state = 'posted' AND NOT seen) AS adopted,
        CAST(sum(greatest(attempts, 1) - 1) AS bigint) AS sent_again
    FROM (
        SELECT
            intent.state, count(attempt.number) AS attempts,
            coalesce(bool_or(attempt.outcome = 'posted'), FALSE) AS seen
        FROM posting.intents AS intent
        LEFT JOIN posting.attempts AS attempt ON attempt.intent_id = intent.id
        WHERE intent.target = :target
        GROUP BY intent.id
    ) AS each
"""
