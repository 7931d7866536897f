"""Answers that only Intuit's own troubles bring about, from a server that says just that."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import Refused, Unsure
from integration_pipeline.transport.auth import BearerAuth
from integration_pipeline.transport.failures import Rejected, Unauthorized
from integration_pipeline_tests.accounting.quickbooks.outgoing import customer, document

Answering = Callable[[int, str], QuickBooksTarget]


def fault(code: str, kind: str) -> dict[str, object]:
    error = {"Message": "Something", "Detail": "Something went wrong", "code": code, "element": "X"}
    return {"Error": [error], "type": kind}


@pytest.fixture
def answering() -> Iterator[Answering]:
    """A connector to a server that answers everything with one status and body."""
    with ExitStack() as opened:

        def answer(status: int, body: str) -> QuickBooksTarget:
            class Handler(BaseHTTPRequestHandler):
                def do_POST(self) -> None:
                    self.rfile.read(int(self.headers["Content-Length"]))
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body.encode())

                def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                    pass

            server = opened.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            Thread(target=server.serve_forever, daemon=True).start()
            opened.callback(server.shutdown)
            config = QuickBooksConfig.model_validate(
                {
                    "name": "books",
                    "vendor": "quickbooks",
                    "account": "1",
                    "entities": ["us"],
                    "since": "2026-01-01",
                    "base_url": f"http://127.0.0.1:{server.server_port}",
                    "items": {"on_invoice": "1"},
                }
            )
            auth = BearerAuth(SecretStr("token-5ecre7"))
            return opened.enter_context(QuickBooksTarget(config, auth=auth, registry=CollectorRegistry()))

        yield answer


def test_of_a_batch_what_intuit_had_trouble_with_or_left_out_is_unsure(answering: Answering) -> None:
    items = [
        {"bId": "0", "Fault": fault("10000", "SystemFault")},
        {"bId": "2", "Fault": fault("6000", "ValidationFault")},
    ]
    target = answering(200, json.dumps({"BatchItemResponse": items, "time": "2026-03-01T00:00:00Z"}))

    trouble, left_out, refused = target.send([document(f"INV-{each}", "1") for each in range(3)])

    assert isinstance(trouble, Unsure)
    assert isinstance(left_out, Unsure)
    assert isinstance(refused, Refused)
    assert refused.code == "6000"


def test_an_ended_subscription_refuses_no_document(answering: Answering) -> None:
    target = answering(403, json.dumps({"Fault": fault("6190", "ValidationFault")}))

    with pytest.raises(Unauthorized, match="Renew the company's QuickBooks subscription"):
        target.send([document("INV-1", "1")])


@pytest.mark.parametrize("count", [1, 5])
def test_a_400_that_is_not_quickbooks_own_leaves_all_that_was_sent_unsure(
    answering: Answering, count: int
) -> None:
    target = answering(400, "<html><h1>Bad request, says a gateway</h1></html>")

    outcomes = [
        *target.send([document(f"INV-{each}", "1") for each in range(count)]),
        *target.create_customers([customer(each, f"Firm {each}") for each in range(count)]),
    ]

    for outcome in outcomes:
        assert isinstance(outcome, Unsure)
        assert "says a gateway" in outcome.reason


@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("status", [404, 413])
def test_a_refusal_that_is_not_quickbooks_own_refuses_no_document_and_no_customer(
    answering: Answering, status: int, count: int
) -> None:
    target = answering(status, f"<html><h1>{status} says a gateway</h1></html>")

    with pytest.raises(Rejected):
        target.send([document(f"INV-{each}", "1") for each in range(count)])
    with pytest.raises(Rejected):
        target.create_customers([customer(each, f"Firm {each}") for each in range(count)])
