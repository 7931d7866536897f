"""A vendor, a database and a keyring, and an account that is connected already."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from integration_pipeline.credentials import (
    Connections,
    Keyring,
    Timing,
    Vendor,
    VendorOAuth,
    new_key,
    storage,
)
from integration_pipeline.credentials.rows import first_token_set
from integration_pipeline.credentials.tokens import Granted
from integration_pipeline_tests.credentials.vendor import QUICKBOOKS, REALM, TENANTS, XERO, Clock, FakeVendor


@dataclass(frozen=True, slots=True)
class Rig:
    """One vendor with connected accounts: QuickBooks' realm, or Xero's two tenants on one token set."""

    vendor: FakeVendor
    engine: Engine
    keys: Keyring
    key_text: SecretStr
    clock: Clock
    accounts: tuple[str, ...]

    @property
    def name(self) -> Vendor:
        return self.vendor.oauth.vendor

    @property
    def account(self) -> str:
        return self.accounts[0]

    def connections(self, timing: Timing | None = None) -> Connections:
        """What another process would have."""
        return Connections(
            self.engine,
            self.keys,
            [self.vendor.app],
            timing=timing,
            now=self.clock.now,
            sleep=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
        )

    def value(self, statement: str) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(text(statement)).scalar_one()

    def events(self) -> list[str]:
        with self.engine.connect() as connection:
            found = connection.execute(text("SELECT event FROM ops.connection_log ORDER BY id"))
            return list(found.scalars())

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))


def connected(vendor: FakeVendor, engine: Engine, clock: Clock) -> Rig:
    key_text = new_key()
    keys = Keyring.parse(key_text)
    access, refresh = vendor.consented()
    named = {REALM: "Craig's Design"} if vendor.oauth is QUICKBOOKS else TENANTS
    granted = Granted(
        SecretStr(access),
        SecretStr(refresh),
        timedelta(seconds=vendor.expires_in),
        vendor.oauth.refresh_lifetime,
        None,
        "",
    )
    row = first_token_set(uuid4(), vendor.app, granted, SecretStr(refresh), keys, clock.now())
    with engine.begin() as connection:
        storage.add(connection, row)
        for account, name in named.items():
            storage.connect(connection, row.id, vendor.oauth.vendor, account, name, f"connection-{account}")
    return Rig(vendor, engine, keys, key_text, clock, tuple(named))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rig_of(engine: Engine, clock: Clock) -> Iterator[Callable[..., Rig]]:
    vendors: list[FakeVendor] = []

    def make(oauth: VendorOAuth, *, rotates: bool = True) -> Rig:
        vendors.append(FakeVendor(oauth, clock, rotates=rotates))
        return connected(vendors[-1], engine, clock)

    yield make
    for vendor in vendors:
        vendor.close()


@pytest.fixture(params=[QUICKBOOKS, XERO], ids=lambda oauth: oauth.vendor.value)
def rig(request: pytest.FixtureRequest, rig_of: Callable[..., Rig]) -> Rig:
    """Each vendor in turn, with a refresh token that changes at every renewal."""
    return rig_of(request.param)


@pytest.fixture
def quickbooks(rig_of: Callable[..., Rig]) -> Rig:
    return rig_of(QUICKBOOKS)


@pytest.fixture
def xero(rig_of: Callable[..., Rig]) -> Rig:
    return rig_of(XERO)
