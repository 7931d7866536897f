"""Lists: newest first, paged by id, filtered; events for thirty days; expansion."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.sandbox.stripe.params import Tree, parse
from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.stripe.conftest import Pay

DAY = 86_400


def test_pages_give_every_object_once_and_the_newest_first(client: stripe.StripeClient, pay: Pay) -> None:
    made = [pay(1_000 + number)["id"] for number in range(25)]

    listed = [each.id for each in client.v1.charges.list({"limit": 10}).auto_paging_iter()]

    assert listed == made[::-1]


def test_what_comes_while_paging_is_not_among_the_pages(client: stripe.StripeClient, pay: Pay) -> None:
    made = [pay()["id"] for _ in range(4)]
    first = client.v1.charges.list({"limit": 2})
    pay()
    second = client.v1.charges.list({"limit": 2, "starting_after": first.data[-1].id})

    assert [each.id for each in (*first.data, *second.data)] == made[::-1]
    assert (first.has_more, second.has_more) == (True, False)


def test_ending_before_gives_the_newer_ones_next_to_it(client: stripe.StripeClient, pay: Pay) -> None:
    made = [pay()["id"] for _ in range(5)]
    page = client.v1.charges.list({"limit": 2, "ending_before": made[1]})

    assert [each.id for each in page.data] == [made[3], made[2]]
    assert page.has_more


def test_times_bound_a_list(client: stripe.StripeClient, sandbox: Desk, pay: Pay) -> None:
    old = pay()
    sandbox.admin("PUT", "/clock", {"advance_seconds": 100})
    new = pay()

    since = client.v1.charges.list({"created": {"gt": old["created"]}}).data
    until = client.v1.charges.list({"created": {"lte": old["created"]}}).data
    assert [each.id for each in since] == [new["id"]]
    assert [each.id for each in until] == [old["id"]]


def test_events_are_listed_by_type_and_by_group_of_types(client: stripe.StripeClient, pay: Pay) -> None:
    pay()

    one = client.v1.events.list({"type": "charge.succeeded"}).data
    group = client.v1.events.list({"type": "payment_intent.*"}).data
    several = client.v1.events.list({"types": ["charge.succeeded", "payment_intent.created"]}).data
    assert [each.type for each in one] == ["charge.succeeded"]
    assert [each.type for each in group] == ["payment_intent.succeeded", "payment_intent.created"]
    assert [each.type for each in several] == ["charge.succeeded", "payment_intent.created"]


def test_events_go_back_thirty_days(client: stripe.StripeClient, sandbox: Desk, pay: Pay) -> None:
    pay()
    [event] = client.v1.events.list({"type": "charge.succeeded"}).data
    sandbox.admin("PUT", "/clock", {"advance_seconds": 30 * DAY + 1})

    assert client.v1.events.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        client.v1.events.retrieve(event.id)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("data.amount", "cannot be expanded"),
        ("customer", "cannot be expanded"),
        ("data.a.b.c.d", "more than 4"),
    ],
)
def test_what_cannot_be_expanded_is_refused(
    client: stripe.StripeClient, pay: Pay, path: str, reason: str
) -> None:
    pay()
    with pytest.raises(stripe.InvalidRequestError, match=reason):
        client.v1.charges.list({"expand": [path]})


names = st.text("abcxyz_", min_size=1, max_size=8)
trees = st.recursive(
    st.text(max_size=10), lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3), max_leaves=8
)


@given(st.dictionaries(names, trees, max_size=4))
def test_nested_parameters_are_read_as_the_library_writes_them(tree: Tree) -> None:
    def pairs(prefix: str, value: str | Tree) -> list[tuple[str, str]]:
        if isinstance(value, str):
            return [(prefix, value)]
        return [pair for name, inner in value.items() for pair in pairs(f"{prefix}[{name}]", inner)]

    told = [pair for name, value in tree.items() for pair in pairs(name, value)]
    if all(name.count("[") < 6 for name, _ in told):
        assert parse(urlencode(told)) == tree
