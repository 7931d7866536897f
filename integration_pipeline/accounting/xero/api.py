"""Typed Xero calls: lists by pages, writes of several elements. Answers are checked down to their elements.

Belongs here: paths, parameters, pages, envelopes. Does not belong here: what elements mean (`answers`), what
becomes of a batch (`writing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from integration_pipeline.accounting.strangers import writing
from integration_pipeline.transport.client import VendorClient
from integration_pipeline.transport.failures import malformed
from integration_pipeline.transport.json_types import JsonObject
from integration_pipeline.transport.shapes import Json

ROOT = "/api.xro/2.0"
TENANT_HEADER = "xero-tenant-id"


class XeroApi:
    """The calls this pipeline makes. Whatever goes wrong at Xero is one of the transport's
    `VendorFailure`s.
    """

    def __init__(self, client: VendorClient, page_size: int = 1_000) -> None:
        self._client = client
        self._page_size = page_size

    def whole(
        self,
        plural: str,
        *,
        where: str | None = None,
        params: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> list[Json]:
        """A list in one answer, of which documents show no lines. `key` is its name there, if another."""
        asked = {**(params or {}), **({"where": where} if where else {})}
        reply = self._client.read("GET", f"{ROOT}/{plural}", operation=f"{plural}.list", params=asked)
        return reply.json().field(key or plural).items()

    def pages(
        self,
        plural: str,
        *,
        order: str,
        where: str | None = None,
        since: datetime | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Iterator[list[Json]]:
        """A list by pages. `order` is by something that never changes: a record that changed meanwhile would
        change its page, and push another over the edge.
        """
        asked = {**(params or {}), **({"where": where} if where else {}), "order": order}
        # Xero looks at whole seconds.
        headers = {"If-Modified-Since": since.strftime("%Y-%m-%dT%H:%M:%S")} if since else {}
        number, firsts = 1, set[str]()
        while True:
            reply = self._client.read(
                "GET",
                f"{ROOT}/{plural}",
                operation=f"{plural}.page",
                params={**asked, "page": str(number), "pageSize": str(self._page_size)},
                headers=headers,
            )
            answer = reply.json()
            elements = answer.field(plural).items()
            if elements:
                yield elements
            if not self._more(answer, number, len(elements)):
                return
            # A server that never ends would be read for ever.
            first = repr(elements[0].value)
            if first in firsts:
                raise answer.field(plural).wrong("a page not given before")
            firsts.add(first)
            number += 1

    def put(
        self,
        path: str,
        plural: str,
        elements: Sequence[JsonObject],
        *,
        key: str,
        each_by_itself: bool = True,
        params: Mapping[str, str] | None = None,
    ) -> list[Json]:
        """Create; the answer's elements, in order. Sent once.

        `each_by_itself`: what is wrong with one element is told with it, and the others are kept; otherwise
        all are kept or none.
        """
        asked = {**(params or {}), **({"summarizeErrors": "false"} if each_by_itself else {})}
        with writing():
            reply = self._client.write(
                "PUT",
                f"{ROOT}{path}",
                operation=f"{plural}.create",
                params=asked,
                json={plural: elements},
                idempotency_key=key,
            )
        answered = reply.json().field(plural).items()
        if len(answered) != len(elements):
            problem = f"answered {len(answered)} of {len(elements)} {plural}"
            raise malformed(reply.attempted, problem, status=reply.status)
        return answered

    def _more(self, answer: Json, number: int, count: int) -> bool:
        if not count:
            return False
        pagination = answer.optional("pagination")
        if pagination is None:
            return count == self._page_size
        return number < pagination.field("pageCount").integer()
