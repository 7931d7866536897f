"""One Plaid sandbox for the session, emptied before each test; Plaid's own library, pointed at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from integration_pipeline.sandbox.plaid.app import Options
from integration_pipeline.sandbox.plaid.limits import Limits
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.plaid.library import CLIENT_ID, SECRET, library, model

OPTIONS = Options.model_validate({"admin_key": "admin", "client_id": CLIENT_ID, "secret": SECRET})


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
def client(sandbox: Desk) -> Any:
    return library(sandbox.base_url)


@dataclass(frozen=True, slots=True)
class Bank:
    """One item with one account, and what happens at its bank."""

    sandbox: Desk
    item_id: str
    access_token: str
    account_id: str

    def add(self, *lines: Mapping[str, object], account_id: str | None = None) -> list[Any]:
        """New lines; their transactions."""
        told = [{"date": "2026-11-20", "name": "ACH", **line} for line in lines]
        body = {"item_id": self.item_id, "account_id": account_id, "lines": told}
        return self.sandbox.admin("POST", "/transactions", body)["transactions"]

    def sync(self, client: Any, cursor: str = "", count: int = 500) -> Any:
        """One page by Plaid's library."""
        return client.transactions_sync(
            model("TransactionsSyncRequest", access_token=self.access_token, cursor=cursor, count=count)
        )


@pytest.fixture
def bank(sandbox: Desk) -> Bank:
    return open_bank(sandbox)


def open_bank(sandbox: Desk, **item: object) -> Bank:
    opened = sandbox.admin("POST", "/items", item)
    return Bank(sandbox, opened["item_id"], opened["access_token"], opened["accounts"][0]["account_id"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()
