"""The other vendors as senders: a request of each as it is documented, signed as each of them signs.

A `Sender` makes the same body for the same number. Plaid's public key comes from a server of keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

TOKEN, SECRET = "intuit-verifier-token", "whsec_or-key-or-relay-secret"
ORGANIZATION, ORG_TOKEN = "00DWx0000000001", "address-token-0815"
PLAID_SECRET = "plaid-client-secret"
KEY_ID = "key-1"
_PRIVATE = ec.generate_private_key(ec.SECP256R1())

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Sender:
    """`account` is what an event of its names; CRM events name a deal instead."""

    source: str
    path: str
    body: Callable[[int], bytes]
    signed: Callable[[bytes], Headers]
    account: str | None
    setting: str

    def __str__(self) -> str:
        return self.path.removeprefix("/webhooks/").partition("?")[0].replace("/", "_")


def _hmac(secret: str, signed: bytes) -> bytes:
    return hmac.digest(secret.encode(), signed, "sha256")


def _base64(secret: str, header: str) -> Callable[[bytes], Headers]:
    return lambda body: {header: base64.b64encode(_hmac(secret, body)).decode()}


def _quickbooks(number: int) -> bytes:
    told = {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "intuit.realm",
        "type": "qbo.invoice.updated.v1",
        "time": "2026-10-01T12:00:00.000Z",
        "intuitaccountid": "9341452000000000",
        "intuitentityid": str(number),
    }
    return json.dumps([told]).encode()


def _xero(number: int) -> bytes:
    told = {
        "resourceUrl": f"https://api.xero.com/api.xro/2.0/Invoices/{number}",
        "resourceId": f"00000000-0000-0000-0000-{number:012}",
        "eventDateUtc": "2026-10-01T12:00:00.923",
        "eventType": "UPDATE",
        "eventCategory": "INVOICE",
        "tenantId": "45e4708e-d862-4111-ab3a-dd8cd03913e1",
        "tenantType": "ORGANISATION",
    }
    return json.dumps(
        {"events": [told], "firstEventSequence": 1, "lastEventSequence": 1, "entropy": "AB"}
    ).encode()


def _stripe(number: int) -> bytes:
    told = {
        "id": f"evt_{number}",
        "object": "event",
        "type": "charge.succeeded",
        "created": 1_790_000_000 + number,
        "data": {"object": {"id": f"ch_{number}", "object": "charge"}},
    }
    return json.dumps(told).encode()


def stripe_signed(body: bytes, *, seconds_ago: float = 0) -> Headers:
    timestamp = str(int(time.time() - seconds_ago))
    v1 = _hmac(SECRET, timestamp.encode() + b"." + body).hex()
    return {"Stripe-Signature": f"t={timestamp},v1={v1}"}


def _plaid(number: int) -> bytes:
    told = {
        "webhook_type": "TRANSACTIONS",
        "webhook_code": "SYNC_UPDATES_AVAILABLE",
        "item_id": "item-1",
        "environment": "production",
        "number": number,
    }
    return json.dumps(told).encode()


def plaid_signed(body: bytes, *, key_id: str = KEY_ID) -> Headers:
    told = {"iat": int(time.time()), "request_body_sha256": hashlib.sha256(body).hexdigest()}
    return {"Plaid-Verification": jwt.encode(told, _PRIVATE, algorithm="ES256", headers={"kid": key_id})}


def _outbound(number: int) -> bytes:
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>{ORGANIZATION}AAA</OrganizationId>
   <ActionId>04k000000000001AAA</ActionId>
   <Notification><Id>04lWx{number:010}AAA</Id>
    <sObject xsi:type="sf:Opportunity" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
     <sf:Id>006Wx0000000001AAA</sf:Id></sObject></Notification>
  </notifications></soapenv:Body></soapenv:Envelope>""".encode()


def _changes(number: int) -> bytes:
    header = {
        "entityName": "Opportunity",
        "recordIds": ["006Wx0000000001AAA"],
        "changeType": "UPDATE",
        "changeOrigin": "",
        "transactionKey": f"key-{number}",
        "sequenceNumber": 1,
        "commitTimestamp": 1_790_000_000_000,
        "commitNumber": number,
        "commitUser": "005000000000001AAA",
        "changedFields": ["Amount"],
    }
    return json.dumps([{"payload": {"ChangeEventHeader": header}}]).encode()


