"""Settling in a process of its own that kills itself, as `kill -9` does, at a chosen statement."""

from __future__ import annotations

import os
import signal

from sqlalchemy import create_engine, event

from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.settle import settle
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import DEFAULT_MAPPING
from integration_pipeline_tests.pipeline.conftest import AS_OF

# Once for all children: they are forked from a process that has imported this.
_MAPPING, _RULES = read_mapping(DEFAULT_MAPPING), read_rule_set()


def die(url: str, nth: int) -> None:
    """Settle everything, but die before the `nth` statement or commit, if it comes to that."""
    engine = create_engine(url)
    left = nth

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "commit", count)
    settle(Pipeline(engine, _MAPPING, _RULES, as_of=AS_OF))
