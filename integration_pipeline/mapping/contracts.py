"""A deal, read, with its charges becomes contract terms, or says by its fields why it cannot.

Belongs here: what holds for the whole contract, and leading the faults of terms back to CRM fields. Does not
belong here: what a line item becomes (`charges`), reading the terms of one record (`reader`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.terms import ContractTerms, PaymentTerms, load_terms
from integration_pipeline.mapping.charges import DraftCharge, tax_terms
from integration_pipeline.mapping.reader import MappingProblem, Reader, Source

_PLACE = re.compile(r"(?:charges\[(?P<charge>[0-9]+)\]\.?)?(?P<term>[a-z_]*)(?P<rest>.*)", re.DOTALL)


def contract_terms(deal: Reader, customer: str, charges: Sequence[DraftCharge]) -> ContractTerms | None:
    """The terms; None if something is missing or they cannot be billed, which is then among the problems."""
    terms = deal.terms
    if terms.get("entity") is None:
        deal.problem("entity", None, "is empty: say in the mapping which entity bills such a deal")
        return None
    if terms.get("start") is None and "close_date" in terms:
        deal.problem("start", None, "is empty: say in the mapping where the start of such a deal is")
    if terms.get("currency") is None or terms.get("start") is None or not charges:
        # The gate's own rules report these, with the field and the next step.
        return None
    document: dict[str, Any] = {
        "contract_id": f"{deal.record.source}:{deal.record.external_id}",
        "customer": customer,
        "charges": [charge.document() for charge in charges],
    }
    sources: dict[str, Source] = {}
    for name, value, source in _contract_parts(deal, any(charge.recurs for charge in charges)):
        document[name] = value
        if source is not None:
            sources[name] = source
    if deal.problems:
        return None
    try:
        return load_terms({**document, "sources": sources})
    except InvalidTerms as error:
        for path, message in error.problems:
            _report(deal, charges, sources, path, message)
        return None


def _contract_parts(deal: Reader, recurring: bool) -> Iterator[tuple[str, Any, Source | None]]:
    """(term, value, source) of what holds for all charges."""
    for name in ("entity", "currency", "start", "purchase_order"):
        if name in deal.terms:
            yield name, deal.terms[name], deal.sources.get(name)
    payment = deal.terms.get("payment_terms")
    stated = payment if isinstance(payment, PaymentTerms) else {"net_days": payment}
    yield "payment_terms", stated, deal.sources.get("payment_terms")
    if (tax := tax_terms(deal)) is not None:
        yield "tax", *tax
    if not recurring:
        return  # what nothing recurs in has no term, and nothing to renew
    for name in ("term_months", "anchor"):
        if name in deal.terms:
            yield name, deal.terms[name], deal.sources.get(name)
    yield from _term_end(deal)


def _term_end(deal: Reader) -> Iterator[tuple[str, Any, Source | None]]:
    terms, source = deal.terms, deal.sources.get("at_term_end")
    match terms.get("at_term_end"):
        case "evergreen":
            yield "evergreen", True, source
        case "renews":
            months = terms.get("renewal_months", terms.get("term_months"))
            if months is None:
                deal.problem_of("at_term_end", "needs the term in months that it renews")
                return
            uplift = {"uplift_percent": terms["uplift_percent"]} if "uplift_percent" in terms else {}
            yield "renewal", {"term_months": months, **uplift}, source
        case _:
            pass


def _report(
    deal: Reader, charges: Sequence[DraftCharge], sources: dict[str, Source], path: str, message: str
) -> None:
    """A fault of the terms at `path`, told of the CRM field that the term came from."""
    place = _PLACE.fullmatch(path)
    if place is None or not place["term"]:
        deal.problem(path, None, message)
        return
    reader = deal
    if place["charge"] is not None:
        charge = charges[int(place["charge"])]
        reader, sources = charge.reader, charge.sources
    source = sources.get(place["term"])
    if source is None:
        reader.problem(place["term"] + place["rest"], None, message)
        return
    # Which of several phases or tiers it is; what is one value says enough by itself.
    where = f"{place['term']}{place['rest']}: " if place["rest"] else ""
    named, value = source["field"] or place["term"], source["value"]
    deal.problems.append(
        MappingProblem(
            source["object_type"] or "deal",
            source["record_id"] or deal.record.external_id,
            named,
            value,
            f"{named} {(value or '')[:80]!r} {where}{message}",
        )
    )
