"""Acts of the past come in rounds, and none before what it depended on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.rebuild.order import Act, Phase, Touch, alone, in_rounds, reads, writes

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def act(minute: int, phase: Phase, *touches: Touch) -> Act[str]:
    return Act(_BEGINNING + timedelta(minutes=minute), phase, touches, f"{phase.name.lower()} {minute}")


def rounds(*acts: Act[str]) -> list[tuple[Phase, list[str]]]:
    return [(phase, [each.work for each in part]) for phase, part in in_rounds(acts)]


def test_what_touches_nothing_in_common_is_done_together() -> None:
    assert rounds(
        act(1, Phase.NORMALIZE, alone("deal", "1")),
        act(2, Phase.SCHEDULE, alone("deal", "1")),
        act(3, Phase.NORMALIZE, alone("deal", "2")),
        act(4, Phase.SCHEDULE, alone("deal", "2")),
    ) == [
        (Phase.NORMALIZE, ["normalize 1", "normalize 3"]),
        (Phase.SCHEDULE, ["schedule 2", "schedule 4"]),
    ]


def test_a_deal_that_is_read_twice_takes_two_rounds() -> None:
    assert rounds(
        act(1, Phase.NORMALIZE, alone("deal", "1")),
        act(2, Phase.SCHEDULE, alone("deal", "1")),
        act(3, Phase.NORMALIZE, alone("deal", "1")),
    ) == [
        (Phase.NORMALIZE, ["normalize 1"]),
        (Phase.SCHEDULE, ["schedule 2"]),
        (Phase.NORMALIZE, ["normalize 3"]),
    ]


def test_a_change_comes_after_those_who_read_what_was_before() -> None:
    assert rounds(
        act(1, Phase.NORMALIZE, reads("customer", "7")),
        act(2, Phase.COMPANIES, writes("customer", "7")),
        act(3, Phase.NORMALIZE, reads("customer", "7")),
    ) == [
        (Phase.NORMALIZE, ["normalize 1"]),
        (Phase.COMPANIES, ["companies 2"]),
        (Phase.NORMALIZE, ["normalize 3"]),
    ]


def test_postings_do_not_overtake_each_other() -> None:
    posts = Touch(("chain",), "posts", in_turn=True)

    assert rounds(
        act(1, Phase.POST, posts, alone("deal", "1")),
        act(2, Phase.NORMALIZE, alone("deal", "1")),
        act(3, Phase.POST, posts, alone("deal", "1")),
        act(4, Phase.NORMALIZE, alone("deal", "2")),
        act(5, Phase.POST, posts, alone("deal", "2")),
    ) == [
        (Phase.NORMALIZE, ["normalize 4"]),
        (Phase.POST, ["post 1"]),
        (Phase.NORMALIZE, ["normalize 2"]),
        (Phase.POST, ["post 3", "post 5"]),
    ]


_TOUCHES = st.tuples(st.sampled_from([alone, reads, writes]), st.sampled_from("abc"))
_ACTS = st.lists(
    st.tuples(st.sampled_from(list(Phase)), st.lists(_TOUCHES, min_size=1, max_size=3)), max_size=30
)


@given(_ACTS)
def test_whoever_depends_on_another_comes_after_it(
    drawn: Sequence[tuple[Phase, Sequence[tuple[Callable[..., Touch], str]]]],
) -> None:
    acts = [
        act(minute, phase, *(touch("thing", name) for touch, name in touches))
        for minute, (phase, touches) in enumerate(drawn)
    ]
    parts = list(in_rounds(acts))
    place = {each.moment: number for number, (_, part) in enumerate(parts) for each in part}

    assert sorted(place) == [each.moment for each in acts]
    assert all(each.phase is phase for phase, part in parts for each in part)
    for later, one in enumerate(acts):
        for other in acts[:later]:
            if any(
                mine.thing == theirs.thing and (mine.manner != theirs.manner or mine.alone)
                for mine in one.touches
                for theirs in other.touches
            ):
                assert place[other.moment] < place[one.moment]
