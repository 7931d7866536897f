"""Answers no org would give: none of them is taken for data, and none is read for ever."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.config import SalesforceSettings
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.transport.failures import Malformed
from integration_pipeline_tests.crm.salesforce.conftest import read
from integration_pipeline_tests.vendors.rig import WoundClock

STAMP = "2026-03-10T12:00:00.000+0000"


def account(**changes: object) -> dict[str, Any]:
    usual = {
        "attributes": {"type": "Account"},
        "Id": "001Wx0000000001AAA",
        "SystemModstamp": STAMP,
        "IsDeleted": False,
        "MasterRecordId": None,
        "Name": "Acme",
    }
    return {**usual, **changes}


def page(*records: object, **changes: object) -> dict[str, Any]:
    return {"totalSize": len(records), "done": True, "records": list(records), **changes}


Impostor = Callable[..., SalesforceSource]


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    """A connector to a server that logs anybody in and answers every query with the same body."""
    answers: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = answers["query"] if "/query" in self.path else b'{"access_token": "t"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the base class calls it by this name

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """A line per request on stderr helps nobody."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    opened: list[SalesforceSource] = []

    def answering(body: object, page_size: int = 2) -> SalesforceSource:
        answers["query"] = json.dumps(body).encode()
        settings = SalesforceSettings(
            base_url=f"http://127.0.0.1:{server.server_port}",
            consumer_key="key",
            consumer_secret=SecretStr("secret-of-the-app"),
            page_size=page_size,
            bulk_from=1_000_000,
        )
        opened.append(SalesforceSource(settings, registry=CollectorRegistry(), clock=WoundClock()))
        return opened[-1]

    yield answering
    for source in opened:
        source.close()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("page_size", [1, 2])
def test_the_same_page_again_and_again_is_not_read_for_ever(impostor: Impostor, page_size: int) -> None:
    records = [account(), account(Id="001Wx0000000002AAA")][:page_size]

    with pytest.raises(Malformed):
        read(impostor(page(*records), page_size), ObjectType.COMPANY, "Name")


def test_a_cursor_that_leads_to_itself_is_not_followed_for_ever(impostor: Impostor) -> None:
    body = page(account(), done=False, nextRecordsUrl="/services/data/v67.0/query/01gWx0000000001AAA-2000")

    with pytest.raises(Malformed):
        read(impostor(body, 2_000), ObjectType.COMPANY, "Name")


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/services/data/v67.0/query/01gWx-2000",
        "//elsewhere.example/query/01gWx-2000",
        "/services/data/v67.0/query/../sobjects/User",
        "/services/oauth2/revoke?token=x",
        None,
        7,
    ],
)
def test_a_cursor_leads_nowhere_but_to_the_next_page(impostor: Impostor, address: object) -> None:
    with pytest.raises(Malformed, match="nextRecordsUrl"):
        read(impostor(page(account(), done=False, nextRecordsUrl=address), 2_000), ObjectType.COMPANY, "Name")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"totalSize": 0},
        page(done="yes"),
        page(7),
        page(account(Id=None)),
        page(account(SystemModstamp="yesterday")),
        page(account(SystemModstamp="2026-03-10T12:00:00Z")),
        page(account(IsDeleted="false")),
        page(account(Name={"street": "Main"})),
        page(account(Name=["Acme"])),
        page(account(MasterRecordId={})),
        page(account(), account(Id="001Wx0000000002AAA", SystemModstamp="2025-03-10T12:00:00.000+0000")),
    ],
)
def test_records_of_another_shape_are_refused_whole(impostor: Impostor, body: object) -> None:
    with pytest.raises(Malformed):
        read(impostor(body), ObjectType.COMPANY, "Name")
