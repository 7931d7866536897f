"""Connections to the sandboxes of both vendors, whose rules of sign-in were written by others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import Engine

from integration_pipeline.credentials import (
    QUICKBOOKS,
    XERO,
    BrokenConnection,
    ConnectionAuth,
    Connections,
    Keyring,
    NotConnected,
    OAuthApp,
    Vendor,
    new_key,
)
from integration_pipeline.credentials.connecting import check, connect, disconnect
from integration_pipeline.credentials.consent import read_callback, request_consent
from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline.sandbox.quickbooks import options as quickbooks_options
from integration_pipeline.sandbox.xero import options as xero_options
from integration_pipeline.transport.client import VendorClient
from integration_pipeline_tests.credentials.vendor import Clock

SECRET = SecretStr("an-app-secret")
ADMIN = SecretStr("admin")
REALM = "9130350000000001"
FIRST, SECOND = "11111111-2222-4333-8444-555555555555", "99999999-2222-4333-8444-555555555555"
BACK = "http://localhost:8801/callback"

QUICKBOOKS_OPTIONS = quickbooks_options.Options(
    admin_key=ADMIN,
    client_secret=SECRET,
    webhook_verifier=SecretStr("verifier"),
    companies=(quickbooks_options.Company(realm_id=REALM, name="Craig's Design"),),
    limits=quickbooks_options.Limits.unlimited(),
    # The strictest day: each renewal changes the refresh token.
    lifetimes=quickbooks_options.Lifetimes(refresh_value=0),
)
XERO_OPTIONS = xero_options.Options(
    admin_key=ADMIN,
    apps=(xero_options.App(client_id="sandbox-client", client_secret=SECRET),),
    tenants=(
        xero_options.Tenant(id=FIRST, name="Kiwi Software"),
        xero_options.Tenant(id=SECOND, name="Second Books", country="GB", base_currency="GBP"),
    ),
    limits=xero_options.Limits.unlimited(),
)


@dataclass(frozen=True, slots=True)
class Office:
    """A sandbox, and our connections to it, on one clock."""

    sandbox: VendorProcess
    app: OAuthApp
    clock: Clock
    connections: Callable[[], Connections]
    account: str
    token_path: str
    """Of the token endpoint."""
    some_path: str
    """Something that can be read with a token."""

    @property
    def vendor(self) -> Vendor:
        return self.app.vendor

    def passes(self, span: timedelta) -> None:
        """Time, here and at the vendor."""
        self.clock.advance(span)
        self.sandbox.admin("PUT", "/clock", {"advance_seconds": str(int(span.total_seconds()))})

    def meets(self, kind: str, *, times: int = 1) -> None:
        """The next renewals meet a fault."""
        rule = {"name": kind, "path": self.token_path, "times": times, "fault": {"kind": kind}}
        self.sandbox.admin("PUT", "/faults", {"rules": [rule]})

    def renewals(self) -> int:
        """How often the token endpoint was asked since the consent."""
        requests: list[dict[str, Any]] = self.sandbox.admin("GET", "/requests")["requests"]
        return sum(request["path"] == self.token_path for request in requests)

    def client(self) -> VendorClient:
        return VendorClient(
            self.vendor.value,
            self.sandbox.base_url,
            auth=ConnectionAuth(self.connections(), self.vendor, self.account),
            headers={"xero-tenant-id": self.account} if self.vendor is Vendor.XERO else None,
            registry=CollectorRegistry(),
        )

    def consent(self) -> None:
        """What a person and a browser do."""
        connections = self.connections()
        keys, now = connections.refresher.keys, self.clock.now()
        asked = request_consent(self.app, keys, BACK, now)
        redirected = httpx.get(asked.url).headers["location"]
        connect(connections, self.vendor, read_callback(self.app, keys, redirected, now))


@pytest.fixture(scope="module", params=["quickbooks", "xero"])
def sandbox(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VendorProcess]:
    folder: Path = tmp_path_factory.mktemp(request.param)
    options = QUICKBOOKS_OPTIONS if request.param == "quickbooks" else XERO_OPTIONS
    with VendorProcess(request.param, folder, options) as running:
        yield running


@pytest.fixture
def office(
    sandbox: VendorProcess, engine: Engine, clock: Clock, request: pytest.FixtureRequest
) -> Iterator[Office]:
    """Connected a moment ago."""
    base = sandbox.base_url
    quickbooks = request.node.callspec.params["sandbox"] == "quickbooks"
    if quickbooks:
        app = OAuthApp(QUICKBOOKS, "sandbox-client", SECRET).at(
            authorize=f"{base}/connect/oauth2",
            token=f"{base}/oauth2/v1/tokens/bearer",
            revoke=f"{base}/v2/oauth2/tokens/revoke",
            api=base,
        )
    else:
        app = OAuthApp(XERO, "sandbox-client", SECRET).at(
            authorize=f"{base}/identity/connect/authorize",
            token=f"{base}/connect/token",
            revoke=f"{base}/connect/revocation",
            api=base,
        )
    keys = Keyring.parse(new_key())
    made = Office(
        sandbox,
        app,
        clock,
        lambda: Connections(engine, keys, [app], now=clock.now, sleep=lambda _: None),
        REALM if quickbooks else FIRST,
        "/oauth2/v1/tokens/bearer" if quickbooks else "/connect/token",
        f"/v3/company/{REALM}/companyinfo/{REALM}" if quickbooks else "/api.xro/2.0/Organisation",
    )
    sandbox.admin("DELETE", "/faults")
    made.consent()
    sandbox.admin("PUT", "/requests", {"on": True})
    yield made
    sandbox.admin("DELETE", "/faults")


def test_consent_connects_what_the_person_chose(office: Office) -> None:
    named = {row.account: row.name for row in office.connections().every()}

    quickbooks = office.vendor is Vendor.QUICKBOOKS
    assert named == (
        {REALM: "Craig's Design"} if quickbooks else {FIRST: "Kiwi Software", SECOND: "Second Books"}
    )


def test_a_connection_is_read_through_for_days(office: Office) -> None:
    with office.client() as client:
        for _ in range(6):
            assert client.read("GET", office.some_path, operation="some").status == 200
            office.passes(timedelta(hours=13))

    assert office.renewals() == 5


def test_threads_and_clients_that_meet_an_expired_token_renew_it_once(office: Office) -> None:
    office.passes(timedelta(hours=2))
    start = threading.Barrier(6)

    def call(_: int) -> int:
        with office.client() as client:  # each as another process would have it
            start.wait()
            return client.read("GET", office.some_path, operation="some").status

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(call, range(6))) == [200] * 6
    assert office.renewals() == 1


def test_a_token_refused_before_its_time_is_renewed_unnoticed(office: Office) -> None:
    rule = {"name": "early", "path": office.some_path, "times": 1, "fault": {"kind": "unauthorized"}}
    office.sandbox.admin("PUT", "/faults", {"rules": [rule]})

    with office.client() as client:
        assert client.read("GET", office.some_path, operation="some").status == 200
    assert office.renewals() == 1


@pytest.mark.parametrize("kind", ["drop_before", "throttle"])
def test_trouble_of_the_token_endpoint_is_overcome(office: Office, kind: str) -> None:
    office.passes(timedelta(hours=2))
    office.meets(kind)

    office.connections().access_token(office.vendor, office.account)


@pytest.mark.parametrize("kind", ["drop_after", "garbage"])
def test_a_lost_answer_is_made_good_by_xero_and_ends_quickbooks_with_word_of_it(
    office: Office, kind: str
) -> None:
    office.passes(timedelta(hours=2))
    office.meets(kind)

    if office.vendor is Vendor.XERO:
        token = office.connections().access_token(office.vendor, office.account)
        assert office.connections().access_token(office.vendor, office.account) == token
        assert office.renewals() == 2
        return
    with pytest.raises(BrokenConnection, match="integration-pipeline connect quickbooks"):
        office.connections().access_token(office.vendor, office.account)
    office.consent()
    assert check(office.connections(), office.connections().every()[0]) == "Craig's Design"


def test_disconnecting_ends_it_at_the_vendor(office: Office) -> None:
    token = office.connections().access_token(office.vendor, office.account)
    for row in office.connections().every():
        disconnect(office.connections(), row)

    with pytest.raises(NotConnected):
        office.connections().access_token(office.vendor, office.account)
    headers = {"Authorization": f"Bearer {token.get_secret_value()}", "xero-tenant-id": office.account}
    assert httpx.get(f"{office.sandbox.base_url}{office.some_path}", headers=headers).status_code in (
        401,
        403,
    )
