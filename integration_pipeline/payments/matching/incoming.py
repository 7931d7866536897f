"""Money that comes in: which open documents it pays.

Belongs here: the rules of payments and of bank lines that are no payouts, in their order. Does not belong
here: what goes back (`returns`), what is proposed where no rule is sure (`suggestions`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from integration_pipeline.billing.money import Money
from integration_pipeline.payments.matching.decisions import Candidate, Credit, Matched, NotYet, Rule, Waits
from integration_pipeline.payments.matching.facts import Allocation, Facts, Kept, OpenDocument, in_order
from integration_pipeline.payments.matching.numbers import references_in
from integration_pipeline.payments.matching.payers import payer_of
from integration_pipeline.payments.matching.subsets import Unclear, only_subset
from integration_pipeline.payments.movements import Link, LinkKind, Movement


@dataclass(frozen=True, slots=True)
class _Named:
    """A document that is named, in the words that name it, and how much of the movement goes to it."""

    document: OpenDocument
    words: str
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class _Unclear:
    """A name that may mean several documents."""

    words: str
    documents: tuple[OpenDocument, ...]


def incoming(kept: Kept, facts: Facts) -> Matched | Waits | NotYet:
    """What a movement to us pays: by links, then by numbers in its texts, then by payer and amount."""
    movement = kept.movement
    links = _linked(movement, facts)
    if isinstance(links, Waits):
        return links
    unknown = _not_in_the_books(movement, facts)
    if links:
        return _certain(movement, _named(movement, links, Rule.LINK), unknown, facts)
    named, unclear = _in_texts(movement, facts)
    if unclear:
        return Waits(
            f"{unclear[0].words!r} may mean {_numbers(unclear[0].documents)}",
            tuple(
                Candidate(
                    Rule.NUMBER,
                    70,
                    (f"the text says {each.words!r}", f"{document.left.format()} is open"),
                    _up_to(movement.amount, document),
                )
                for each in unclear
                for document in each.documents
                if document.open_minor > 0 and document.currency == movement.amount.currency
            ),
        )
    if named:
        return _certain(movement, _named(movement, named, Rule.NUMBER), unknown, facts)
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
        why = f"{payer.words}, but {_numbers(others)} is another customer's, and not all that is open is paid"
        return Waits(why, _proposed(decision, 70))
    if unknown:
        why = f"the payment names {unknown!r} as well, which is not in the books yet"
        return Waits(why, _proposed(decision, 70))
    return decision


def _not_in_the_books(movement: Movement, facts: Facts) -> str | None:
    """What reads as a number of ours, but is none that was posted."""
    texts = [link.id for link in movement.linked(LinkKind.INVOICE_NUMBER)]
    texts += [link.id for link in movement.linked(LinkKind.DOCUMENT)]
    for reading in facts.numbers.read_all([*texts, *movement.references]):
        if not any(facts.by_number.get(meaning) for meaning in reading.meanings):
            return reading.written
    return None


def _proposed(decision: Matched | Waits, score: int) -> tuple[Candidate, ...]:
    if isinstance(decision, Waits):
        return decision.candidates
    return (Candidate(decision.rule, score, decision.evidence, decision.allocations),)


def documents_named(movement: Movement, facts: Facts) -> list[OpenDocument]:
    """The documents that the movement's links and texts name without doubt."""
    links = _linked(movement, facts)
    named = [] if isinstance(links, Waits) else list(links)
    return in_order(
        {each.document.id: each.document for each in [*named, *_in_texts(movement, facts)[0]]}.values()
    )


def _linked(movement: Movement, facts: Facts) -> list[_Named] | Waits:
    """What links name; a deal counts only where no document is named."""
    named: dict[int, _Named] = {}
    for link in movement.links:
        if link.kind not in (LinkKind.INVOICE_NUMBER, LinkKind.DOCUMENT):
            continue
        found = _by_name(link, facts)
        if len(found) > 1:
            return Waits(
                f"the payment names {link.id!r}, which may be {_numbers(found)}",
                _singly(movement, found, f"the payment names {link.id!r}"),
            )
        words = f"{link.kind.value.replace('_', ' ')} {link.id} was given with the payment"
        # A vendor that says all of it goes to one invoice says no more than that it names it.
        amount = None if link.amount == movement.amount else link.amount
        for document in found:
            named.setdefault(document.id, _Named(document, words, amount))
    if named:
        return list(named.values())
    for link in movement.linked(LinkKind.DEAL):
        invoices = [each for each in facts.of_deal(link.id) if each.open_minor > 0]
        found = invoices if len(invoices) < 2 else _of_deal(movement, invoices)
        if invoices and not found:
            return Waits(
                f"the payment is for deal {link.id}, of which several invoices are open: say which it pays",
                _singly(movement, invoices, f"it is an invoice of deal {link.id}"),
            )
        for document in found:
            named.setdefault(document.id, _Named(document, f"it is for deal {link.id}"))
    return list(named.values())


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


