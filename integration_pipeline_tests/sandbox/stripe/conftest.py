"""One Stripe sandbox for the session, emptied before each test; Stripe's own library, pointed at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from integration_pipeline.sandbox.stripe.app import Options
from integration_pipeline.sandbox.stripe.limits import Limits
from integration_pipeline_tests.sandbox.desk import Desk, desk
from integration_pipeline_tests.sandbox.notifications.receiver import Receiver

KEY = "sk_test_51SandboxSecretKey"
READER = "rk_test_51SandboxReaderKey"
SECRET = "whsec_first"

OPTIONS = Options.model_validate(
    {
        "admin_key": "admin",
        "keys": {"secret": [KEY], "restricted": [{"key": READER, "permissions": {"charge": "read"}}]},
        "webhook_secrets": [SECRET],
        "limits": Limits.unlimited().model_dump(),
    }
)

Admin = Callable[..., Any]
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


def library(base_url: str, key: str = KEY, retries: int = 0) -> stripe.StripeClient:
    """Stripe's client for a sandbox."""
    addresses: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), base_url)
    return stripe.StripeClient(key, base_addresses=addresses, max_network_retries=retries)


@pytest.fixture
def client(sandbox: Desk) -> stripe.StripeClient:
    return library(sandbox.base_url)


@pytest.fixture
def pay(sandbox: Desk) -> Pay:
    """Have a payment succeed; the charge."""

    def pay(amount: int = 5_000, **more: object) -> Any:
        return sandbox.admin("POST", "/payments", {"amount": amount, **more})

    return pay


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()
