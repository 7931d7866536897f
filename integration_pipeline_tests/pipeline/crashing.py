"""A sync in a process of its own that kills itself, as `kill -9` or the power does, at a chosen statement."""

from __future__ import annotations

import os
import signal
from multiprocessing.connection import Connection as Wire

from sqlalchemy import create_engine, event

from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import AFTER_EXTRACTION, sync
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline_tests.pipeline.conftest import AS_OF
from integration_pipeline_tests.pipeline.portal import DEAL, Portal
from integration_pipeline_tests.pipeline.variety import amend_something, change_something, various

STAGES = ("extract", *(name for name, _ in AFTER_EXTRACTION))

# Once for all children: they are forked from a process that has imported this.
_MAPPING, _RULES = read_mapping(DEFAULT_MAPPING), read_rule_set()


def crm(*, changed: bool) -> Portal:
    """The same CRM each time, before or after people changed things in it."""
    portal = various(deals=25)
    if changed:
        change_something(portal)
        amend_something(portal)
    return portal


def every_deal(portal: Portal) -> Scope:
    """All deals by their keys, as a run over a handful is asked for them."""
    return Scope.deals(f"{portal.name}:{external_id}" for kind, external_id in portal.records if kind is DEAL)


def die_in(url: str, wire: Wire, stage: str, nth: int, changed: bool, by_key: bool) -> None:
    """Sync everything, but die in `stage`: before its `nth` statement or commit, at the latest at its end."""
    engine = create_engine(url)
    running, left = STAGES[0], nth

    def count(*_: object) -> None:
        nonlocal left
        left -= running == stage
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)
    pipeline = Pipeline(engine, _MAPPING, _RULES, as_of=AS_OF)
    portal = crm(changed=changed)
    scope = every_deal(portal) if by_key else Scope.everything()
    for number, report in enumerate(sync(pipeline, portal, scope), start=1):
        wire.send(report.stage)
        if running == stage:
            os.kill(os.getpid(), signal.SIGKILL)
        running = STAGES[number]