def _in_texts(movement: Movement, facts: Facts) -> tuple[list[_Named], list[_Unclear]]:
    named: dict[int, _Named] = {}
    unclear: list[_Unclear] = []
    for reading in facts.numbers.read_all(movement.references):
        means = dict.fromkeys(each for one in reading.meanings for each in facts.by_number.get(one, ()))
        documents = tuple(in_order(facts.documents[each] for each in means))
        if len(documents) > 1:
            unclear.append(_Unclear(reading.written, documents))
        for document in documents[:1]:
            named.setdefault(document.id, _Named(document, f"the text says {reading.written!r}"))
    for reference in references_in(movement.references):
        if reference in facts.by_reference:
            document = facts.documents[facts.by_reference[reference]]
            named.setdefault(document.id, _Named(document, f"the text says {reference}"))
    return list(named.values()), unclear


def _named(movement: Movement, named: Sequence[_Named], rule: Rule) -> Matched | Waits:
    """What is named is paid: wholly, in part if it is one document, or with a rest that stays as credit."""
    amount = movement.amount
    named = sorted(named, key=lambda each: (each.document.issue_date, each.document.number))
    if foreign := [each.document for each in named if each.document.currency != amount.currency]:
        return Waits(
            f"{foreign[0].number} is in {foreign[0].currency}, the payment in {amount.currency}: "
            "what it pays has to be said by a person"
        )
    words = tuple(each.words for each in named)
    still = [each for each in named if each.document.open_minor]
    settled = [each.document for each in named if not each.document.open_minor]
    if not still:
        return Waits(
            f"{_numbers(settled)} has nothing open any more: paid twice, or the wrong number",
            (Candidate(Rule.CREDIT, 60, (*words, "the amount may stay as the customer's credit")),),
        )
    if any(each.amount for each in named):
        return _as_stated(movement, named, rule)
    documents = [each.document for each in still]
    total = sum(each.open_minor for each in documents)
    evidence = (*words, *(f"{each.number} is paid already" for each in settled))
    if amount.minor == total:
        whole = tuple(Allocation(each.id, each.open_minor) for each in documents)
        paid = ", ".join(f"{each.number} is open with {each.left.format()}" for each in documents)
        return Matched(rule, (*evidence, f"{paid}: {amount.format()} in all"), whole)
    if settled or any(each.open_minor < 0 for each in documents):
        return Waits(
            f"{_numbers([each.document for each in named])} are open with "
            f"{Money(total, amount.currency).format()}, but {amount.format()} came in",
            _best_of(documents, amount, evidence),
        )
    if amount.minor > total:
        return _with_rest(movement, documents, rule, evidence)
    if len(documents) == 1:
        return Matched(
            rule,
            (*evidence, f"a part: {documents[0].left.format()} was open"),
            (Allocation(documents[0].id, amount.minor),),
        )
    return Waits(
        f"{_numbers(documents)} are open with {Money(total, amount.currency).format()}, more than the "
        f"{amount.format()} that came in: say how much each gets",
        _best_of(documents, amount, evidence),
    )


def _as_stated(movement: Movement, named: Sequence[_Named], rule: Rule) -> Matched | Waits:
    """Every document gets what the vendor says it gets."""
    allocations: list[Allocation] = []
    for each in named:
        if each.amount is None or each.amount.currency != movement.amount.currency:
            return Waits(f"it is not said how much of the payment goes to {each.document.number}")
        if not 0 < each.amount.minor <= each.document.open_minor:
            return Waits(
                f"{each.amount.format()} shall go to {each.document.number}, of which "
                f"{each.document.left.format()} is open",
                (
                    Candidate(
                        rule,
                        60,
                        (each.words, "what is open is paid, the rest stays as the customer's credit"),
                        _up_to(each.amount, each.document),
                    ),
                ),
            )
        allocations.append(Allocation(each.document.id, each.amount.minor))
    rest = movement.amount.minor - sum(each.minor for each in allocations)
    evidence = tuple(f"{each.words}, for {each.amount.format()}" for each in named if each.amount is not None)
    if rest < 0:
        return Waits("what the payment says its documents get is more than the payment")
    if rest == 0:
        return Matched(rule, evidence, tuple(allocations))
    credit = _credit([each.document for each in named], rest)
    if credit is None:
        return Waits(_whose_rest(movement, rest))
    return Matched(rule, evidence, tuple(allocations), (credit,))


