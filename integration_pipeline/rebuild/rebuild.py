"""A whole rebuild: supply, repeat, compare, show."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from integration_pipeline.pipeline.context import Evaluate
from integration_pipeline.quality import native
from integration_pipeline.rebuild.acts import past_acts
from integration_pipeline.rebuild.compare import Comparison, compare
from integration_pipeline.rebuild.facts import Facts, read_facts
from integration_pipeline.rebuild.in_force import InForce
from integration_pipeline.rebuild.order import in_rounds
from integration_pipeline.rebuild.parties import names_of_customers
from integration_pipeline.rebuild.past_clock import with_past_clock
from integration_pipeline.rebuild.readings import Customers
from integration_pipeline.rebuild.replay import Replay
from integration_pipeline.rebuild.scratch import scratch_database
from integration_pipeline.rebuild.side_by_side import put, refuse_unless_free
from integration_pipeline.rebuild.supply import supply

Watcher = Callable[[str, int, int], None]
"""Is told of progress: what is being done, how many parts of it are done, of how many."""


@dataclass(slots=True)
class Rebuilt:
    """What came of it. `problems` could not be repeated; `notes` say what a reader should know besides."""

    comparison: Comparison
    problems: list[str]
    notes: list[str]
    acts: int
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @property
    def is_identical(self) -> bool:
        """Whether everything in the books follows from what came in, and nothing else does."""
        return not self.comparison.differences and not self.problems


def rebuild(
    live: Engine,
    schema: str,
    *,
    replace: bool = False,
    evaluate: Evaluate = native.evaluate,
    watch: Watcher = lambda _what, _done, _of: None,
) -> Rebuilt:
    """Compute the books anew from raw records, and put them into `schema` beside the live ones.

    The live database is read under one snapshot and changed nowhere else. Raises `RebuildRefused`.
    """
    with live.begin() as connection:
        refuse_unless_free(connection, schema, replace=replace)
    timer = _Timer()
    with snapshot(live) as before, scratch_database(live) as scratch:
        with timer.timed("supply"):
            facts = read_facts(before)
            with scratch.engine.begin() as connection:
                supply(before, connection)
        with timer.timed("repeat"):
            in_force = InForce(facts)
            parts = list(in_rounds(past_acts(facts, in_force)))
            total, done = sum(len(acts) for _, acts in parts), 0
            customers = Customers(scratch, names_of_customers(facts, in_force))
            replay = Replay(scratch, in_force, customers, with_past_clock(evaluate, facts))
            for phase, acts in parts:
                watch("repeating what was done", done, total)
                replay.do(phase, acts)
                done += len(acts)
            replay.close()
            watch("repeating what was done", total, total)
        with timer.timed("compare"), scratch.engine.begin() as after:
            comparison = compare(before, after)
        with timer.timed("show"):
            put(live, scratch.engine, schema, comparison.differences, replace=replace)
    return Rebuilt(comparison, [*_lost(facts), *replay.problems], _notes(in_force), total, timer.seconds)


@contextmanager
def snapshot(live: Engine) -> Generator[Connection]:
    """A read-only view of the live database as of now, however long it is looked at."""
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with live.connect().execution_options(**options) as connection:
        try:
            yield connection
        finally:
            connection.rollback()


def _lost(facts: Facts) -> list[str]:
    return [f"raw record {row.id} is gone; it is what this was made of: {row.named_by}" for row in facts.lost]


def _notes(in_force: InForce) -> list[str]:
    return [
        f"the document of version {version} has another version when this program reads it"
        for version in in_force.unlike_their_version()
    ]


@dataclass(slots=True)
class _Timer:
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    @contextmanager
    def timed(self, name: str) -> Generator[None]:
        started = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - started, 3)
