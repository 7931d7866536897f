"""A CRM in memory that deals are written back to, with people who change and delete what stands there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from integration_pipeline.crm.write_back import FieldValues, Refusal

FIELDS = frozenset(
    {
        "invoice_status",
        "invoice_numbers",
        "latest_invoice",
        "amount_invoiced",
        "amount_due",
        "invoice_currency",
        "invoice_due_date",
        "invoices_paid_on",
        "billing_problem",
    }
)


@dataclass(slots=True)
class Board:
    """Judges deals one by one, as the vendors do; `calls` are the deals of each call that wrote."""

    name: str = "hubspot"
    deals_in_a_call: int = 100
    deals: dict[str, dict[str, str | None]] = field(default_factory=dict[str, dict[str, str | None]])
    fields: set[str] = field(default_factory=lambda: set(FIELDS))
    gone: set[str] = field(default_factory=set[str])
    refusing: dict[str, Refusal] = field(default_factory=dict[str, Refusal])
    calls: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    asked_for_fields: int = 0
    before_call: Callable[[], None] = lambda: None
    after_call: Callable[[], None] = lambda: None

    def update_deals(self, changes: Mapping[str, FieldValues]) -> dict[str, Refusal]:
        self.before_call()
        self.calls.append(tuple(changes))
        refusals: dict[str, Refusal] = {}
        for deal, values in changes.items():
            if deal in self.gone:
                refusals[deal] = Refusal("no such deal", "Nothing to do.", gone=True)
            elif deal in self.refusing:
                refusals[deal] = self.refusing[deal]
            elif missing := values.keys() - self.fields:
                refusals[deal] = Refusal("no such field", "Make it.", missing=frozenset(missing))
            else:
                self.deals.setdefault(deal, {}).update(values)
        self.after_call()
        return refusals

    def read_deals(self, ids: Sequence[str], fields: Sequence[str]) -> dict[str, FieldValues]:
        return {
            deal: {name: self.deals.get(deal, {}).get(name) for name in fields}
            for deal in ids
            if deal not in self.gone
        }

    def writable_fields(self) -> frozenset[str]:
        self.asked_for_fields += 1
        return frozenset(self.fields)
