"""What is proposed of documents that are certainly the payer's, or certainly named.

Belongs here: candidates. Does not belong here: what is only alike (`suggestions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Candidate, Rule
from integration_pipeline.payments.matching.facts import Allocation, OpenDocument, in_order
from integration_pipeline.payments.matching.subsets import Unclear, only_subset
from integration_pipeline.payments.movements import Movement


def best_of(
    documents: Sequence[OpenDocument], amount: Money, evidence: tuple[str, ...]
) -> tuple[Candidate, ...]:
    """Proposals for what is certainly the payer's: the choice that adds up, oldest first, a part of one."""
    found: list[Candidate] = []
    chosen = only_subset([each.open_minor for each in documents], amount.minor)
    if not isinstance(chosen, Unclear):
        paid = [documents[index] for index in chosen]
        found.append(
            Candidate(
                Rule.SUM,
                90,
                (*evidence, f"{numbers_of(paid)} add up to just {amount.format()}"),
                tuple(Allocation(each.id, each.open_minor) for each in paid),
            )
        )
    left = amount.minor
    oldest_first: list[Allocation] = []
    for each in documents:
        if each.open_minor > 0 and left > 0:
            oldest_first.append(Allocation(each.id, min(left, each.open_minor)))
            left -= oldest_first[-1].minor
    if oldest_first:
        found.append(Candidate(Rule.PART, 50, (*evidence, "the oldest are paid first"), tuple(oldest_first)))
    for each in documents:
        if each.open_minor >= amount.minor and len(found) < 5:
            found.append(
                Candidate(
                    Rule.PART,
                    40,
                    (*evidence, f"a part of {each.number}, of which {each.left.format()} is open"),
                    (Allocation(each.id, amount.minor),),
                )
            )
    return tuple(found)


def singly(movement: Movement, documents: Iterable[OpenDocument], words: str) -> tuple[Candidate, ...]:
    """Each of these documents by itself, as far as it is open in the movement's currency, oldest first."""
    ours = (each for each in documents if each.currency == movement.amount.currency and each.open_minor > 0)
    return tuple(
        Candidate(
            Rule.AMOUNT if each.left == movement.amount else Rule.PART,
            80 if each.left == movement.amount else 40,
            (words, f"{each.number} of {each.customer} is open with {each.left.format()}"),
            up_to(movement.amount, each),
        )
        for each in in_order(ours)
    )


def up_to(amount: Money, document: OpenDocument) -> tuple[Allocation, ...]:
    """What is open of the document, or as much of it as the amount pays."""
    return (Allocation(document.id, min(amount.minor, document.open_minor)),)


def numbers_of(documents: Iterable[OpenDocument]) -> str:
    """Their numbers, as a sentence lists them."""
    numbers = [each.number for each in documents]
    if len(numbers) < 2:
        return "".join(numbers)
    return f"{', '.join(numbers[:-1])} and {numbers[-1]}"
