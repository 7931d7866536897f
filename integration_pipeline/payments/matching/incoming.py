"""Money that comes in: which open documents it pays.

Belongs here: the rules of payments and of bank lines that are no payouts, in their order. Does not belong
here: what goes back (`returns`), what is proposed where no rule is sure (`suggestions`).
"""

from __future__ import annotations

from integration_pipeline.payments.matching.decisions import Candidate, Matched, NotYet, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, Facts, Kept
from integration_pipeline.payments.matching.named import pay_named
from integration_pipeline.payments.matching.naming import in_texts, linked, not_in_the_books
from integration_pipeline.payments.matching.payers import payer_of
from integration_pipeline.payments.matching.proposals import best_of, numbers_of, singly, up_to
from integration_pipeline.payments.matching.subsets import Unclear, only_subset
from integration_pipeline.payments.movements import Movement


def incoming(kept: Kept, facts: Facts) -> Matched | Waits | NotYet:
    """What a movement to us pays: by links, then by numbers in its texts, then by payer and amount."""
    movement = kept.movement
    links = linked(movement, facts)
    if isinstance(links, Waits):
        return links
    unknown = not_in_the_books(movement, facts)
    if links:
        return _certain(movement, pay_named(movement, links, Rule.LINK), unknown, facts)
    named, unclear = in_texts(movement, facts)
    if unclear:
        return Waits(
            f"{unclear[0].words!r} may mean {numbers_of(unclear[0].documents)}",
            tuple(
                Candidate(
                    Rule.NUMBER,
                    70,
                    (f"the text says {each.words!r}", f"{document.left.format()} is open"),
                    up_to(movement.amount, document),
                )
                for each in unclear
                for document in each.documents
                if document.open_minor > 0 and document.currency == movement.amount.currency
            ),
        )
    if named:
        return _certain(movement, pay_named(movement, named, Rule.NUMBER), unknown, facts)
    decision = _by_payer(movement, facts)
    if unknown:
        return Waits(f"the payment names {unknown!r}, which is not in the books yet", _proposed(decision, 60))
    return decision


def pays_just_what_is_open(decision: Matched, facts: Facts) -> bool:
    """Whether all that is open of each of its documents is paid, and nothing is left over."""
    return not decision.credit and all(
        each.minor == facts.documents[each.document_id].open_minor for each in decision.allocations
    )


def _certain(
    movement: Movement, decision: Matched | Waits, unknown: str | None, facts: Facts
) -> Matched | Waits:
    """What is named is paid if the amount says so, too, wherever something else speaks against it."""
    if isinstance(decision, Waits) or pays_just_what_is_open(decision, facts):
        return decision
    payer = payer_of(movement, facts)
    others = [
        each
        for each in (facts.documents[allocation.document_id] for allocation in decision.allocations)
        if payer.customers and each.customer_id not in payer.customers
    ]
    if others:
        why = (
            f"{payer.words}, but {numbers_of(others)} is another customer's, and not all that is open is paid"
        )
        return Waits(why, _proposed(decision, 70))
    if unknown:
        why = f"the payment names {unknown!r} as well, which is not in the books yet"
        return Waits(why, _proposed(decision, 70))
    return decision


def _proposed(decision: Matched | Waits, score: int) -> tuple[Candidate, ...]:
    if isinstance(decision, Waits):
        return decision.candidates
    return (Candidate(decision.rule, score, decision.evidence, decision.allocations),)


def _by_payer(movement: Movement, facts: Facts) -> Matched | Waits:
    payer = payer_of(movement, facts)
    if not payer.customers:
        return Waits("nothing in it names a document, and the payer is not known")
    if len(payer.customers) > 1:
        return Waits(
            f"{payer.words}, but that stands for {len(payer.customers)} customers",
            singly(movement, facts.open_of(payer.customers, movement.amount.currency), payer.words),
        )
    documents = facts.open_of(payer.customers, movement.amount.currency)
    exact = [each for each in documents if each.left == movement.amount]
    if len(exact) == 1:
        return Matched(
            Rule.AMOUNT,
            (payer.words, f"{exact[0].number} is the only invoice open with just {movement.amount.format()}"),
            (Allocation(exact[0].id, exact[0].open_minor),),
        )
    if exact:
        why = f"{payer.words}; {numbers_of(exact)} are each open with {movement.amount.format()}"
        return Waits(f"{why}: say which it pays", singly(movement, exact, payer.words))
    chosen = only_subset([each.open_minor for each in documents], movement.amount.minor)
    if not isinstance(chosen, Unclear):
        paid = [documents[index] for index in chosen]
        return Matched(
            Rule.SUM,
            (
                payer.words,
                f"of all that is open, only {numbers_of(paid)} add up to {movement.amount.format()}",
            ),
            tuple(Allocation(each.id, each.open_minor) for each in paid),
        )
    why = f"{payer.words}; of what is open, {chosen.value} to {movement.amount.format()}"
    if chosen is Unclear.TOO_MANY:
        why = f"{payer.words}; no invoice is open with {movement.amount.format()}, and {chosen.value}"
    if not documents:
        why = f"{payer.words}, but nothing is open in {movement.amount.currency}"
        return Waits(why, (Candidate(Rule.CREDIT, 50, (payer.words, "the amount may be an advance")),))
    return Waits(why, best_of(documents, movement.amount, (payer.words,)))
