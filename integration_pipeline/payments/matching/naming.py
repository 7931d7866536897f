"""Which documents a movement names: by links that somebody gave with it, by numbers in its texts.

Belongs here: names. Does not belong here: how much each gets (`named`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Waits
from integration_pipeline.payments.matching.facts import Facts, OpenDocument, in_order
from integration_pipeline.payments.matching.numbers import references_in
from integration_pipeline.payments.matching.proposals import numbers_of, singly
from integration_pipeline.payments.matching.subsets import Unclear, only_subset
from integration_pipeline.payments.movements import Link, LinkKind, Movement


@dataclass(frozen=True, slots=True)
class Named:
    """A document that is named, in the words that name it, and how much of the movement goes to it."""

    document: OpenDocument
    words: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class UnclearName:
    """A name that may mean several documents."""

    words: str
    documents: tuple[OpenDocument, ...]


def documents_named(movement: Movement, facts: Facts) -> list[OpenDocument]:
    """The documents that the movement's links and texts name without doubt."""
    links = linked(movement, facts)
    named = [] if isinstance(links, Waits) else list(links)
    return in_order(
        {each.document.id: each.document for each in [*named, *in_texts(movement, facts)[0]]}.values()
    )


def linked(movement: Movement, facts: Facts) -> list[Named] | Waits:
    """What links name; a deal counts only where no document is named."""
    named: dict[int, Named] = {}
    for link in movement.links:
        if link.kind not in (LinkKind.INVOICE_NUMBER, LinkKind.DOCUMENT):
            continue
        found = _by_name(link, facts)
        if len(found) > 1:
            return Waits(
                f"the payment names {link.id!r}, which may be {numbers_of(found)}",
                singly(movement, found, f"the payment names {link.id!r}"),
            )
        words = f"{link.kind.value.replace('_', ' ')} {link.id} was given with the payment"
        # A vendor that says all of it goes to one invoice says no more than that it names it.
        amount = None if link.amount == movement.amount else link.amount
        for document in found:
            named.setdefault(document.id, Named(document, words, amount))
    if named:
        return list(named.values())
    for link in movement.linked(LinkKind.DEAL):
        invoices = [each for each in facts.of_deal(link.id) if each.open_minor > 0]
        found = invoices if len(invoices) < 2 else _of_deal(movement, invoices)
        if invoices and not found:
            return Waits(
                f"the payment is for deal {link.id}, of which several invoices are open: say which it pays",
                singly(movement, invoices, f"it is an invoice of deal {link.id}"),
            )
        for document in found:
            named.setdefault(document.id, Named(document, f"it is for deal {link.id}"))
    return list(named.values())


def in_texts(movement: Movement, facts: Facts) -> tuple[list[Named], list[UnclearName]]:
    """What the texts name, and names that may mean several."""
    named: dict[int, Named] = {}
    unclear: list[UnclearName] = []
    for reading in facts.numbers.read_all(movement.references):
        means = dict.fromkeys(each for one in reading.meanings for each in facts.by_number.get(one, ()))
        documents = tuple(in_order(facts.documents[each] for each in means))
        if len(documents) > 1:
            unclear.append(UnclearName(reading.written, documents))
        for document in documents[:1]:
            named.setdefault(document.id, Named(document, f"the text says {reading.written!r}"))
    for reference in references_in(movement.references):
        if reference in facts.by_reference:
            document = facts.documents[facts.by_reference[reference]]
            named.setdefault(document.id, Named(document, f"the text says {reference}"))
    return list(named.values()), unclear


def not_in_the_books(movement: Movement, facts: Facts) -> str | None:
    """What reads as a number of ours, but is none that was posted."""
    texts = [link.id for link in movement.linked(LinkKind.INVOICE_NUMBER)]
    texts += [link.id for link in movement.linked(LinkKind.DOCUMENT)]
    for reading in facts.numbers.read_all([*texts, *movement.references]):
        if not any(facts.by_number.get(meaning) for meaning in reading.meanings):
            return reading.written
    return None


def _of_deal(movement: Movement, invoices: Sequence[OpenDocument]) -> list[OpenDocument]:
    """The one choice of a deal's open invoices that the amount pays; none if there is no such choice."""
    ours = in_order(each for each in invoices if each.currency == movement.amount.currency)
    exact = [each for each in ours if each.left == movement.amount]
    if len(exact) == 1:
        return exact
    chosen = only_subset([each.open_minor for each in ours], movement.amount.minor)
    return [] if isinstance(chosen, Unclear) else [ours[index] for index in chosen]


def _by_name(link: Link, facts: Facts) -> list[OpenDocument]:
    if link.kind is LinkKind.DOCUMENT and link.id.isdecimal() and int(link.id) in facts.documents:
        return [facts.documents[int(link.id)]]
    found = [facts.by_reference[each] for each in references_in([link.id]) if each in facts.by_reference]
    for reading in facts.numbers.read(link.id):
        found += [each for meaning in reading.meanings for each in facts.by_number.get(meaning, ())]
    return in_order(facts.documents[each] for each in dict.fromkeys(found))
