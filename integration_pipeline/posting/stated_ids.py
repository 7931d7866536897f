"""Who a customer is at a target by its id there, which people keep in a field of the CRM's companies.

Belongs here: such ids, and what each of them comes to. Does not belong here: which field that is (the
mapping's `company.accounting_ids`), every other way to tell who somebody is (`party_matching`).

Whoever wrote the id down said which record it is: nothing else is asked, and nothing else is tried if the
record cannot be the customer. It may be a slip, and a second record of one company does more harm than a
question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from integration_pipeline.posting.party_matching import Candidate, Linked, Party, Undecided
from integration_pipeline.posting.writer import Writer

RULE = "stated_id"


@dataclass(frozen=True, slots=True)
class Namesake:
    """The record with the stated id. `taken_by` is another customer of ours that it is already."""

    party: Party
    active: bool
    taken_by: str | None


@dataclass(frozen=True, slots=True)
class Stated:
    """That a company's `field` holds `value`. `rivals` are other customers of whom the CRM says the same."""

    company: str
    field: str
    value: str
    rivals: tuple[str, ...]
    there: Namesake | None

    def __str__(self) -> str:
        return f"{self.field} of company {self.company} is {self.value[:80]!r}"


def verdict(ours: Party, stated: Sequence[Stated]) -> Linked | Undecided:
    """The record that all of the customer's companies name, or why a person has to decide."""
    one = stated[0]
    if len({each.value.casefold() for each in stated}) > 1:
        return _undecided(
            stated, f"its companies name different customers there: {'; '.join(map(str, stated))}"
        )
    if one.there is None:
        return _undecided(stated, f"{one}, and nobody there has that id")
    party = one.there.party
    if one.rivals:
        return _undecided(stated, f"{one}, and the CRM says the same of {', '.join(one.rivals)}")
    if not one.there.active:
        return _undecided(stated, f"{one}, and {party.name} there is inactive")
    if one.there.taken_by is not None:
        return _undecided(stated, f"{one}, and {party.name} there is {one.there.taken_by} already")
    if None not in (ours.tax_id, party.tax_id) and ours.tax_id != party.tax_id:
        return _undecided(stated, f"{one}, and {party.name} there has another tax id")
    if None not in (ours.currency, party.currency) and ours.currency != party.currency:
        return _undecided(
            stated, f"{one}, and {party.name} there is billed in {party.currency}, not in {ours.currency}"
        )
    evidence = {"field": one.field, "value": one.value, "company": one.company, "name_there": party.name}
    return Linked(party.remote_id, RULE, evidence)


def stated_ids(writer: Writer, target: str, customers: Sequence[int]) -> Mapping[int, Sequence[Stated]]:
    """By customer what its companies' records say, oldest company first; those of whom they say nothing are
    absent.
    """
    with writer.connection.transaction():
        rows = writer.connection.execute(_STATED, {"target": target, "customers": list(customers)}).fetchall()
    found: dict[int, list[Stated]] = {}
    for row in rows:
        found.setdefault(row.customer_id, []).append(_stated(row))
    return found


def _stated(row: Any) -> Stated:
    there = None
    if row.remote_id is not None:
        party = Party(row.name, row.tax_id, row.domain, row.email, row.remote_id, row.reference, row.currency)
        there = Namesake(party, row.active, row.taken_by)
    return Stated(row.external_id, row.field, row.value, tuple(row.rivals), there)


def _undecided(stated: Sequence[Stated], why: str) -> Undecided:
    there = {each.there.party.remote_id: each.there.party.name for each in stated if each.there is not None}
    candidates = tuple(Candidate(remote_id, name, RULE, 100.0) for remote_id, name in there.items())
    return Undecided(
        candidates, f"{why}; correct it in the CRM, or decide with `targets link` or `targets new`"
    )


# Companies that are archived, or were merged into others, say nothing any more.
_STATED = """
    WITH stated AS (
        SELECT link.customer_id, link.external_id,
            link.accounting_ids -> %(target)s ->> 'field' AS field,
            link.accounting_ids -> %(target)s ->> 'value' AS value
        FROM crm.customer_links AS link
        INNER JOIN raw.heads AS head
            ON head.source = link.source AND head.object_type = link.object_type
            AND head.external_id = link.external_id
        INNER JOIN raw.records AS record ON record.id = head.record_id
        WHERE link.object_type = 'company' AND link.accounting_ids -> %(target)s IS NOT NULL
            AND NOT record.archived
    )
    SELECT stated.*, there.remote_id, there.name, there.tax_id, there.domain, there.email, there.reference,
        there.currency, there.active,
        (
            SELECT min(customer.name || ' (customer ' || customer.id || ')')
            FROM crm.customer_accounts AS account
            INNER JOIN crm.customers AS customer ON customer.id = account.customer_id
            WHERE account.target = %(target)s AND account.remote_id = there.remote_id
                AND account.customer_id <> stated.customer_id
        ) AS taken_by,
        ARRAY(
            SELECT DISTINCT customer.name || ' (customer ' || customer.id || ')'
            FROM stated AS other
            INNER JOIN crm.customers AS customer ON customer.id = other.customer_id
            WHERE lower(other.value) = lower(stated.value) AND other.customer_id <> stated.customer_id
            ORDER BY 1
        ) AS rivals
    FROM stated
    LEFT JOIN crm.remote_customers AS there
        ON there.target = %(target)s AND lower(there.remote_id) = lower(stated.value)
    WHERE stated.customer_id = ANY(%(customers)s)
    ORDER BY stated.customer_id, length(stated.external_id), stated.external_id
"""
