"""The Stripe connector and the standard tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager

import pytest
from prometheus_client import CollectorRegistry

from integration_pipeline.payments.stripe.source import StripeSource
from integration_pipeline.payments.stripe.webhooks import read_events
from integration_pipeline.sandbox.stripe.limits import Limits
from integration_pipeline.transport.json_types import dump_json
from integration_pipeline.transport.metrics import Totals
from integration_pipeline_tests.payments.stripe.conftest import settings
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.sandbox.stripe.conftest import KEY, OPTIONS
from integration_pipeline_tests.vendors.rig import Fault, WoundClock
from integration_pipeline_tests.vendors.standard import StandardReading, clock

__all__ = ["clock"]


class StripeRig:
    """It reads charges here."""

    renews = False
    secrets: Sequence[str] = (KEY,)

    def __init__(self, sandbox: Desk) -> None:
        self._sandbox = sandbox

    def reset(self) -> None:
        self._sandbox.admin("DELETE", "/faults")
        self._sandbox.admin("POST", "/reset")
        self._sandbox.admin("PUT", "/limits", Limits.unlimited().model_dump())

    def connect(self, clock: WoundClock) -> AbstractContextManager[StripeSource]:
        return StripeSource(settings(self._sandbox.base_url), registry=CollectorRegistry(), clock=clock)

    def order(self, fault: Fault, *, times: int | None = None) -> None:
        rule = {"name": "ordered", "path": "/v1/charges*", "fault": fault}
        rule |= {} if times is None else {"times": times}
        self._sandbox.admin("PUT", "/faults", {"seed": 7, "rules": [rule]})

    def totals(self, connector: StripeSource) -> Totals:
        return connector.metrics.totals()

    def create(self, count: int) -> list[str]:
        return [self._sandbox.admin("POST", "/payments", {"amount": 500})["id"] for _ in range(count)]

    def read_one(self, connector: StripeSource, external_id: str) -> str:
        told = {
            "id": "evt_1",
            "object": "event",
            "type": "charge.succeeded",
            "created": 1,
            "data": {"object": {"id": external_id}},
        }
        [event] = read_events(dump_json(told))
        [payment] = connector.fetch(event).movements
        return payment.external_id


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StripeRig]:
    with desk("stripe", tmp_path_factory.mktemp("stripe"), OPTIONS) as sandbox:
        yield StripeRig(sandbox)


@pytest.fixture
def rig(running: StripeRig) -> StripeRig:
    running.reset()
    return running


class TestReading(StandardReading[StripeSource]):
    pass
