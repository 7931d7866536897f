"""Plaid's own library runs its ordinary flows against the sandbox, and meets errors as its own type."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx

from integration_pipeline_tests.sandbox.desk import Desk
from integration_pipeline_tests.sandbox.plaid.conftest import Bank
from integration_pipeline_tests.sandbox.plaid.library import CLIENT_ID, SECRET, library, model, refused


def signed_in(client: Any) -> Any:
    made = client.sandbox_public_token_create(
        model(
            "SandboxPublicTokenCreateRequest",
            institution_id="ins_109508",
            initial_products=[model("Products", "transactions")],
        )
    )
    return made.public_token


def test_a_public_token_is_exchanged_once_for_access_to_the_accounts(client: Any) -> None:
    public_token = signed_in(client)
    exchange = model("ItemPublicTokenExchangeRequest", public_token=public_token)
    granted = client.item_public_token_exchange(exchange)

    accounts = client.accounts_get(model("AccountsGetRequest", access_token=granted.access_token))
    item = client.item_get(model("ItemGetRequest", access_token=granted.access_token)).item
    assert [str(each.subtype) for each in accounts.accounts] == ["checking"]
    assert (item.item_id, item.error) == (granted.item_id, None)
    error = refused(lambda: client.item_public_token_exchange(exchange))
    assert (error["status"], error["error_code"]) == (400, "INVALID_PUBLIC_TOKEN")


def test_lines_made_by_the_library_are_synced_and_booked(client: Any, bank: Bank) -> None:
    made = model(
        "CustomSandboxTransaction",
        date_transacted=date(2026, 11, 19),
        date_posted=date(2026, 11, 20),
        amount=-12.5,
        description="IN",
    )
    client.sandbox_transactions_create(
        model("SandboxTransactionsCreateRequest", access_token=bank.access_token, transactions=[made])
    )

    page = bank.sync(client)
    assert [(each.amount, each.date, each.name) for each in page.added] == [(-12.5, date(2026, 11, 20), "IN")]
    assert page.accounts[0].balances.current == 12.5


def test_amounts_are_numbers_with_exactly_the_digits_of_the_bank(bank: Bank) -> None:
    bank.add({"amount": "-1234567890.07"}, {"amount": "0.1"}, {"amount": "7"})
    answer = httpx.post(
        f"{bank.sandbox.base_url}/transactions/sync",
        json={"access_token": bank.access_token, "client_id": CLIENT_ID, "secret": SECRET},
    )

    for text in ('"amount":-1234567890.07', '"amount":0.1', '"amount":7,'):
        assert text in answer.text


def test_a_login_that_broke_is_an_item_error_until_it_is_repaired(client: Any, bank: Bank) -> None:
    client.sandbox_item_reset_login(model("SandboxItemResetLoginRequest", access_token=bank.access_token))
    error = refused(lambda: bank.sync(client))
    item = client.item_get(model("ItemGetRequest", access_token=bank.access_token)).item
    bank.sandbox.admin("POST", f"/items/{bank.item_id}/repair_login")

    assert (error["status"], error["error_type"]) == (400, "ITEM_ERROR")
    assert error["error_code"] == item.error.error_code == "ITEM_LOGIN_REQUIRED"
    assert error["request_id"]
    assert bank.sync(client).added == []


def test_wrong_credentials_and_tokens_are_told_apart(client: Any, sandbox: Desk, bank: Bank) -> None:
    stranger = library(sandbox.base_url, "somebody-elses")
    unknown = model("TransactionsSyncRequest", access_token="access-production-none")

    assert refused(lambda: bank.sync(stranger))["error_code"] == "INVALID_API_KEYS"
    assert refused(lambda: client.transactions_sync(unknown))["error_code"] == "INVALID_ACCESS_TOKEN"


def test_a_removed_item_is_gone(client: Any, bank: Bank) -> None:
    client.item_remove(model("ItemRemoveRequest", access_token=bank.access_token))

    assert refused(lambda: bank.sync(client))["error_code"] == "INVALID_ACCESS_TOKEN"


def test_fields_that_are_missing_unknown_or_wrong_are_named(bank: Bank) -> None:
    def code(**body: object) -> tuple[str, str]:
        headers = {"PLAID-CLIENT-ID": CLIENT_ID, "PLAID-SECRET": SECRET}
        answer = httpx.post(f"{bank.sandbox.base_url}/transactions/sync", json=body, headers=headers).json()
        return answer["error_code"], answer["error_message"]

    assert code()[0] == "MISSING_FIELDS"
    assert "access_token" in code()[1]
    assert code(access_token=bank.access_token, cuont=5)[0] == "UNKNOWN_FIELDS"
    assert code(access_token=bank.access_token, count=501)[0] == "INVALID_FIELD"


def test_more_syncs_of_an_item_than_allowed_are_refused_for_a_minute(client: Any, bank: Bank) -> None:
    bank.sandbox.admin("PUT", "/limits", {"sync_per_item": 2})
    bank.sync(client)
    bank.sync(client)
    error = refused(lambda: bank.sync(client))
    bank.sandbox.admin("PUT", "/clock", {"advance_seconds": 60})

    assert (error["status"], error["error_type"]) == (429, "RATE_LIMIT_EXCEEDED")
    assert bank.sync(client).added == []
