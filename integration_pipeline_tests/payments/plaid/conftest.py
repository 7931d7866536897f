"""One Plaid sandbox for the session, a bank in it, and the connector to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.payments.movements import Page
from integration_pipeline.payments.plaid.config import PlaidSettings
from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline.sandbox.plaid.limits import Limits
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.plaid.conftest import OPTIONS, Bank, open_bank
from integration_pipeline_tests.sandbox.plaid.library import CLIENT_ID, SECRET

ROOMY = 1_000_000


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk("plaid", tmp_path_factory.mktemp("plaid"), OPTIONS) as process:
        yield process


@pytest.fixture
def sandbox(running: Desk) -> Desk:
    """No items, no faults, no limits."""
    running.admin("DELETE", "/faults")
    running.admin("POST", "/reset")
    running.admin("PUT", "/sync", {"mutations": 0})
    running.admin("PUT", "/limits", Limits(sync_per_item=None, per_client=None).model_dump())
    return running


@pytest.fixture
def bank(sandbox: Desk) -> Bank:
    return open_bank(sandbox)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


def settings(bank: Bank, **more: Any) -> PlaidSettings:
    """The bank's item, without limits worth mentioning."""
    roomy: dict[str, Any] = {"requests_per_minute": ROOMY, "syncs_per_minute": ROOMY}
    return PlaidSettings(
        client_id=CLIENT_ID,
        secret=SecretStr(SECRET),
        base_url=bank.sandbox.base_url,
        access_token=SecretStr(bank.access_token),
        **{**roomy, **more},
    )


def connect(bank: Bank, **more: Any) -> PlaidSource:
    return PlaidSource(settings(bank, **more), registry=CollectorRegistry())


@pytest.fixture
def source(bank: Bank) -> Iterator[PlaidSource]:
    with connect(bank) as connected:
        yield connected


def read(source: PlaidSource, cursor: str | None = None) -> Page:
    """All that changed since a cursor."""
    [page] = source.changes_since(cursor)
    return page
