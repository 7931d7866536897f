"""Documents of several contracts of one customer, merged where the contracts ask for it.

Belongs here: which documents become one, and the tax of what they become. Does not belong here: planning the
documents of a contract (`schedule`), computing taxes (`tax`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from integration_pipeline.billing.errors import BillingError
from integration_pipeline.billing.invoices import (
    BillingSchedule,
    DocumentKind,
    LineTax,
    PlannedInvoice,
    PlannedLine,
)
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.schedule.taxation import taxable_of, taxed
from integration_pipeline.billing.terms import ContractTerms, PaymentTerms


@dataclass(frozen=True, slots=True)
class CustomerDocument:
    """A planned document of one customer. `contract_ids` has the contract of every line, in their order."""

    customer: str
    entity: str
    contract_ids: tuple[str, ...]
    document: PlannedInvoice

    @property
    def lines(self) -> tuple[tuple[str, PlannedLine], ...]:
        """Each line with the contract it bills."""
        return tuple(zip(self.contract_ids, self.document.lines, strict=True))


def consolidate(
    contracts: Iterable[tuple[ContractTerms, BillingSchedule]],
) -> tuple[CustomerDocument, ...]:
    """The documents of all contracts, by rising issue date, then customer, entity, currency and contract.

    Contracts that say `consolidate` share one invoice, and one credit note, per issue date if they have the
    same customer, entity, currency, payment terms and policies. Its lines are those of the contracts, by
    contract id. Tax is computed anew from what the lines are priced at, so that it is rounded as the policies
    say for one document: it may differ by minor units from the sum of the single documents' taxes, as may the
    net of prices that include tax. All other documents stay as they are.

    Raises `BillingError` for a contract that is given twice, since its lines would be billed twice.
    """
    shared: dict[_Key, list[tuple[str, PlannedInvoice]]] = {}
    alone: list[CustomerDocument] = []
    seen: set[str] = set()
    for terms, schedule in contracts:
        if schedule.contract_id in seen:
            raise BillingError(f"contract {schedule.contract_id[:80]} is given twice; bill it once")
        seen.add(schedule.contract_id)
        for document in schedule.invoices:
            if terms.consolidate:
                key = _Key.of(terms, schedule, document)
                shared.setdefault(key, []).append((schedule.contract_id, document))
            else:
                alone.append(_as_it_is(terms.customer, terms.entity, schedule.contract_id, document))
    return tuple(sorted([*alone, *_merged(shared)], key=_order))


@dataclass(frozen=True, slots=True)
class _Key:
    """What documents have in common that become one."""

    customer: str
    entity: str
    currency: str
    payment_terms: PaymentTerms
    policies: Policies
    issue_date: date
    kind: DocumentKind

    @staticmethod
    def of(terms: ContractTerms, schedule: BillingSchedule, document: PlannedInvoice) -> _Key:
        return _Key(
            terms.customer,
            terms.entity,
            schedule.currency,
            terms.payment_terms,
            schedule.policies,
            document.issue_date,
            document.kind,
        )


def _merged(shared: dict[_Key, list[tuple[str, PlannedInvoice]]]) -> Iterator[CustomerDocument]:
    for key, parts in shared.items():
        if len(parts) == 1:
            yield _as_it_is(key.customer, key.entity, *parts[0])
            continue
        parts.sort(key=lambda part: part[0])
        contract_ids = tuple(contract_id for contract_id, part in parts for _ in part.lines)
        lines, taxes = _taxed_together([line for _, part in parts for line in part.lines], key)
        document = PlannedInvoice(
            issue_date=key.issue_date,
            due_date=parts[0][1].due_date,
            lines=lines,
            total=Money(sum(line.amount.minor for line in lines), key.currency),
            kind=key.kind,
            taxes=taxes,
        )
        yield CustomerDocument(key.customer, key.entity, contract_ids, document)


def _taxed_together(
    lines: Sequence[PlannedLine], key: _Key
) -> tuple[tuple[PlannedLine, ...], tuple[LineTax, ...]]:
    if all(line.taxable is None for line in lines):
        return tuple(lines), ()
    return taxed(lines, [taxable_of(line) for line in lines], key.currency, key.policies)


def _as_it_is(customer: str, entity: str, contract_id: str, document: PlannedInvoice) -> CustomerDocument:
    return CustomerDocument(customer, entity, (contract_id,) * len(document.lines), document)


def _order(document: CustomerDocument) -> tuple[date, str, str, str, str, bool, date]:
    planned = document.document
    return (
        planned.issue_date,
        document.customer,
        document.entity,
        planned.total.currency,
        document.contract_ids[0],
        planned.kind is DocumentKind.CREDIT_NOTE,
        planned.due_date,
    )
