"""`kill -9` of every program, at every point between a webhook and the books, under load.

What is promised of the inbox is looked at after every kill, the books after every fourth.
`REALTIME_KILLS=300 pytest integration_pipeline_tests/realtime/crash -k random` goes on for longer.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from random import Random

import pytest
from sqlalchemy import Engine

from integration_pipeline.inbox.milestones import (
    BEFORE_SETTLING,
    CLAIMED,
    COMMITTED,
    KEPT,
    READ,
    RECEIVED,
    SETTLED,
    STAGE_DONE,
)
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync
from integration_pipeline.runtime import open_source, pipeline_on
from integration_pipeline_tests.realtime.crash.doomed import (
    BEFORE_CLAIM_COMMIT,
    BEFORE_POSTING_COMMIT,
    CLAIM_COMMITTED,
    Trap,
)
from integration_pipeline_tests.realtime.crash.load import Office
from integration_pipeline_tests.realtime.crash.rig import Program, Rig
from integration_pipeline_tests.realtime.expectation import net_by_deal

KILLS = int(os.environ.get("REALTIME_KILLS", "3"))
RANDOM_SEED = int(os.environ.get("REALTIME_SEED", "0")) or secrets.randbelow(1_000_000) + 1

WORKER, GATEWAY, SANDBOX, POSTGRES = Program.WORKER, Program.GATEWAY, Program.SANDBOX, Program.POSTGRES


@dataclass(frozen=True, slots=True)
class Death:
    """Who dies when a program reaches a point for the nth time."""

    victim: Program
    point: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.victim.value}-{self.point}-{self.nth}"


DEATHS = (
    Death(GATEWAY, RECEIVED, 2),
    Death(GATEWAY, KEPT, 2),
    Death(WORKER, CLAIMED, 2),
    Death(WORKER, READ),
    *(Death(WORKER, STAGE_DONE, nth) for nth in (1, 3, 5, 7)),
    Death(WORKER, BEFORE_CLAIM_COMMIT),
    Death(WORKER, CLAIM_COMMITTED),
    Death(WORKER, BEFORE_POSTING_COMMIT),
    Death(WORKER, BEFORE_SETTLING),
    Death(WORKER, SETTLED),
    Death(WORKER, COMMITTED),
    Death(SANDBOX, RECEIVED),
    Death(SANDBOX, KEPT),
    Death(SANDBOX, CLAIMED),
    Death(POSTGRES, RECEIVED),
    Death(POSTGRES, KEPT),
    Death(POSTGRES, CLAIMED),
    Death(POSTGRES, CLAIM_COMMITTED),
    Death(POSTGRES, BEFORE_POSTING_COMMIT),
    Death(POSTGRES, BEFORE_SETTLING),
    Death(POSTGRES, COMMITTED),
)


@pytest.mark.parametrize("death", DEATHS, ids=str)
def test_a_kill_at_this_point_loses_nothing_and_doubles_nothing(
    rig: Rig, people: Office, death: Death
) -> None:
    own = death.victim in (WORKER, GATEWAY) and death.victim is _program_at(death.point)
    rig.lay(Trap(death.point, death.nth, () if own else rig.pids(death.victim)))
    with people.at_work():
        rig.wait_until_dead(death.victim)
        rig.revive(death.victim)
    rig.wait_until_settled()
    # The proof of all books takes as long as everything else, and finds later what it would have found now.
    if DEATHS.index(death) % 4 == 3:
        rig.hold_to_promises()
    else:
        rig.hold_inbox_to_promises()


def test_random_kills_lose_nothing_and_double_nothing(rig: Rig, people: Office) -> None:
    print(f"REALTIME_SEED={RANDOM_SEED}")  # noqa: T201 - to repeat a failure
    rng = Random(RANDOM_SEED)  # noqa: S311 - to repeat a failure
    for number in range(1, KILLS + 1):
        victim = rng.choice(list(Program))
        seconds = rng.uniform(0, 0.5)
        print(f"kill {number}: {victim.value} after {seconds:.3f} s")  # noqa: T201 - if it fails
        with people.at_work():
            time.sleep(seconds)
            rig.kill(victim)
            rig.wait_until_dead(victim)
            rig.revive(victim)
        if number % 5 == 0 and number < KILLS:
            rig.wait_until_settled()
            rig.hold_to_promises()
    rig.wait_until_settled()
    rig.hold_to_promises()


def test_the_books_are_those_of_a_run_that_nobody_disturbed(rig: Rig, people: Office, engine: Engine) -> None:
    for _ in range(40):
        people.do_something()
    rig.wait_until_settled()
    rig.hold_to_promises()
    settings = rig.settings()
    with open_source(settings) as source:
        for _ in sync(pipeline_on(engine, settings), source, Scope.everything()):
            pass
    won = [identifier for identifier, deal in rig.deals.items() if deal.won]
    assert won
    with rig.pipeline() as pipeline, pipeline.engine.connect() as disturbed, engine.connect() as undisturbed:
        assert net_by_deal(disturbed, won) == net_by_deal(undisturbed, won)


def _program_at(point: str) -> Program:
    return GATEWAY if point in (RECEIVED, KEPT) else WORKER
