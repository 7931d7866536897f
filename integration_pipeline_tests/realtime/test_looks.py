"""What the process does beside the worker: which accounts it looks at, and what it needs for that."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from integration_pipeline.payment_accounts import open_payment_accounts
from integration_pipeline.realtime.looks import look_at, looks_of, receive_and_settle
from integration_pipeline.realtime.process import worker_process
from integration_pipeline.sandbox.stripe.app import Options
from integration_pipeline.sandbox.stripe.limits import Limits
from integration_pipeline.settings import MissingSetting, Settings
from integration_pipeline.targets import targets_of
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.realtime.conftest import Inbox
from integration_pipeline_tests.sandbox.desk import Desk, desk

KEY = "sk_test_51LooksSecretKey"
OPTIONS = Options.model_validate(
    {
        "admin_key": "admin",
        "keys": {"secret": [KEY]},
        "webhook_secrets": ["whsec_looks"],
        "limits": Limits.unlimited().model_dump(),
    }
)


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk("stripe", tmp_path_factory.mktemp("stripe"), OPTIONS) as running:
        yield running


@pytest.fixture
def stripe(lasting: Desk) -> Desk:
    lasting.admin("POST", "/reset")
    return lasting


def settings_of(**given: Any) -> Settings:
    return Settings.model_validate(given)


def with_stripe(stripe: Desk) -> Settings:
    return settings_of(stripe_api_key=SecretStr(KEY), stripe_base_url=stripe.base_url)


class TestPaymentAccounts:
    def test_are_none_without_settings(self) -> None:
        with open_payment_accounts(settings_of()) as accounts:
            assert accounts == []

    def test_are_called_what_their_webhooks_call_them(self) -> None:
        settings = settings_of(
            stripe_api_key=SecretStr(KEY),
            plaid_client_id="client",
            plaid_secret=SecretStr("secret"),
            plaid_items=SecretStr("item-1=access-1, item-2=access-2"),
        )
        with open_payment_accounts(settings) as accounts:
            named = [(each.vendor, each.account) for each in accounts]

        assert named == [("stripe", ""), ("plaid", "item-1"), ("plaid", "item-2")]

    @pytest.mark.parametrize(
        ("given", "missing"),
        [
            ({"plaid_secret": SecretStr("secret")}, "PLAID_CLIENT_ID"),
            ({"plaid_client_id": "client"}, "PLAID_SECRET"),
        ],
    )
    def test_of_a_bank_need_the_client(self, given: Mapping[str, Any], missing: str) -> None:
        settings = settings_of(plaid_items=SecretStr("item-1=access-1"), **given)
        with pytest.raises(MissingSetting, match=missing), open_payment_accounts(settings):
            pass

    def test_that_are_written_wrong_are_told_without_their_tokens(self) -> None:
        with (
            pytest.raises(MissingSetting, match=r"its item no\. 1 is not item_id=access_token") as refused,
            open_payment_accounts(settings_of(plaid_items=SecretStr("access-production-1"))),
        ):
            pass
        assert "access-production-1" not in str(refused.value)


class TestALook:
    def test_receives_and_settles_what_was_paid(self, inbox: Inbox, stripe: Desk) -> None:
        office = inbox.office
        [number] = _billed(office)
        stripe.admin("POST", "/payments", {"amount": 10_000, "metadata": {"invoice_number": number}})
        with open_payment_accounts(with_stripe(stripe)) as [account]:
            _, settled = receive_and_settle(office.pipeline, account)

        assert settled.counts["settled"] == 1
        assert office.rows("SELECT status FROM ledger.document_balances") == [{"status": "paid"}]

    def test_of_one_account_happens_once_at_a_time(self, inbox: Inbox, stripe: Desk) -> None:
        settings = with_stripe(stripe)
        with open_payment_accounts(settings) as accounts:
            looks = looks_of(lambda: inbox.office.pipeline, [], targets_of(settings), accounts)
            [(account, look)] = looks.items()
            inside: list[bool] = []
            outside = look_at(inbox.url, account, lambda: inside.append(look_at(inbox.url, account, look)))

        assert (outside, inside) == (True, [False])


class TestTheProcess:
    def test_settles_a_payment_without_any_webhook(self, inbox: Inbox, stripe: Desk, tmp_path: Path) -> None:
        [number] = _billed(inbox.office)
        stripe.admin("POST", "/payments", {"amount": 10_000, "metadata": {"invoice_number": number}})
        with worker_process(_environment(inbox, stripe), tmp_path / "worker.log"):
            inbox.wait_for("SELECT count(*) = 1 FROM payments.settlements")

    def test_looks_when_a_webhook_says_so(self, inbox: Inbox, stripe: Desk, tmp_path: Path) -> None:
        [number] = _billed(inbox.office)
        with worker_process(_environment(inbox, stripe), tmp_path / "worker.log"):
            inbox.wait_for("SELECT count(*) = 1 FROM inbox.nudges WHERE looked_at IS NOT NULL")
            stripe.admin("POST", "/payments", {"amount": 10_000, "metadata": {"invoice_number": number}})
            inbox.office.execute("UPDATE inbox.nudges SET told_at = clock_timestamp()")
            inbox.office.execute("NOTIFY nudges")
            # Without it nobody would look for an hour, and this waits a minute at most.
            inbox.wait_for("SELECT count(*) = 1 FROM payments.settlements")

    def test_that_lacks_a_credential_ends_at_once_and_says_which(
        self, inbox: Inbox, stripe: Desk, tmp_path: Path
    ) -> None:
        environment = {**_environment(inbox, stripe), "PLAID_ITEMS": "item-1=access-1"}
        said = "did not start: PLAID_CLIENT_ID is not set: PLAID_ITEMS names banks"
        with pytest.raises(RuntimeError, match=said), worker_process(environment, tmp_path / "worker.log"):
            pass

    def test_that_lacks_the_app_of_a_target_ends_at_once_and_says_which(
        self, inbox: Inbox, stripe: Desk, tmp_path: Path
    ) -> None:
        targets = tmp_path / "targets.yaml"
        targets.write_text(
            json.dumps(
                {
                    "targets": [
                        {
                            "name": "xero-us",
                            "vendor": "xero",
                            "account": "45e4708e-d862-4111-ab3a-dd8cd03913e1",
                            "entities": ["us"],
                            "since": "2026-01-01",
                        }
                    ]
                }
            )
        )
        environment = {**_environment(inbox, stripe), "TARGETS_FILE": str(targets)}
        said = "did not start: XERO_CLIENT_ID is not set: the target xero-us needs it"
        with pytest.raises(RuntimeError, match=said), worker_process(environment, tmp_path / "worker.log"):
            pass


def _billed(office: Office) -> list[str]:
    """The number of a posted invoice of 100.00 USD."""
    office.portal.deal("1", amount="100.00", dealname="Acme licences")
    office.sync()
    return [number for number, _, _ in office.posted()]


def _environment(inbox: Inbox, stripe: Desk) -> dict[str, str]:
    pipeline = inbox.office.pipeline
    assert pipeline.as_of is not None
    return {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
        "DATABASE_URL": pipeline.engine.url.render_as_string(hide_password=False),
        "AS_OF": pipeline.as_of.isoformat(),
        "HUBSPOT_TOKEN": "pat-na1-nobody",
        "HUBSPOT_BASE_URL": "http://127.0.0.1:1",
        "STRIPE_API_KEY": KEY,
        "STRIPE_BASE_URL": stripe.base_url,
        "LOOK_AGAIN_SECONDS": "3600",
    }
