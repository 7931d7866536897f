"""What holds whatever comes in: nothing is given away twice, everything adds up, nothing is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from integration_pipeline.payments.matching.decisions import Matched, Rule
from integration_pipeline.payments.matching.facts import Facts, Kept, OpenDocument, SettledMovement
from integration_pipeline.payments.matching.parts import parts_of
from integration_pipeline.payments.movements import Link, LinkKind, Movement, MovementKind, Payer
from integration_pipeline_tests.payments.matching.books import (
    ACME,
    BOLT,
    STRIPE,
    decided,
    document,
    facts,
    line,
    payment,
    settled,
    usd,
)
from integration_pipeline_tests.pipeline.till import invoice_link, movement

_AMOUNTS = st.integers(1, 12).map(lambda each: each * 50)


@st.composite
def books_and_movement(draw: st.DrawFn) -> tuple[list[OpenDocument], Movement]:
    """Some documents of two customers, and a movement that may name some of them, or none."""
    documents = [
        document(
            number,
            draw(_AMOUNTS) if draw(st.integers(0, 5)) else -draw(_AMOUNTS),
            customer=draw(st.sampled_from((ACME, ACME, BOLT))),
            currency=draw(st.sampled_from(("USD", "USD", "USD", "EUR"))),
            entity=draw(st.sampled_from(("us", "us", "eu"))),
            paid=draw(st.sampled_from((0, 100))),
        )
        for number in range(1, draw(st.integers(1, 7)) + 1)
    ]
    named = draw(st.lists(st.sampled_from(documents), max_size=3, unique_by=lambda each: each.id))
    amount = draw(
        st.one_of(
            _AMOUNTS,
            st.just(max(50, sum(each.open_minor for each in named))),
            st.sampled_from(documents).map(lambda each: abs(each.open_minor)),
        )
    )
    payer = draw(st.sampled_from((Payer(), Payer(ids=("cus_1",)), Payer(email="ap@acme.example"))))
    fee = draw(st.sampled_from((None, 30)))
    if draw(st.booleans()):
        return documents, payment(
            amount, links=[invoice_link(each.number) for each in named], payer=payer, fee=fee
        )
    sign = draw(st.sampled_from((1, 1, -1)))
    return documents, line(sign * amount, text=" ".join(each.number for each in named), payer=payer)


def known(documents: Sequence[OpenDocument]) -> Facts:
    return facts(
        documents,
        payers={("stripe", "cus_1"): frozenset((ACME,))},
        addresses={"acme.example": frozenset((ACME,))},
    )


@given(books_and_movement())
def test_allocations_never_exceed_a_balance_and_add_up_to_the_amount(
    given_case: tuple[list[OpenDocument], Movement],
) -> None:
    documents, one = given_case
    books = known(documents)
    decision = decided(one, books)
    if not isinstance(decision, Matched):
        return
    by_id = {each.id: each for each in documents}
    for each in decision.allocations:
        balance = by_id[each.document_id]
        assert balance.currency == one.amount.currency
        assert each.minor * balance.open_minor > 0
        assert abs(each.minor) <= abs(balance.open_minor)
    credit = sum(each.minor for each in decision.credit)
    assert sum(each.minor for each in decision.allocations) + credit == one.amount.minor
    assert credit * one.amount.minor >= 0

    parts = parts_of(Kept(1, one), decision, books)
    assert sum(part.amount_minor for part in parts) == one.amount.minor
    assert sum(part.fee_minor for part in parts) == (one.fee.minor if one.fee else 0)
    for part in parts:
        assert part.amount_minor == part.unapplied_minor + sum(each.minor for each in part.allocations)


@given(books_and_movement(), st.randoms(use_true_random=False))
def test_the_order_of_documents_and_texts_does_not_matter(
    given_case: tuple[list[OpenDocument], Movement], rng: object
) -> None:
    documents, one = given_case
    shuffled = list(documents)
    getattr(rng, "shuffle")(shuffled)  # noqa: B009 - hypothesis' own type says nothing of it

    assert decided(one, known(shuffled)) == decided(one, known(documents))


@settings(max_examples=300)
@given(st.lists(_AMOUNTS, min_size=1, max_size=8), _AMOUNTS)
def test_a_payer_who_names_nothing_settles_only_what_nothing_else_could_be(
    opens: list[int], amount: int
) -> None:
    documents = [document(number, minor) for number, minor in enumerate(opens, 1)]
    decision = decided(payment(amount, payer=Payer(ids=("cus_1",))), known(documents))
    singles = [each for each in documents if each.open_minor == amount]
    choices = [
        {each.id for each in chosen}
        for size in range(1, len(documents) + 1)
        for chosen in combinations(documents, size)
        if sum(each.open_minor for each in chosen) == amount
    ]

    if not isinstance(decision, Matched):
        assert len(singles) != 1
        assert singles or len(choices) != 1
        return
    taken = {each.document_id for each in decision.allocations}
    if decision.rule is Rule.AMOUNT:
        assert [taken] == [{each.id} for each in singles]
    else:
        assert not singles
        assert choices == [taken]


@given(
    st.lists(_AMOUNTS, min_size=1, max_size=4),
    st.integers(0, 300),
    st.lists(st.tuples(st.sampled_from((MovementKind.REFUND, MovementKind.DISPUTE)), _AMOUNTS), max_size=4),
)
def test_what_goes_back_never_is_more_than_came_in(
    paid: list[int], unapplied: int, returns: list[tuple[MovementKind, int]]
) -> None:
    documents = {number: document(number, 0, paid=minor) for number, minor in enumerate(paid, 1)}
    amount = sum(paid) + unapplied
    charge = settled(MovementKind.PAYMENT, "ch_1", usd(amount), dict(enumerate(paid, 1)), unapplied=unapplied)
    left, credit = amount, unapplied
    done: list[SettledMovement] = []
    for number, (kind, minor) in enumerate(returns):
        one = movement(STRIPE, kind, f"re_{number}", usd(-minor), links=[Link(LinkKind.CHARGE, "ch_1")])
        books = facts(
            documents.values(),
            related={("stripe", "ch_1"): [charge]},
            returns={("stripe", "ch_1"): done},
            credit=Counter({("us", ACME, "USD"): credit}),
        )
        decision = decided(one, books)
        if not isinstance(decision, Matched):
            continue
        back = sum(each.minor for each in decision.credit)
        assert sum(each.minor for each in decision.allocations) + back == -minor
        for each in decision.allocations:
            documents[each.document_id] = documents[each.document_id].after(each.minor)
            assert documents[each.document_id].paid_minor >= 0
        left -= minor
        credit += back
        assert left >= 0
        assert credit >= 0
        allocations = {each.document_id: each.minor for each in decision.allocations}
        done.append(settled(kind, f"re_{number}", usd(-minor), allocations, unapplied=back))
