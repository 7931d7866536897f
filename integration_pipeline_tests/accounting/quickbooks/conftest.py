"""One sandbox of QuickBooks for the session, new companies before each test, and connectors to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline.accounting.target import OutgoingCustomer, RemoteCustomer
from integration_pipeline.sandbox.quickbooks.options import Company, Limits, Options
from integration_pipeline.transport.auth import BearerAuth
from integration_pipeline_tests.accounting.quickbooks import schemas
from integration_pipeline_tests.accounting.quickbooks.outgoing import customer
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.vendors.rig import WoundClock
from integration_pipeline_tests.vendors.xsd import specs_folder

PLAIN, UK, AUTOMATED, BY_CODE = (f"913035000000000{place}" for place in (1, 2, 3, 4))
UNLIMITED = Limits.unlimited().model_dump()
VERIFIER = "verifier-5ecre7"

OPTIONS = Options(
    admin_key=SecretStr("admin"),
    client_secret=SecretStr("secret"),
    webhook_verifier=SecretStr(VERIFIER),
    limits=Limits.unlimited(),
    companies=(
        Company(realm_id=PLAIN, multicurrency=True, exchange_rates={"EUR": Decimal("1.25")}),
        Company(realm_id=UK, country="GB", home_currency="GBP", tax="global", utc_offset="+00:00"),
        Company(realm_id=AUTOMATED, tax="automated", sales_tax_rates={"CA": Decimal("8.25")}),
        Company(realm_id=BY_CODE, tax="us"),
    ),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One the sandbox got: the last segment of its path, its text, and its JSON with numbers as Decimals."""

    method: str
    segment: str
    query: Mapping[str, str]
    text: str
    json: Any

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Request:
        text = recorded["body"]
        return cls(
            method=recorded["method"],
            segment=recorded["path"].rpartition("/")[2],
            query={name: values[0] for name, values in parse_qs(recorded["query"]).items()},
            text=text,
            json=json.loads(text, parse_float=Decimal, parse_int=Decimal) if text else None,
        )


class Books:
    """One company in the sandbox, seen from outside of the connector, and connectors to it.

    `items` are those seeded: revenue on invoice, and deferred, on a liability account.
    """

    def __init__(self, sandbox: Desk, realm: str, opened: ExitStack) -> None:
        self.sandbox = sandbox
        self.realm = realm
        self.token: str = sandbox.admin("POST", "/tokens", {"realm": realm})["access_token"]
        self._opened = opened
        self.deferred: str = self.seed("Item", {"Name": "Subscription", "IncomeAccountRef": {"value": "7"}})

    def seed(self, entity: str, *bodies: dict[str, Any]) -> str:
        """Records made by a person; the id of the last."""
        answer = self.sandbox.admin("POST", "/seed", {"realm": self.realm, "records": {entity: bodies}})
        return answer["ids"][entity][-1]

    def edit(self, entity: str, identifier: str, operation: str = "update", **change: Any) -> None:
        """A person edits, voids or deletes a document."""
        body = {"realm": self.realm, "entity": entity, "id": identifier, "operation": operation}
        self.sandbox.admin("POST", "/edit", {**body, "change": change})

    def prefer(self, **preferences: Any) -> None:
        """Change the company's preferences."""
        self.sandbox.admin("PUT", f"/companies/{self.realm}", preferences)

    def fault(self, path: str, times: int = 1, **fault: Any) -> None:
        """Calls to this path meet a fault."""
        rule = {"name": "ordered", "path": f"/v3/company/*/{path}", "times": times, "fault": fault}
        self.sandbox.admin("PUT", "/faults", {"seed": 7, "rules": [rule]})

    @contextmanager
    def requests(self) -> Generator[list[Request]]:
        """Those that come within the block, once it has ended."""
        before = len(self.sandbox.admin("GET", "/requests")["requests"])
        came: list[Request] = []
        yield came
        came += [Request.of(each) for each in self.sandbox.admin("GET", "/requests")["requests"][before:]]

    def totals(self, entity: str) -> tuple[int, Decimal]:
        """How many there are and their sum, over all currencies."""
        rows = [
            row
            for row in self.sandbox.admin("GET", "/totals")["totals"]
            if row["realm"] == self.realm and row["entity"] == entity
        ]
        return sum(row["count"] for row in rows), sum((Decimal(row["sum"]) for row in rows), Decimal(0))

    def config(self, **settings: Any) -> QuickBooksConfig:
        return QuickBooksConfig.model_validate(
            {
                "name": "books",
                "vendor": "quickbooks",
                "account": self.realm,
                "entities": ["us"],
                "since": "2026-01-01",
                "base_url": self.sandbox.base_url,
                "items": {"on_invoice": "1", "deferred": self.deferred},
                **settings,
            }
        )

    def target(self, **settings: Any) -> QuickBooksTarget:
        """A connector without retries; it waits by a clock that only sleeping moves."""
        return self._opened.enter_context(
            QuickBooksTarget(
                self.config(**settings),
                auth=BearerAuth(SecretStr(self.token)),
                clock=WoundClock(),
                registry=CollectorRegistry(),
            )
        )

    def customer(self, target: QuickBooksTarget, **facts: Any) -> str:
        """A new customer's id."""
        given: OutgoingCustomer = customer(**facts)
        [created] = target.create_customers([given])
        assert isinstance(created, RemoteCustomer), created
        return created.remote_id


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk("quickbooks", tmp_path_factory.mktemp("quickbooks"), OPTIONS) as started:
        yield started


Open = Callable[[str], Books]


@pytest.fixture
def open_books(running: Desk) -> Iterator[Open]:
    """The books of a realm; all companies are new. What was sent must be what Intuit's schemas know."""
    running.admin("DELETE", "/faults")
    running.admin("POST", "/reset")
    running.admin("PUT", "/limits", UNLIMITED)
    running.admin("PUT", "/requests", {"on": True})
    running.admin("DELETE", "/requests")
    with ExitStack() as opened:
        yield lambda realm: Books(running, realm, opened)
    if specs_folder("intuit").is_dir():
        assert schemas.problems(running.admin("GET", "/requests")["requests"], specs_folder("intuit")) == []


@pytest.fixture
def books(open_books: Open) -> Books:
    """The company without taxes, with euros beside its dollars."""
    return open_books(PLAIN)
