"""A Salesforce org for the session, emptied before each test, and connectors to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.crm.salesforce.config import SalesforceSettings
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline_tests.vendors.rig import WoundClock

KEY, SECRET, USER = "3MVG9connector", "consumer-secret-of-the-connector", "integration@acme.example"
ADMIN_KEY = "key-of-the-sandbox"
WON: Mapping[str, Any] = {"StageName": "Closed Won", "CloseDate": "2026-03-10"}


class Org:
    """The org behind the connector, worked in as its users and other apps would."""

    def __init__(self, base_url: str, http: httpx.Client) -> None:
        self.base_url = base_url
        self.http = http

    def log_in(self) -> None:
        token = self.http.post(
            f"{self.base_url}/services/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(KEY, SECRET),
        ).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def admin(self, method: str, path: str, body: object = None) -> Any:
        """What the sandbox's own endpoints answer."""
        headers = {"X-Sandbox-Key": ADMIN_KEY}
        answer = self.http.request(method, f"{self.base_url}/_sandbox{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def create(self, kind: str, **fields: object) -> str:
        return self._ask("POST", f"/sobjects/{kind}", fields)["id"]

    def create_many(self, kind: str, records: Sequence[Mapping[str, object]]) -> list[str]:
        ids: list[str] = []
        for start in range(0, len(records), 200):
            some = [{"attributes": {"type": kind}, **each} for each in records[start : start + 200]]
            results = self._ask("POST", "/composite/sobjects", {"records": some})
            assert all(each["success"] for each in results), results
            ids += [each["id"] for each in results]
        return ids

    def deal(self, **fields: object) -> str:
        return self.create("Opportunity", **{"Name": "Acme licences", **WON, **fields})

    def line_item(self, deal: str, name: str = "Seats", **fields: object) -> str:
        """A product in the standard price book, and so many of it on the deal."""
        book = self._ask("GET", "/query?q=SELECT Id FROM Pricebook2")["records"][0]["Id"]
        product = self.create("Product2", Name=name, ProductCode=name.upper(), IsActive=True)
        entry = self.create(
            "PricebookEntry", Pricebook2Id=book, Product2Id=product, UnitPrice=Decimal(1), IsActive=True
        )
        given = {"Quantity": 1, "UnitPrice": 10, **fields}
        return self.create("OpportunityLineItem", OpportunityId=deal, PricebookEntryId=entry, **given)

    def update(self, kind: str, identifier: str, **fields: object) -> None:
        self._ask("PATCH", f"/sobjects/{kind}/{identifier}", fields)

    def delete(self, kind: str, identifier: str) -> None:
        self._ask("DELETE", f"/sobjects/{kind}/{identifier}")

    def get(self, kind: str, identifier: str) -> dict[str, Any]:
        return self._ask("GET", f"/sobjects/{kind}/{identifier}")

    def define(self, **field: object) -> None:
        self.define_all([field])

    def define_all(self, fields: Sequence[Mapping[str, object]]) -> None:
        self.admin("POST", "/fields", {"fields": [*fields]})

    def fault(self, **rule: object) -> None:
        self.admin("PUT", "/faults", {"rules": [{"name": "fault", **rule}]})

    def wait(self, seconds: int) -> None:
        """Let time pass in the org."""
        self.admin("PUT", "/clock", {"advance_seconds": seconds})

    def until_delivered(self, name: str, count: int) -> None:
        """Until so many pushes were answered; their retries are planned by then."""
        deadline = time.monotonic() + 30
        while len(self.admin("GET", f"/{name}/deliveries")["deliveries"]) < count:
            assert time.monotonic() < deadline, f"less than {count} deliveries of {name}"

    def now(self) -> datetime:
        """The org's time, which tests move on."""
        return datetime.fromisoformat(self.admin("GET", "/clock")["now"])

    def requests(self) -> list[dict[str, Any]]:
        """What the org was asked since `watch`."""
        return self.admin("GET", "/requests")["requests"]

    def watch(self) -> None:
        self.admin("PUT", "/requests", {"on": True})

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        content = None if body is None else _dumped(body)
        answer = self.http.request(
            method, path, content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}


def _dumped(body: object) -> bytes:
    return json.dumps(body, default=str).encode()


class KeyPair:
    """The private key a connector signs with, and the public one its org knows; both PEM."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.public = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


@pytest.fixture(scope="session")
def key_pair() -> KeyPair:
    return KeyPair()


class Orgs:
    """Orgs by the time they live in, each started when it is first wanted."""

    def __init__(self, folder: Path, public_key: str) -> None:
        self._folder = folder
        self._options = Options(
            admin_key=SecretStr(ADMIN_KEY),
            consumer_key=KEY,
            consumer_secret=SecretStr(SECRET),
            username=USER,
            public_key=public_key,
            currencies=("USD", "EUR"),
            bulk_seconds=Decimal(0),
        )
        self._running = ExitStack()
        self._orgs: dict[str, Org] = {}

    def close(self) -> None:
        self._running.close()

    def of(self, name: str) -> Org:
        """An empty org without faults, of which nothing is recorded."""
        if name not in self._orgs:
            sandbox = self._running.enter_context(
                VendorProcess("salesforce", self._folder / name, self._options)
            )
            # One client for the session: making one takes longer than most tests here.
            http = httpx.Client(base_url=f"{sandbox.base_url}/services/data/v67.0", timeout=30)
            self._orgs[name] = Org(sandbox.base_url, self._running.enter_context(http))
        org = self._orgs[name]
        org.admin("POST", "/reset")
        org.admin("DELETE", "/faults")
        org.admin("PUT", "/requests", {"on": False})
        org.log_in()
        return org


@pytest.fixture(scope="session")
def orgs(tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair) -> Iterator[Orgs]:
    started = Orgs(tmp_path_factory.mktemp("salesforce"), key_pair.public)
    yield started
    started.close()


@pytest.fixture
def org(request: pytest.FixtureRequest, orgs: Orgs) -> Org:
    """Modules that are `AHEAD_OF_TIME` share an org whose clock they move on: what is stamped there is of
    the future, and nobody bills that.
    """
    # pytest has no type for it.
    module = cast("object", request.module)  # pyright: ignore[reportUnknownMemberType]
    return orgs.of("ahead" if getattr(module, "AHEAD_OF_TIME", False) else "present")


Connect = Callable[..., SalesforceSource]


@pytest.fixture
def connect(org: Org) -> Iterator[Connect]:
    """Make a connector to the org: settings by name; it never really waits."""
    opened: list[SalesforceSource] = []

    def connect(clock: WoundClock | None = None, **settings: object) -> SalesforceSource:
        values = {
            "base_url": org.base_url,
            "consumer_key": KEY,
            "consumer_secret": SecretStr(SECRET),
            **settings,
        }
        opened.append(
            SalesforceSource(
                SalesforceSettings.model_validate(values),
                registry=CollectorRegistry(),
                clock=clock or WoundClock(),
            )
        )
        return opened[-1]

    yield connect
    for source in opened:
        source.close()


@pytest.fixture
def source(connect: Connect) -> SalesforceSource:
    return connect()


def read(source: SalesforceSource, kind: ObjectType, *properties: str, since: Any = None) -> list[CrmRecord]:
    """Everything `changed_since` gives, in order."""
    return [each for records in source.changed_since(kind, since, properties) for each in records]
