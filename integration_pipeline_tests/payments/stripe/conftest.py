"""One Stripe sandbox for the session, and the connector to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import stripe
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from integration_pipeline.payments.movements import Movement, Page
from integration_pipeline.payments.stripe.config import StripeSettings
from integration_pipeline.payments.stripe.source import StripeSource
from integration_pipeline.sandbox.stripe.limits import Limits
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.sandbox.stripe.conftest import KEY, OPTIONS, library

ROOMY = 1_000_000
Pay = Callable[..., Any]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk("stripe", tmp_path_factory.mktemp("stripe"), OPTIONS) as process:
        yield process


@pytest.fixture
def sandbox(running: Desk) -> Desk:
    """An empty account without faults and limits."""
    running.admin("DELETE", "/faults")
    running.admin("POST", "/reset")
    running.admin("PUT", "/limits", Limits.unlimited().model_dump())
    return running


@pytest.fixture
def client(sandbox: Desk) -> stripe.StripeClient:
    return library(sandbox.base_url)


@pytest.fixture
def pay(sandbox: Desk) -> Pay:
    """Have a payment succeed; the charge."""

    def pay(amount: int = 5_000, **more: object) -> Any:
        return sandbox.admin("POST", "/payments", {"amount": amount, **more})

    return pay


def settings(base_url: str, **more: Any) -> StripeSettings:
    """The sandbox's account, without limits worth mentioning."""
    roomy: dict[str, Any] = {"requests_per_second": ROOMY, "requests_per_second_and_resource": ROOMY}
    return StripeSettings(api_key=SecretStr(KEY), base_url=base_url, **{**roomy, **more})


@pytest.fixture
def source(sandbox: Desk) -> Iterator[StripeSource]:
    with StripeSource(settings(sandbox.base_url), registry=CollectorRegistry()) as connected:
        yield connected


def read(source: StripeSource, cursor: str | None = None) -> tuple[list[Movement], str]:
    """All movements since a cursor as a caller keeps them, and the cursor after them."""
    pages = list(source.changes_since(cursor))
    assert pages[-1].cursor is not None
    return kept(pages), pages[-1].cursor


def kept(pages: list[Page]) -> list[Movement]:
    """Each movement once, as it was told last; a group that was known stays."""
    known: dict[tuple[str, str], Movement] = {}
    for told in (each for page in pages for each in page.movements):
        key = (told.kind.value, told.external_id)
        before = known.get(key)
        group = told.group or (before.group if before else None)
        known[key] = replace(told, group=group)
    return list(known.values())
