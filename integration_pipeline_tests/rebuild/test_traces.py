"""What was done to a deal while a document of it was being posted keeps its order after the posting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integration_pipeline.rebuild.order import Act, Phase
from integration_pipeline.rebuild.traces import Claim, after_claims
from integration_pipeline.rebuild.work import PastAct, Usage

_CLAIMED = datetime(2026, 1, 1, tzinfo=UTC)
_POSTED = _CLAIMED + timedelta(seconds=10)


def act(event: str, seconds: float, phase: Phase = Phase.NORMALIZE) -> PastAct:
    return Act(_CLAIMED + timedelta(seconds=seconds), phase, (), Usage(event))


def test_acts_close_together_keep_their_order() -> None:
    late, early = act("late", 5.001, Phase.NORMALIZE), act("early", 5.0, Phase.SCHEDULE)

    moved = after_claims([late, early], [Claim(_CLAIMED, _POSTED)])

    by_moment = sorted(moved, key=lambda each: each.moment)
    assert [each.work for each in by_moment] == [Usage("early"), Usage("late")]
    assert _POSTED < by_moment[0].moment < by_moment[1].moment


def test_acts_of_one_moment_stay_together() -> None:
    [one, other] = after_claims([act("a", 5), act("b", 5)], [Claim(_CLAIMED, _POSTED)])

    assert one.moment == other.moment > _POSTED


def test_acts_outside_a_claim_stay_where_they_are() -> None:
    acts = [act("before", -1), act("after", 11)]

    assert after_claims(acts, [Claim(_CLAIMED, _POSTED)]) == acts
