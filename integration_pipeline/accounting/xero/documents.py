"""Invoices and credit notes at Xero: sent, found again, read.

Belongs here: documents. Does not belong here: their fields as they are written (`lines`) and read
(`answers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime

from integration_pipeline.accounting.target import (
    Accepted,
    Outcome,
    OutgoingDocument,
    Refused,
    RemoteRecord,
    Unsure,
)
from integration_pipeline.accounting.xero import where
from integration_pipeline.accounting.xero.answers import (
    CREDIT_NOTES,
    INVOICES,
    SHAPES,
    Shape,
    allocation,
    document,
    is_sale,
)
from integration_pipeline.accounting.xero.api import XeroApi
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.accounting.xero.lines import PRICE_PLACES, as_element, references
from integration_pipeline.accounting.xero.writing import Answer, Element, Sending, chunks
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline.transport.shapes import Json

_LIGHT: Mapping[Shape, Mapping[str, str]] = {INVOICES: {"summaryOnly": "true"}, CREDIT_NOTES: {}}


class Documents:
    """Those of one organisation."""

    def __init__(self, api: XeroApi, config: XeroConfig) -> None:
        self._api = api
        self._config = config

    def send(self, batch: Sequence[OutgoingDocument]) -> list[Outcome]:
        """A call for invoices and one for credit notes. Outcomes in order."""
        sending = Sending(self._api)
        outcomes: dict[int, Outcome] = {}
        for shape in SHAPES.values():
            elements: dict[int, Element] = {}
            for place, each in enumerate(batch):
                if each.kind is not shape.kind:
                    continue
                body = as_element(each, self._config)
                if isinstance(body, Refused):
                    outcomes[place] = body
                else:
                    elements[place] = Element(body, each.key, f"{_word(shape)} {each.number}")
            answers = sending.put(
                f"/{shape.plural}", shape.plural, list(elements.values()), {"unitdp": str(PRICE_PLACES)}
            )
            for place, answer in zip(elements, answers, strict=True):
                outcomes[place] = _outcome(batch[place], answer, shape)
        return [outcomes[place] for place in range(len(batch))]

    def find(self, batch: Sequence[OutgoingDocument]) -> list[list[RemoteRecord]]:
        """What has their numbers, else what has their references; voided and deleted ones included."""
        there: list[RemoteRecord] = []
        for shape in SHAPES.values():
            for some in chunks([each for each in batch if each.kind is shape.kind]):
                there += self._numbered(some, shape)
                if absent := [each for each in some if not _of(each, there)]:
                    test = where.any_of(where.equals("Reference", references(each)) for each in absent)
                    there += self._whole(shape, test)
        return [_of(each, there) for each in batch]

    def changed_since(self, since: datetime) -> Iterator[list[RemoteRecord]]:
        """Documents, and with the credit notes what of them is set against invoices."""
        for elements in self._pages(INVOICES, f'Type=="{INVOICES.type}"', since):
            yield _records(elements, INVOICES)
        for elements in self._pages(CREDIT_NOTES, f'Type=="{CREDIT_NOTES.type}"', since):
            yield _records(elements, CREDIT_NOTES) + _allocations(elements)

    def issued(self, first: date, last: date) -> Iterator[list[RemoteRecord]]:
        """All issued from `first` to `last`."""
        for shape in SHAPES.values():
            test = where.all_of(f'Type=="{shape.type}"', where.between("Date", first, last))
            for elements in self._pages(shape, test, None):
                yield _records(elements, shape)

    def allocated(self, first: date, last: date) -> Iterator[list[RemoteRecord]]:
        """What of the credit notes issued from `first` to `last` is set against invoices."""
        test = where.all_of(f'Type=="{CREDIT_NOTES.type}"', where.between("Date", first, last))
        for elements in self._pages(CREDIT_NOTES, test, None):
            yield _allocations(elements)

    def _pages(self, shape: Shape, test: str, since: datetime | None) -> Iterator[list[Json]]:
        order = f"{shape.identifier} ASC"
        return self._api.pages(shape.plural, order=order, where=test, since=since, params=_LIGHT[shape])

    def _numbered(self, wanted: Sequence[OutgoingDocument], shape: Shape) -> list[RemoteRecord]:
        numbers = [each.number for each in wanted]
        if shape is INVOICES:
            # Xero recommends this over a filter, which it may refuse in large organisations.
            return self._whole(shape, None, {"InvoiceNumbers": ",".join(numbers)})
        return self._whole(shape, where.any_of(where.equals(shape.number, each) for each in numbers))

    def _whole(
        self, shape: Shape, test: str | None, params: Mapping[str, str] | None = None
    ) -> list[RemoteRecord]:
        kind = f'Type=="{shape.type}"'
        whole = self._api.whole(shape.plural, where=where.all_of(kind, test) if test else kind, params=params)
        return _records(whole, shape)


def _records(elements: Sequence[Json], shape: Shape) -> list[RemoteRecord]:
    return [document(each, shape) for each in elements if is_sale(each, shape)]


def _allocations(notes: Sequence[Json]) -> list[RemoteRecord]:
    return [
        allocation(each, note)
        for note in notes
        if is_sale(note, CREDIT_NOTES) and (given := note.optional("Allocations"))
        for each in given.items()
    ]


def _outcome(sent: OutgoingDocument, answer: Answer, shape: Shape) -> Outcome:
    if isinstance(answer, Refused | Unsure):
        return answer
    try:
        record = document(answer, shape)
        if record.number != sent.number:
            raise answer.field(shape.number).wrong(f"the number {sent.number}")
    except VendorFailure as failure:
        return Unsure(str(failure))
    return Accepted(record)


def _of(sent: OutgoingDocument, there: Sequence[RemoteRecord]) -> list[RemoteRecord]:
    """Each once: what is found by its number may be found by its reference, too."""
    return list({each.remote_id: each for each in there if _is(sent, each)}.values())


def _is(sent: OutgoingDocument, record: RemoteRecord) -> bool:
    if record.kind is not sent.kind:
        return False
    same_number = record.number is not None and record.number.casefold() == sent.number.casefold()
    return same_number or record.reference == sent.reference


def _word(shape: Shape) -> str:
    return shape.kind.value.replace("_", " ")
