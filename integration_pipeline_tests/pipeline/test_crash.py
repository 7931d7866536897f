from __future__ import annotations

import multiprocessing
import signal
from random import Random

from sqlalchemy import Engine

from integration_pipeline.accounting.postgres_ledger.proof import prove_ledger
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.deferred import deferred_problems
from integration_pipeline.rules.document import RuleSet
from integration_pipeline_tests.conftest import NewDatabase
from integration_pipeline_tests.pipeline import crashing
from integration_pipeline_tests.pipeline.books import Booked, booked
from integration_pipeline_tests.pipeline.conftest import AS_OF, Office, registered
from integration_pipeline_tests.pipeline.crashing import STAGES

SEED = 20_260_630
_EVENTS = {"extract": 150, "post": 8}
"""About how many statements and commits a stage has at most; for the others see `_FEW`."""
_FEW = 6


def office_on(engine: Engine, mapping: Mapping, rules: RuleSet, *, changed: bool) -> Office:
    pipeline = registered(Pipeline(engine, mapping, rules, as_of=AS_OF))
    return Office(pipeline, crashing.crm(changed=changed))


def kill(engine: Engine, stage: str, nth: int, *, changed: bool, by_key: bool) -> None:
    """Let a process sync until it dies in `stage`."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crashing.__name__])
    receiving, sending = context.Pipe(duplex=False)
    url = engine.url.render_as_string(hide_password=False)
    process = context.Process(target=crashing.die_in, args=(url, sending, stage, nth, changed, by_key))
    process.start()
    sending.close()
    done: list[str] = []
    try:
        while True:
            done.append(receiving.recv())
    except EOFError:
        process.join()
    before = STAGES[: STAGES.index(stage)]
    assert process.exitcode == -signal.SIGKILL
    assert tuple(done) in (before, (*before, stage))


def finish(office: Office) -> list[Booked]:
    """Undisturbed runs, until the server has noticed that the last killed poster is gone."""
    for _ in range(5_000):
        office.sync()
        claimed = office.value("SELECT count(*) FROM posting.intents WHERE state = 'claimed'")
        if claimed == 0:
            break
    with office.pipeline.engine.connect() as connection:
        assert prove_ledger(connection).problems == []
        assert deferred_problems(connection) == []
        return booked(connection)


def test_a_sync_killed_in_every_stage_ends_in_the_books_of_an_undisturbed_one(
    new_database: NewDatabase, template: str, mapping: Mapping, rules: RuleSet
) -> None:
    """In each once while it is over everything, and once while it is over all deals by their keys."""
    rng = Random(SEED)  # noqa: S311 - to repeat a failure
    disturbed, undisturbed = new_database(template), new_database(template)
    kinds: set[str] = set()
    for changed in (False, True):
        office = office_on(disturbed, mapping, rules, changed=changed)
        other = office_on(undisturbed, mapping, rules, changed=changed)
        for number, stage in enumerate(STAGES):
            by_key = (number % 2 == 0) is changed
            nth = rng.randint(1, _EVENTS.get(stage, _FEW))
            print(f"died in {stage}, event {nth}, {changed=}, {by_key=}")  # noqa: T201 - if it fails
            kill(disturbed, stage, nth, changed=changed, by_key=by_key)
        undisturbed_books = finish(other)
        kinds |= {row[2] for row in undisturbed_books}

        assert finish(office) == undisturbed_books

    assert kinds == {"invoice", "credit_note"}