def _with_rest(
    movement: Movement, documents: Sequence[OpenDocument], rule: Rule, evidence: tuple[str, ...]
) -> Matched | Waits:
    whole = tuple(Allocation(each.id, each.open_minor) for each in documents)
    rest = movement.amount.minor - sum(each.minor for each in whole)
    credit = _credit(documents, rest)
    if credit is None:
        return Waits(
            _whose_rest(movement, rest),
            (Candidate(rule, 80, (*evidence, "the documents are paid, the rest is left"), whole),),
        )
    over = Money(rest, movement.amount.currency).format()
    return Matched(
        rule, (*evidence, f"{over} more than was open stays as the customer's credit"), whole, (credit,)
    )


def _credit(documents: Iterable[OpenDocument], minor: int) -> Credit | None:
    whose = {(each.entity, each.customer_id) for each in documents}
    return Credit(*whose.pop(), minor) if len(whose) == 1 else None


def _whose_rest(movement: Movement, rest: int) -> str:
    return (
        f"{Money(rest, movement.amount.currency).format()} is left over of a payment for documents of "
        "several customers or entities: say whose it is"
    )


def _by_payer(movement: Movement, facts: Facts) -> Matched | Waits:
    payer = payer_of(movement, facts)
    if not payer.customers:
        return Waits("nothing in it names a document, and the payer is not known")
    if len(payer.customers) > 1:
        return Waits(
            f"{payer.words}, but that stands for {len(payer.customers)} customers",
            _singly(movement, facts.open_of(payer.customers, movement.amount.currency), payer.words),
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
        why = f"{payer.words}; {_numbers(exact)} are each open with {movement.amount.format()}"
        return Waits(f"{why}: say which it pays", _singly(movement, exact, payer.words))
    chosen = only_subset([each.open_minor for each in documents], movement.amount.minor)
    if not isinstance(chosen, Unclear):
        paid = [documents[index] for index in chosen]
        return Matched(
            Rule.SUM,
            (payer.words, f"of all that is open, only {_numbers(paid)} add up to {movement.amount.format()}"),
            tuple(Allocation(each.id, each.open_minor) for each in paid),
        )
    why = f"{payer.words}; of what is open, {chosen.value} to {movement.amount.format()}"
    if chosen is Unclear.TOO_MANY:
        why = f"{payer.words}; no invoice is open with {movement.amount.format()}, and {chosen.value}"
    if not documents:
        why = f"{payer.words}, but nothing is open in {movement.amount.currency}"
        return Waits(why, (Candidate(Rule.CREDIT, 50, (payer.words, "the amount may be an advance")),))
    return Waits(why, _best_of(documents, movement.amount, (payer.words,)))


def _best_of(
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
                (*evidence, f"{_numbers(paid)} add up to just {amount.format()}"),
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


def _singly(movement: Movement, documents: Iterable[OpenDocument], words: str) -> tuple[Candidate, ...]:
    ours = (each for each in documents if each.currency == movement.amount.currency and each.open_minor > 0)
    return tuple(
        Candidate(
            Rule.AMOUNT if each.left == movement.amount else Rule.PART,
            80 if each.left == movement.amount else 40,
            (words, f"{each.number} of {each.customer} is open with {each.left.format()}"),
            _up_to(movement.amount, each),
        )
        for each in in_order(ours)
    )


def _up_to(amount: Money, document: OpenDocument) -> tuple[Allocation, ...]:
    return (Allocation(document.id, min(amount.minor, document.open_minor)),)


def _numbers(documents: Iterable[OpenDocument]) -> str:
    numbers = [each.number for each in documents]
    if len(numbers) < 2:
        return "".join(numbers)
    return f"{', '.join(numbers[:-1])} and {numbers[-1]}"
