"""One Xero sandbox for the session, emptied before each test, and a client whose answers are held against
Xero's published document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

import httpx
import pytest

from integration_pipeline.sandbox.exact_json import dump, parse
from integration_pipeline.sandbox.frame import ADMIN_KEY_HEADER
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.xero.app import Options
from integration_pipeline.sandbox.xero.options import App, Limits, Tenant
from integration_pipeline_tests.vendors.openapi import Document, vendor_spec

ROOT = "/api.xro/2.0"
TENANT = "11111111-2222-4333-8444-555555555555"
OTHER_TENANT = "99999999-2222-4333-8444-555555555555"
KEY = "a-webhook-key"

OPTIONS = Options.model_validate(
    {
        "admin_key": "admin",
        "apps": [
            App.model_validate({"client_id": "web", "client_secret": "web-secret"}),
            App.model_validate({"client_id": "own", "client_secret": "own-secret", "organisation": TENANT}),
            App.model_validate(
                {
                    "client_id": "strict",
                    "client_secret": "strict-secret",
                    "redirect_uris": ["https://books.example/callback"],
                }
            ),
        ],
        "tenants": [
            Tenant(
                id=TENANT,
                name="Kiwi Software",
                currencies=("USD",),
                rates={"USD": Decimal("0.5")},
            ),
            Tenant(id=OTHER_TENANT, name="Second Books", country="GB", base_currency="GBP"),
        ],
        "webhook_key": KEY,
        "limits": Limits.unlimited(),
    }
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` has exact decimals where the answer has numbers."""

    status: int
    body: Any
    headers: httpx.Headers

    def one(self, plural: str) -> Json:
        """The only element of a successful answer."""
        assert self.status == 200, self.body
        (element,) = self.body[plural]
        return element

    @property
    def messages(self) -> list[str]:
        """The validation errors of a 400 with one bad element."""
        assert self.status == 400, self.body
        (element,) = self.body["Elements"]
        return [error["Message"] for error in element["ValidationErrors"]]


class Api:
    """Calls of one signed-in app at one organisation."""

    def __init__(self, client: httpx.Client, token: str, tenant: str, document: Document | None) -> None:
        self.headers = {
            "Authorization": f"Bearer {token}",
            "xero-tenant-id": tenant,
            "Accept": "application/json",
        }
        self._client = client
        self._document = document

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: dict[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        """`headers` with underscores for dashes. Asserts that the answer is one of Xero's document."""
        answer = self._client.request(
            method,
            ROOT + path,
            params=query,
            content=dump(body) if body is not None else None,
            headers={**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}},
        )
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        read = parse(answer.content) if is_json else answer.text
        if self._document is not None and answer.status_code == 200:
            problems = self._document.response_problems(method, path, 200, _sample(cast("Json", read)))
            problems = [problem for problem in problems if "not in the document" not in problem]
            assert not problems
        return Answer(answer.status_code, read, answer.headers)

    def get(self, path: str, **query: str) -> Answer:
        return self.call("GET", path, query=query)

    def put(self, plural: str, *elements: Json, path: str = "", **query: str) -> Answer:
        return self.call("PUT", path or f"/{plural}", {plural: list(elements)}, query=query)

    def post(self, plural: str, *elements: Json, path: str = "", **query: str) -> Answer:
        return self.call("POST", path or f"/{plural}", {plural: list(elements)}, query=query)

    def invoice(self, **fields: object) -> Json:
        """Create an approved invoice, as `sale` with `fields`."""
        return self.put("Invoices", sale(**fields)).one("Invoices")

    def credit_note(self, **fields: object) -> Json:
        """Create an approved credit note of the same contact."""
        element = sale(**{"Type": "ACCRECCREDIT", **fields})
        return self.put("CreditNotes", element).one("CreditNotes")


def _sample(body: Json) -> Json:
    """An answer with the first few of many elements: looking at all of a thousand takes seconds."""
    return {
        name: cast("list[Json]", value)[:5] if isinstance(value, list) else value
        for name, value in body.items()
    }


def line(amount: str = "100.00", **fields: object) -> Json:
    return {
        "Description": "Seats",
        "Quantity": 1,
        "UnitAmount": Decimal(amount),
        "AccountCode": "200",
        "TaxType": "NONE",
        **fields,
    }


def sale(**fields: object) -> Json:
    """An approved sale over 100.00 without tax."""
    return {
        "Type": "ACCREC",
        "Contact": {"Name": "Acme"},
        "Date": "2026-11-20",
        "DueDate": "2026-12-20",
        "Status": "AUTHORISED",
        "LineItems": [line()],
        **fields,
    }


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorProcess]:
    with VendorProcess("xero", tmp_path_factory.mktemp("xero"), OPTIONS) as running:
        yield running


@pytest.fixture(scope="session")
def connection(sandbox: VendorProcess) -> Iterator[httpx.Client]:
    # One for the session: making a client takes longer than most tests here.
    with httpx.Client(base_url=sandbox.base_url) as connected:
        yield connected


@pytest.fixture(scope="session")
def document() -> Document | None:
    """Xero's document, where it is at hand."""
    try:
        return Document.of(vendor_spec("xero/xero_accounting.yaml"))
    except pytest.skip.Exception:
        return None


Admin = Callable[..., Any]


@pytest.fixture(scope="session")
def admin(connection: httpx.Client) -> Admin:
    """Call `/_sandbox{path}` over the connection that is there; the parsed answer."""

    def admin(method: str, path: str, body: object = None) -> Any:
        headers = {ADMIN_KEY_HEADER: OPTIONS.admin_key.get_secret_value()}
        answer = connection.request(method, f"/_sandbox{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return parse(answer.content) if answer.content else None

    return admin


@pytest.fixture
def client(admin: Admin, connection: httpx.Client) -> httpx.Client:
    """A client of new organisations, nobody signed in, no limits, no faults."""
    admin("POST", "/reset")
    admin("PUT", "/limits", Limits.unlimited().model_dump())
    admin("DELETE", "/faults")
    return connection


@pytest.fixture
def api(admin: Admin, client: httpx.Client, document: Document | None) -> Api:
    """Signed in as the app `web`."""
    issued = admin("POST", "/connect", {"client_id": "web"})
    return Api(client, issued["access_token"], TENANT, document)
