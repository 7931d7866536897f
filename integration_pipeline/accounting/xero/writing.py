"""Batches on their way to Xero: what is sent in one call, under which key, and what becomes of each element.

A key is Xero's for six minutes; after that the same call is carried out again. So nothing is repeated here:
what is not known is `Unsure`, and looked up by whoever sent it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from integration_pipeline.accounting.target import Refused, Unsure
from integration_pipeline.accounting.xero.answers import refusals
from integration_pipeline.accounting.xero.api import XeroApi
from integration_pipeline.accounting.xero.errors import refused, refused_whole
from integration_pipeline.transport.failures import NotFound, Rejected, Uncertain, VendorFailure
from integration_pipeline.transport.json_types import JsonObject, dump_json
from integration_pipeline.transport.shapes import Json

LARGEST_BATCH = 50
# Xero advises 3.5 MB; 10 MB are refused.
_MOST_BYTES = 3_000_000
# Filters go into the address, of which nobody knows how long Xero takes it.
_LOOKED_UP_AT_ONCE = 25
# Not valid, and too large.
_OF_CONTENT = (400, 413)

T = TypeVar("T")
Answer: TypeAlias = Json | Refused | Unsure


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a write. `key` is the item's, `what` names it for people: `invoice INV-000007`."""

    body: JsonObject
    key: str
    what: str


class Sending:
    """The calls of one `send`. Once one of them may have changed something, no failure is raised any more."""

    def __init__(self, api: XeroApi) -> None:
        self._api = api
        self._something_done = False

    def put(
        self, path: str, plural: str, elements: Sequence[Element], params: Mapping[str, str] | None = None
    ) -> list[Answer]:
        """Each element by itself; an answer of each, in order."""
        answers: list[Answer] = []
        for chunk in _weighed(elements):
            answers += self._put(path, plural, chunk, params)
        return answers

    def put_into(self, path: str, plural: str, element: Element, is_there: Callable[[], bool]) -> Answer:
        """Put one element into a record that the path names. `is_there` asks for that record: only if it is
        missing a 404 is about this element, else it is about the way to Xero.
        """
        try:
            [answered] = self._sent(path, plural, [element], None, each_by_itself=True)
        except VendorFailure as failure:
            if _is_of_content(failure):
                return refused_whole(element.what, failure)
            return self._missing(element, failure, is_there) or self._unsure(failure)
        return _answer(element, answered)

    def put_together(
        self, path: str, plural: str, elements: Sequence[Element]
    ) -> list[Json] | Refused | Unsure:
        """All elements or none."""
        what = elements[0].what
        try:
            answered = self._sent(path, plural, elements, None, each_by_itself=False)
        except VendorFailure as failure:
            if _is_of_content(failure):
                return refused_whole(what, failure)
            return self._unsure(failure)
        return answered

    def _put(
        self, path: str, plural: str, elements: Sequence[Element], params: Mapping[str, str] | None
    ) -> list[Answer]:
        try:
            answered = self._sent(path, plural, elements, params, each_by_itself=True)
        except VendorFailure as failure:
            if not _is_of_content(failure):
                return [self._unsure(failure)] * len(elements)
            if len(elements) == 1:
                return [refused_whole(elements[0].what, failure)]
            # Something in one of them has the whole call refused: the others need not suffer from it.
            middle = len(elements) // 2
            halves = (elements[:middle], elements[middle:])
            return [answer for half in halves for answer in self._put(path, plural, half, params)]
        return [_answer(*each) for each in zip(elements, answered, strict=True)]

    def _sent(
        self,
        path: str,
        plural: str,
        elements: Sequence[Element],
        params: Mapping[str, str] | None,
        *,
        each_by_itself: bool,
    ) -> list[Json]:
        bodies = [each.body for each in elements]
        answered = self._api.put(
            path, plural, bodies, key=_key(path, elements), each_by_itself=each_by_itself, params=params
        )
        self._something_done = True
        return answered

    def _missing(
        self, element: Element, failure: VendorFailure, is_there: Callable[[], bool]
    ) -> Refused | None:
        try:
            missing = isinstance(failure, NotFound) and not is_there()
        except VendorFailure:
            # The first failure says as much.
            return None
        return refused_whole(element.what, failure) if missing else None

    def _unsure(self, failure: VendorFailure) -> Unsure:
        """Raises the failure if it is certain that nothing at all was done."""
        if isinstance(failure, Uncertain):
            self._something_done = True
            return Unsure(str(failure))
        if not self._something_done:
            raise failure
        return Unsure(f"not sent: {failure}")


def chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as one filter looks for."""
    for start in range(0, len(items), _LOOKED_UP_AT_ONCE):
        yield items[start : start + _LOOKED_UP_AT_ONCE]


def _is_of_content(failure: VendorFailure) -> bool:
    """Whether something in the elements was refused. Any other refusal, such as a gateway's 404, would meet
    whatever is sent.
    """
    return isinstance(failure, Rejected) and failure.status in _OF_CONTENT


def _answer(element: Element, answer: Json) -> Answer:
    try:
        messages = refusals(answer)
    except VendorFailure as failure:
        return Unsure(str(failure))
    return answer if messages is None else refused(element.what, messages)


def _key(path: str, elements: Sequence[Element]) -> str:
    """Of exactly these elements as they are: after a correction it is another call, not the old answer."""
    told = hashlib.sha256(path.encode())
    for each in elements:
        told.update(f"\n{each.key}\n".encode())
        told.update(dump_json(each.body))
    return told.hexdigest()


def _weighed(elements: Sequence[Element]) -> Iterator[list[Element]]:
    chunk: list[Element] = []
    size = 0
    for each in elements:
        more = len(dump_json(each.body))
        if chunk and (size + more > _MOST_BYTES or len(chunk) == LARGEST_BATCH):
            yield chunk
            chunk, size = [], 0
        chunk.append(each)
        size += more
    if chunk:
        yield chunk