def relay_signed(body: bytes) -> Headers:
    timestamp = str(int(time.time() * 1_000))
    return {
        "X-Relay-Timestamp": timestamp,
        "X-Relay-Signature": _hmac(SECRET, timestamp.encode() + b"." + body).hex(),
    }


QUICKBOOKS = Sender(
    "quickbooks",
    "/webhooks/quickbooks",
    _quickbooks,
    _base64(TOKEN, "intuit-signature"),
    "9341452000000000",
    "quickbooks_webhook_tokens",
)
XERO = Sender(
    "xero",
    "/webhooks/xero",
    _xero,
    _base64(SECRET, "x-xero-signature"),
    "45e4708e-d862-4111-ab3a-dd8cd03913e1",
    "xero_webhook_keys",
)
STRIPE = Sender("stripe", "/webhooks/stripe", _stripe, stripe_signed, "", "stripe_webhook_secrets")
PLAID = Sender("plaid", "/webhooks/plaid", _plaid, plaid_signed, "item-1", "plaid_secret")
OUTBOUND = Sender(
    "salesforce",
    f"/webhooks/salesforce/outbound?token={ORG_TOKEN}",
    _outbound,
    lambda _: {},
    None,
    "salesforce_outbound_tokens",
)
CHANGES = Sender(
    "salesforce",
    "/webhooks/salesforce/changes",
    _changes,
    relay_signed,
    None,
    "salesforce_relay_secrets",
)
SENDERS = (QUICKBOOKS, XERO, STRIPE, PLAID, OUTBOUND, CHANGES)


def secrets(plaid_url: str = "http://127.0.0.1:1") -> Mapping[str, Any]:
    """Settings under which a gateway takes what these senders send."""
    return {
        "quickbooks_webhook_tokens": SecretStr(f"next, {TOKEN}"),
        "xero_webhook_keys": SecretStr(f"next,{SECRET}"),
        "stripe_webhook_secrets": SecretStr(SECRET),
        "plaid_client_id": "client-1",
        "plaid_secret": SecretStr(PLAID_SECRET),
        "plaid_base_url": plaid_url,
        "salesforce_organization": ORGANIZATION,
        "salesforce_outbound_tokens": SecretStr(ORG_TOKEN),
        "salesforce_relay_secrets": SecretStr(SECRET),
    }


@dataclass(slots=True)
class KeyServer:
    """Plaid's endpoint of keys, which knows `key-1` alone. `asked` has the ids, in order. It answers while
    its `gate` is open; `came` is set once it was asked.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list[str])
    status: int = 200
    gate: threading.Event = field(default_factory=threading.Event)
    came: threading.Event = field(default_factory=threading.Event)

    def answer(self, key_id: str) -> tuple[int, object]:
        self.asked.append(key_id)
        self.came.set()
        self.gate.wait(30)
        if self.status != 200:
            return self.status, {"error_type": "API_ERROR", "error_code": "INTERNAL_SERVER_ERROR"}
        if key_id != KEY_ID:
            return 400, {
                "error_type": "INVALID_INPUT",
                "error_code": "INVALID_WEBHOOK_VERIFICATION_KEY_ID",
                "error_message": "invalid key_id provided",
            }
        return 200, {"key": {**_public(), "kid": key_id}, "request_id": "r"}


def _public() -> dict[str, Any]:
    numbers = _PRIVATE.public_key().public_numbers()

    def coordinate(number: int) -> str:
        return base64.urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()

    return {
        "alg": "ES256",
        "crv": "P-256",
        "kty": "EC",
        "use": "sig",
        "created_at": 1_700_000_000,
        "expired_at": None,
        "x": coordinate(numbers.x),
        "y": coordinate(numbers.y),
    }


@contextmanager
def key_server() -> Generator[KeyServer]:
    """A server of keys on a free port, its gate open."""
    state = KeyServer()
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, answer = state.answer(asked["key_id"])
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        state.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
