"""What is answered in Xero's place is nothing Xero says of a document or a contact."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from integration_pipeline.accounting.target import OutgoingCustomer, Refused, Unsure
from integration_pipeline_tests.accounting.xero.conftest import invoice
from integration_pipeline_tests.vendors.xero_rig import Organisation

CONTACT = "11111111-2222-4333-8444-555555555555"
XEROS = b'{"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred"}'


@contextmanager
def answering(body: bytes) -> Generator[str]:
    """The address of a server that answers 400 with this body."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("body", [b"<html><h1>Bad request</h1></html>", b'{"message": "Bad request"}', b""])
def test_a_400_that_is_not_xeros_own_leaves_all_that_was_sent_unsure(xero: Organisation, body: bytes) -> None:
    customer = OutgoingCustomer("k" * 64, "C1", "Acme", None, None, None, None, "NZD")
    with answering(body) as url, xero.target(base_url=url) as target:
        documents = target.send([invoice(CONTACT, f"INV-{number:06}") for number in range(1, 4)])
        contacts = target.create_customers([customer])

    assert [type(each) for each in (*documents, *contacts)] == [Unsure] * 4


def test_a_400_of_xeros_own_refuses_the_document_it_is_about(xero: Organisation) -> None:
    with answering(XEROS) as url, xero.target(base_url=url) as target:
        [outcome] = target.send([invoice(CONTACT)])

    assert isinstance(outcome, Refused)
    assert "A validation exception occurred" in outcome.reason
