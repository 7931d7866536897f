"""One sandbox of QuickBooks for the session, emptied before each test; clients of its companies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from integration_pipeline.sandbox.exact_json import dump
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.quickbooks.options import Company, Limits, Options

US, UK, AUTOMATED, MANUAL = "9130350000000001", "9130350000000002", "9130350000000003", "9130350000000004"

OPTIONS = Options(
    admin_key=SecretStr("admin"),
    client_id="client",
    client_secret=SecretStr("secret"),
    webhook_verifier=SecretStr("verifier"),
    limits=Limits.unlimited(),
    companies=(
        Company(
            realm_id=US,
            multicurrency=True,
            exchange_rates={"EUR": Decimal("1.25"), "GBP": Decimal("1.30")},
            custom_fields=("Deal", "Contract"),
        ),
        Company(realm_id=UK, country="GB", home_currency="GBP", tax="global", utc_offset="+00:00"),
        Company(
            realm_id=AUTOMATED, tax="automated", sales_tax_rates={"CA": Decimal("8.25"), "OR": Decimal(0)}
        ),
        Company(realm_id=MANUAL, tax="us"),
    ),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer's status, and its body with amounts as Decimals."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code of the first error."""
        assert self.status == 400, (self.status, self.body)
        return self.body["Fault"]["Error"][0]["code"]

    @property
    def detail(self) -> str:
        return self.body["Fault"]["Error"][0]["Detail"]


class Sandbox:
    """The running sandbox, asked through one connection: making a client takes longer than most tests."""

    def __init__(self, running: VendorProcess, http: httpx.Client) -> None:
        self.base_url = running.base_url
        self._http = http

    def admin(self, method: str, path: str, json: object = None) -> Any:
        answer = self._http.request(
            method,
            f"{self.base_url}/_sandbox{path}",
            content=dump(json),
            headers={"X-Sandbox-Key": OPTIONS.admin_key.get_secret_value()},
        )
        assert not answer.is_error, answer.text
        return answer.json() if answer.content else None


class Api:
    """A logged-in client of one company."""

    def __init__(self, sandbox: Sandbox, http: httpx.Client, realm: str) -> None:
        self.sandbox = sandbox
        self.realm = realm
        self._http = http
        self._url = f"{sandbox.base_url}/v3/company/{realm}"
        self.token: str = sandbox.admin("POST", "/tokens", {"realm": realm})["access_token"]

    def call(self, method: str, path: str, body: object = None, **query: str) -> Answer:
        content = body if isinstance(body, (str, type(None))) else dump(body)
        answer = self._http.request(
            method,
            self._url + path,
            params={"minorversion": "75", **query},
            content=content,
            headers={"Authorization": f"Bearer {self.token}", "Accept": "application/json"},
        )
        kind = answer.headers.get("content-type", "")
        read = json.loads(answer.text, parse_float=Decimal) if "json" in kind else answer.text
        return Answer(answer.status_code, read, answer.headers)

    def post(self, entity: str, body: Mapping[str, object], **query: str) -> Answer:
        """A write that may be refused."""
        return self.call("POST", f"/{entity.lower()}", body, **query)

    def make(self, entity: str, body: Mapping[str, object], **query: str) -> dict[str, Any]:
        """A write that succeeds: the record."""
        answer = self.post(entity, body, **query)
        assert answer.status == 200, answer.body
        return answer.body[entity]

    def read(self, entity: str, identifier: str) -> dict[str, Any]:
        answer = self.call("GET", f"/{entity.lower()}/{identifier}")
        assert answer.status == 200, answer.body
        return answer.body[entity]

    def query(self, text: str) -> dict[str, Any]:
        answer = self.call("GET", "/query", query=text)
        assert answer.status == 200, answer.body
        return answer.body["QueryResponse"]

    def ids(self, text: str) -> list[str]:
        """The ids of a query's records, in their order."""
        answer = self.query(text)
        entity = next((name for name in answer if name not in ("startPosition", "maxResults")), None)
        return [] if entity is None else [record["Id"] for record in answer[entity]]

    def customer(self, name: str = "Acme", **fields: object) -> str:
        """A new customer's id."""
        return self.make("Customer", {"DisplayName": name, **fields})["Id"]

    def invoice(self, customer: str, *amounts: str, **fields: object) -> dict[str, Any]:
        """A new invoice of one line for each amount."""
        return self.make("Invoice", {"CustomerRef": {"value": customer}, "Line": lines(*amounts), **fields})

    def payment(self, customer: str, total: str, *applied: tuple[str, str, str]) -> Answer:
        """A payment; `applied` are (type, id, amount)."""
        return self.post("Payment", payment_body(customer, total, *applied))


def line(amount: str, **detail: object) -> dict[str, object]:
    return {
        "Amount": Decimal(amount),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": "1"}, **detail},
    }


def lines(*amounts: str) -> list[dict[str, object]]:
    return [line(amount) for amount in amounts]


def payment_body(customer: str, total: str, *applied: tuple[str, str, str]) -> dict[str, object]:
    return {
        "CustomerRef": {"value": customer},
        "TotalAmt": total,
        "Line": [
            {"Amount": amount, "LinkedTxn": [{"TxnId": identifier, "TxnType": kind}]}
            for kind, identifier, amount in applied
        ],
    }


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorProcess]:
    with VendorProcess("quickbooks", tmp_path_factory.mktemp("quickbooks"), OPTIONS) as started:
        yield started


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


@pytest.fixture
def sandbox(running: VendorProcess, http: httpx.Client) -> Sandbox:
    """New companies without request limits."""
    asked = Sandbox(running, http)
    asked.admin("POST", "/reset")
    asked.admin("PUT", "/limits", Limits.unlimited().model_dump())
    asked.admin("PUT", "/consent", {"realm": US})
    return asked


Connect = Callable[[str], Api]


@pytest.fixture
def connect(sandbox: Sandbox, http: httpx.Client) -> Connect:
    """A client of the company with a realm id."""
    return lambda realm: Api(sandbox, http, realm)


@pytest.fixture
def api(connect: Connect) -> Api:
    """A client of the company without taxes."""
    return connect(US)


def advance(sandbox: Sandbox, by: timedelta) -> None:
    """Let time pass in the sandbox."""
    sandbox.admin("PUT", "/clock", {"advance_seconds": int(by.total_seconds())})
