"""The section `write_back` of a mapping file: which field of a deal is told which fact about its invoices.

Belongs here: the facts there are, the words for them, what makes the section wrong. Does not belong here:
finding the facts and writing them (`pipeline.write_back`).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from integration_pipeline.crm.write_back import FieldType, WantedField
from integration_pipeline.yaml_documents import Document


class InvoiceStatus(StrEnum):
    """How it stands with all invoices of a deal together.

    Overdue: any of them is. Credited: all that was invoiced was taken back.
    """

    NOT_INVOICED = "not invoiced"
    OPEN = "open"
    PARTLY_PAID = "partly paid"
    PAID = "paid"
    OVERDUE = "overdue"
    CREDITED = "credited"


class Told(Document):
    """The CRM's field that gets a fact, by its API name."""

    field: Annotated[str, Field(min_length=1)]

    def written(self, value: str | None) -> str | None:
        """A value of the fact as this field takes it."""
        return value


def _of_known_statuses(values: dict[str, str]) -> dict[str, str]:
    if unknown := sorted(set(values) - set(InvoiceStatus)):
        raise ValueError(f"knows {', '.join(InvoiceStatus)}, not {', '.join(unknown)}")
    return values


class ToldStatus(Told):
    """The field of the status; `values` are the CRM's options for our words, where they differ."""

    values: Annotated[dict[str, str], AfterValidator(_of_known_statuses)] = Field(
        default_factory=dict[str, str]
    )

    def written(self, value: str | None) -> str | None:
        return None if value is None else self.values.get(value, value)

    def options(self) -> tuple[str, ...]:
        """What the field has to accept, in the order in which an invoice goes through them."""
        return tuple(self.values.get(status, status.value) for status in InvoiceStatus)


class WriteBackFields(Document):
    """Facts by name; one without a field is told to nobody.

    `amount_invoiced` is what was invoiced less what was credited, `amount_due` what of it is not paid, both
    in `currency`. `due_date` is that of the oldest invoice with anything open, `paid_on` the day on which
    nothing was open any more. `problem` is why billing waits, and what to do about it.
    """

    status: ToldStatus | None = None
    invoice_numbers: Told | None = None
    latest_invoice: Told | None = None
    amount_invoiced: Told | None = None
    amount_due: Told | None = None
    currency: Told | None = None
    due_date: Told | None = None
    paid_on: Told | None = None
    problem: Told | None = None

    def told(self) -> Iterator[tuple[str, Told]]:
        """Facts that have a field, with it."""
        for fact in type(self).model_fields:
            told: Told | None = getattr(self, fact)
            if told is not None:
                yield fact, told

    def field_names(self) -> tuple[str, ...]:
        """All fields that are written."""
        return tuple(told.field for _, told in self.told())

    def field_types(self) -> dict[str, FieldType]:
        """What each field has to be."""
        return {told.field: _FACTS[fact][0] for fact, told in self.told()}

    def wanted_fields(self) -> list[WantedField]:
        """The fields as somebody has to make them in the CRM."""
        wanted: list[WantedField] = []
        for fact, told in self.told():
            kind, label, description = _FACTS[fact]
            options = told.options() if isinstance(told, ToldStatus) else ()
            wanted.append(WantedField(told.field, label, kind, description, options))
        return wanted

    @model_validator(mode="after")
    def _fields_differ(self) -> WriteBackFields:
        names = self.field_names()
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"tells two facts to the field {', '.join(twice)}")
        return self


_FACTS: dict[str, tuple[FieldType, str, str]] = {
    "status": (FieldType.CHOICE, "Invoice status", "How it stands with the invoices of this deal."),
    "invoice_numbers": (FieldType.LONG_TEXT, "Invoice numbers", "All invoices of this deal, oldest first."),
    "latest_invoice": (FieldType.TEXT, "Latest invoice", "Number of the newest invoice of this deal."),
    "amount_invoiced": (FieldType.NUMBER, "Amount invoiced", "Invoiced, less what was credited; with tax."),
    "amount_due": (FieldType.NUMBER, "Amount due", "What is not paid yet of what was invoiced."),
    "currency": (FieldType.TEXT, "Invoice currency", "The currency of both amounts."),
    "due_date": (FieldType.DATE, "Invoice due date", "When the oldest invoice with an open amount is due."),
    "paid_on": (FieldType.DATE, "Invoices paid on", "When the last open amount was paid."),
    "problem": (FieldType.LONG_TEXT, "Billing problem", "Why billing this deal waits, and what to do."),
}
