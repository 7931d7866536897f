"""What has to be in the books after people changed deals: a small oracle that knows nothing of the pipeline.

Belongs here: the model of deals, and holding the ledger to it. Does not belong here: making changes, or
waiting until they are settled.

Which of several quick changes a worker gets to see is left to chance, so while a deal is being changed
more than one state of the books is right. Once all is settled, a won deal is booked with exactly its worth. A
deal that is no longer won keeps what was invoiced until a person decides: its worth at some moment since.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sqlalchemy import Connection, Row, text

from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.standing import verify

Worth: TypeAlias = tuple[int, str]
"""Minor units and the company that owes them; nothing is `(0, "")`."""

NOTHING: Worth = (0, "")


@dataclass(slots=True)
class ExpectedDeal:
    """A deal as people left it. `lines` (minor units by line item), if there are any, outweigh `amount`."""

    company: str
    amount: int = 0
    lines: dict[str, int] = field(default_factory=dict[str, int])
    won: bool = False
    periods: int = 1
    seen: list[Worth] = field(default_factory=lambda: [NOTHING])
    """What may be in the books, each as often as the deal came to be worth that."""
    invoices: int = 0
    """As many as there may be of each period: one for each time the worth of the won deal changed."""

    @property
    def worth(self) -> Worth:
        if not self.won:
            return NOTHING
        return (self.periods * (sum(self.lines.values()) or self.amount), self.company)

    def note(self) -> None:
        """To be called after each change."""
        if self.won and self.worth != self.seen[-1]:
            self.seen.append(self.worth)
            self.invoices += 1


@dataclass(slots=True)
class Booked:
    """The documents of one deal in the ledger."""

    net: int = 0
    invoices: Counter[str] = field(default_factory=Counter[str])
    standing: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Slot and company of each invoice that is not reversed."""

    @property
    def worth(self) -> Worth:
        companies = {company for _, company in self.standing}
        return (self.net, companies.pop() if len(companies) == 1 else ", ".join(sorted(companies)))


def hold_books_to(connection: Connection, pipeline: Pipeline, deals: dict[str, ExpectedDeal]) -> None:
    """Fail unless the books are sound, and what `deals` (by CRM id) are worth; for when all is settled."""
    problems = verify(connection, pipeline).problems
    assert problems == [], "\n".join(problems)
    booked = read_books(connection)
    assert booked.keys() <= deals.keys(), f"invoiced, but nobody made them: {booked.keys() - deals.keys()}"
    wrong = [
        problem
        for identifier, deal in deals.items()
        for problem in _problems(identifier, deal, booked.get(identifier, Booked()))
    ]
    assert wrong == [], "\n".join(wrong)
    entries, documents, intents = connection.execute(text(_COUNTS)).one()
    assert entries == documents == intents
    for identifier, deal in deals.items():
        found = booked.get(identifier, Booked())
        deal.seen = [found.worth]


def read_books(connection: Connection) -> dict[str, Booked]:
    """What was invoiced and credited, by the deal's id in the CRM."""
    booked: dict[str, Booked] = defaultdict(Booked)
    for row in connection.execute(text(_DOCUMENTS)):
        _add(booked[row.external_id], row)
    return dict(booked)


def net_by_deal(connection: Connection, deals: Iterable[str]) -> dict[str, Worth]:
    """What the books hold each of `deals` to be worth."""
    booked = read_books(connection)
    return {each: booked.get(each, Booked()).worth for each in deals}


def _add(deal: Booked, row: Row[Any]) -> None:
    if row.kind == "credit_note":
        deal.net -= row.total_minor
        return
    deal.net += row.total_minor
    deal.invoices[row.slot] += 1
    if not row.is_reversed:
        deal.standing.append((row.slot, row.company))


def _problems(identifier: str, deal: ExpectedDeal, booked: Booked) -> list[str]:
    problems: list[str] = []
    # What was billed of a deal that is no longer won stays until a person says otherwise.
    right = [deal.worth] if deal.won else deal.seen
    if booked.worth not in right:
        problems.append(f"deal {identifier} is worth one of {right}, the books say {booked.worth}")
    slots = [slot for slot, _ in booked.standing]
    if len(set(slots)) != len(slots):
        problems.append(f"deal {identifier} has two invoices for one period: {booked.standing}")
    most = max(booked.invoices.values(), default=0)
    if most > deal.invoices:
        problems.append(
            f"deal {identifier} was invoiced {most} times, but worth something new {deal.invoices} times"
        )
    return problems


_DOCUMENTS = """
    SELECT
        split_part(planned.deal_key, ':', 2) AS external_id, booked.kind, booked.total_minor,
        CAST(planned.slot AS text) AS slot,
        (
            SELECT string_agg(link.external_id, '+' ORDER BY link.external_id)
            FROM crm.customer_links AS link
            WHERE link.customer_id = booked.customer_id AND link.object_type = 'company'
        ) AS company,
        EXISTS (
            SELECT FROM billing.documents AS reversal
            INNER JOIN posting.intents AS reversing ON reversing.document_id = reversal.id
            WHERE reversal.reverses_id = planned.id AND reversing.state = 'posted'
        ) AS is_reversed
    FROM ledger.documents AS booked
    INNER JOIN posting.intents AS intent ON intent.id = booked.intent_id
    INNER JOIN billing.documents AS planned ON planned.id = intent.document_id
    ORDER BY booked.entry_id
"""
_COUNTS = """
    SELECT
        (SELECT count(*) FROM ledger.journal_entries WHERE kind = 'document'),
        (SELECT count(*) FROM ledger.documents),
        (SELECT count(*) FROM posting.intents WHERE state = 'posted')
"""
