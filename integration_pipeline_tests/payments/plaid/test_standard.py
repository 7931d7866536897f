"""The Plaid connector and the standard tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.payments.plaid.source import PlaidSource
from integration_pipeline.sandbox.plaid.limits import Limits
from integration_pipeline.transport.metrics import Totals
from integration_pipeline_tests.payments.plaid.conftest import read, settings
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.sandbox.plaid.conftest import OPTIONS, Bank, open_bank
from integration_pipeline_tests.sandbox.plaid.library import SECRET
from integration_pipeline_tests.vendors.rig import Fault, WoundClock
from integration_pipeline_tests.vendors.standard import StandardReading, clock

__all__ = ["clock"]


class PlaidRig:
    """It reads bank lines here. What "unauthorized" is to Plaid is a login that broke."""

    renews = False

    def __init__(self, sandbox: Desk) -> None:
        self._sandbox = sandbox
        self._bank: Bank = open_bank(sandbox)

    @property
    def secrets(self) -> Sequence[str]:
        return (SECRET, self._bank.access_token)

    def reset(self) -> None:
        self._sandbox.admin("DELETE", "/faults")
        self._sandbox.admin("POST", "/reset")
        self._sandbox.admin("PUT", "/limits", Limits(sync_per_item=None, per_client=None).model_dump())
        self._bank = open_bank(self._sandbox)

    def connect(self, clock: WoundClock) -> AbstractContextManager[PlaidSource]:
        return PlaidSource(settings(self._bank), registry=CollectorRegistry(), clock=clock)

    def order(self, fault: Fault, *, times: int | None = None) -> None:
        rule = {"name": "ordered", "path": "/transactions/sync", "fault": fault}
        rule |= {} if times is None else {"times": times}
        self._sandbox.admin("PUT", "/faults", {"seed": 7, "rules": [rule]})

    def totals(self, connector: PlaidSource) -> Totals:
        return connector.metrics.totals()

    def create(self, count: int) -> list[str]:
        return [each["transaction_id"] for each in self._bank.add(*[{"amount": "-5"}] * count)]

    def read_one(self, connector: PlaidSource, external_id: str) -> str:
        [found] = [each for each in read(connector).movements if each.external_id == external_id]
        return found.external_id


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlaidRig]:
    with desk("plaid", tmp_path_factory.mktemp("plaid"), OPTIONS) as sandbox:
        yield PlaidRig(sandbox)


@pytest.fixture
def rig(running: PlaidRig) -> PlaidRig:
    running.reset()
    return running


class TestReading(StandardReading[PlaidSource]):
    pass
