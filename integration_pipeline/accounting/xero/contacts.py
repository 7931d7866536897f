"""Customers, which Xero calls contacts, as it does suppliers.

Our reference is the contact number, which only apps can edit. Names are unique among active contacts: where
another has the name, ours is told apart by its reference, `Acme Inc. (C123)`. Who is the same customer was
decided before (`posting.parties`); here nobody is taken for another.

Belongs here: reading and creating contacts. Does not belong here: matching them with customers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from integration_pipeline.accounting.target import OutgoingCustomer, Refused, RemoteCustomer, Unsure
from integration_pipeline.accounting.xero import where
from integration_pipeline.accounting.xero.answers import contact
from integration_pipeline.accounting.xero.api import XeroApi
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.accounting.xero.errors import name_taken
from integration_pipeline.accounting.xero.writing import Answer, Element, Sending, chunks
from integration_pipeline.transport.failures import VendorFailure, clean
from integration_pipeline.transport.json_types import JsonObject, JsonValue

_LONGEST_NAME = 255
_LONGEST_EMAIL = 255
_LONGEST_TAX_NUMBER = 50
_ARCHIVED_TOO = {"includeArchived": "true"}


class Contacts:
    """Those of one organisation."""

    def __init__(self, api: XeroApi, config: XeroConfig) -> None:
        self._api = api
        self._prefix = config.contact_prefix

    def pages(self, since: datetime | None) -> Iterator[list[RemoteCustomer]]:
        """All contacts, or those changed since then; archived ones included."""
        for page in self._api.pages("Contacts", order="ContactID ASC", since=since, params=_ARCHIVED_TOO):
            yield [contact(each, self._prefix) for each in page]

    def create(self, batch: Sequence[OutgoingCustomer]) -> list[RemoteCustomer | Refused | Unsure]:
        """In one call, and those whose names are taken in another. Outcomes in order."""
        sending = Sending(self._api)
        answers = self._put(sending, batch, named_apart=False)
        taken = [place for place, each in enumerate(answers) if _is_name_taken(each)]
        if taken:
            again = self._put(sending, [batch[place] for place in taken], named_apart=True)
            for place, answer in zip(taken, again, strict=True):
                answers[place] = answer
        return [self._outcome(each) for each in answers]

    def find(self, batch: Sequence[OutgoingCustomer]) -> list[RemoteCustomer | None]:
        """Who carries our references; of several the active one."""
        found: dict[str | None, RemoteCustomer] = {}
        for some in chunks(batch):
            test = where.any_of(where.equals("ContactNumber", self._number(each)) for each in some)
            there = self._api.whole("Contacts", where=test, params=_ARCHIVED_TOO)
            read = [contact(each, self._prefix) for each in there]
            found |= {each.reference: each for each in sorted(read, key=lambda each: each.active)}
        return [found.get(each.reference) for each in batch]

    def _put(self, sending: Sending, batch: Sequence[OutgoingCustomer], *, named_apart: bool) -> list[Answer]:
        elements = [
            Element(self._element(each, named_apart), each.key, f"contact {clean(each.name)!r}")
            for each in batch
        ]
        return sending.put("/Contacts", "Contacts", elements)

    def _element(self, customer: OutgoingCustomer, named_apart: bool) -> JsonObject:
        apart = f" ({customer.reference})" if named_apart else ""
        element: dict[str, JsonValue] = {
            "Name": clean(customer.name)[: _LONGEST_NAME - len(apart)].rstrip() + apart,
            "ContactNumber": self._number(customer),
        }
        if customer.email is not None and len(customer.email) <= _LONGEST_EMAIL:
            element["EmailAddress"] = customer.email
        if customer.tax_id is not None and len(customer.tax_id) <= _LONGEST_TAX_NUMBER:
            element["TaxNumber"] = customer.tax_id
        return element

    def _number(self, customer: OutgoingCustomer) -> str:
        return self._prefix + customer.reference

    def _outcome(self, answer: Answer) -> RemoteCustomer | Refused | Unsure:
        if isinstance(answer, Refused | Unsure):
            return answer
        try:
            return contact(answer, self._prefix)
        except VendorFailure as failure:
            return Unsure(str(failure))


def _is_name_taken(answer: Answer) -> bool:
    return isinstance(answer, Refused) and name_taken([answer.reason])
