"""Intuit's OAuth library and python-quickbooks at work on the sandbox, as on QuickBooks itself."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

# Neither library has types: everything of theirs is Any here.
from intuitlib.client import AuthClient  # pyright: ignore[reportMissingTypeStubs]
from intuitlib.enums import Scopes  # pyright: ignore[reportMissingTypeStubs]
from intuitlib.exceptions import AuthClientError  # pyright: ignore[reportMissingTypeStubs]

from integration_pipeline_tests.sandbox.notifications.receiver import Receiver
from integration_pipeline_tests.sandbox.quickbooks.conftest import US, Sandbox, advance

quickbooks: Any = pytest.importorskip("quickbooks")
batch: Any = pytest.importorskip("quickbooks.batch")
cdc: Any = pytest.importorskip("quickbooks.cdc")
exceptions: Any = pytest.importorskip("quickbooks.exceptions")
detail: Any = pytest.importorskip("quickbooks.objects.detailline")
objects: Any = pytest.importorskip("quickbooks.objects")


@pytest.fixture
def auth(sandbox: Sandbox, http: httpx.Client) -> Any:
    """Intuit's client after a user has consented."""
    client: Any = AuthClient(
        "client",
        "secret",
        "https://ours.test/callback",
        f"{sandbox.base_url}/.well-known/openid_sandbox_configuration/",
    )
    page = http.get(client.get_authorization_url([Scopes.ACCOUNTING]))
    told = parse_qs(urlsplit(page.headers["location"]).query)
    assert told["state"] == [client.state_token]
    client.get_bearer_token(told["code"][0], realm_id=told["realmId"][0])
    return client


@pytest.fixture
def qb(sandbox: Sandbox, auth: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """python-quickbooks, logged in at the company."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setattr(quickbooks.QuickBooks, "api_url_v3", f"{sandbox.base_url}/v3")
    return quickbooks.QuickBooks(
        auth_client=auth,
        refresh_token=auth.refresh_token,
        company_id=auth.realm_id,
        minorversion=75,
        verifier_token="verifier",
        use_decimal=True,
    )


def _customer(qb: Any, name: str = "Acme") -> Any:
    customer = objects.Customer()
    customer.DisplayName = name
    return customer.save(qb=qb)


def _invoice(customer: Any, number: str, amount: str = "100.00") -> Any:
    invoice = objects.Invoice()
    invoice.CustomerRef = customer.to_ref()
    invoice.DocNumber = number
    sold = detail.SalesItemLine()
    sold.Amount = amount
    sold.SalesItemLineDetail = detail.SalesItemLineDetail()
    sold.SalesItemLineDetail.Qty = "4"
    sold.SalesItemLineDetail.UnitPrice = "25"
    invoice.Line.append(sold)
    return invoice


def test_the_oauth_library_logs_in_refreshes_and_revokes(auth: Any, sandbox: Sandbox) -> None:
    assert (auth.realm_id, auth.expires_in) == (US, 3_600)
    first = auth.access_token
    auth.refresh()
    assert auth.access_token != first
    assert auth.revoke() is True
    refusal: Any = AuthClientError
    with pytest.raises(refusal) as refused:
        auth.refresh()
    assert refused.value.status_code == 400


def test_a_customer_is_created_read_changed_and_listed(qb: Any) -> None:
    made = _customer(qb)
    made.CompanyName = "Acme Inc."
    made.save(qb=qb)
    read = objects.Customer.get(made.Id, qb=qb)
    assert (read.CompanyName, read.SyncToken, read.Balance) == ("Acme Inc.", "1", 0)
    for number in range(4):
        _customer(qb, f"Other {number}")
    page = objects.Customer.all(order_by="DisplayName", start_position=2, max_results=3, qb=qb)
    assert [each.DisplayName for each in page] == ["Other 0", "Other 1", "Other 2"]


def test_an_invoice_is_created_once_found_and_voided(qb: Any) -> None:
    customer = _customer(qb)
    first = _invoice(customer, "A-1").save(qb=qb, request_id="once")
    assert _invoice(customer, "A-1").save(qb=qb, request_id="once").Id == first.Id
    assert (first.TotalAmt, first.Balance) == (Decimal("100.00"), Decimal("100.00"))
    [found] = objects.Invoice.filter(DocNumber="A-1", qb=qb)
    assert found.Line[0].SalesItemLineDetail.UnitPrice == 25
    assert objects.Invoice.count("TotalAmt > '1'", qb=qb) == 1
    assert [each.Id for each in objects.Invoice.choose([first.Id], field="Id", qb=qb)] == [first.Id]
    found.void(qb=qb)
    assert objects.Invoice.get(first.Id, qb=qb).TotalAmt == 0


def test_a_payment_is_applied_voided_and_deleted(qb: Any) -> None:
    customer = _customer(qb)
    invoice = _invoice(customer, "A-1").save(qb=qb)
    payment = objects.Payment()
    payment.CustomerRef = customer.to_ref()
    payment.TotalAmt = 60
    line = objects.payment.PaymentLine()
    line.Amount = 60
    line.LinkedTxn.append(invoice.to_linked_txn())
    payment.Line.append(line)
    made = payment.save(qb=qb)
    assert objects.Invoice.get(invoice.Id, qb=qb).Balance == 40
    made.void(qb=qb)
    assert objects.Invoice.get(invoice.Id, qb=qb).Balance == 100
    objects.Payment.get(made.Id, qb=qb).delete(qb=qb)
    with pytest.raises(exceptions.ObjectNotFoundException):
        objects.Payment.get(made.Id, qb=qb)


def test_a_credit_memo_an_item_and_a_journal_entry_can_be_made(qb: Any) -> None:
    customer = _customer(qb)
    item = objects.Item()
    item.Name, item.Type, item.Sku = "Seats", "Service", "SEAT"
    item.IncomeAccountRef = objects.Account.get("1", qb=qb).to_ref()
    item.save(qb=qb)
    assert objects.Item.all(qb=qb)[1].Sku == "SEAT"
    memo = objects.CreditMemo()
    memo.CustomerRef = customer.to_ref()
    memo.Line = _invoice(customer, "A").Line
    assert memo.save(qb=qb).RemainingCredit == 100
    entry = objects.JournalEntry()
    for side, account in (("Debit", "6"), ("Credit", "4")):
        posted = objects.journalentry.JournalEntryLine()
        posted.Amount = 5
        posted.JournalEntryLineDetail = objects.journalentry.JournalEntryLineDetail()
        posted.JournalEntryLineDetail.PostingType = side
        posted.JournalEntryLineDetail.AccountRef = objects.Account.get(account, qb=qb).to_ref()
        entry.Line.append(posted)
    assert entry.save(qb=qb).TotalAmt == 5


def test_a_batch_reports_what_succeeded_and_what_did_not(qb: Any) -> None:
    customer = _customer(qb)
    made = batch.batch_create([_invoice(customer, number) for number in ("A", "B", "A")], qb=qb)
    assert [each.DocNumber for each in made.successes] == ["A", "B"]
    assert [each.Error[0].code for each in made.faults] == ["6140"]
    gone = batch.batch_delete(made.successes, qb=qb)
    assert len(gone.successes) == 2


def test_changes_are_captured(qb: Any) -> None:
    customer = _customer(qb)
    _invoice(customer, "A").save(qb=qb)
    since = customer.MetaData["CreateTime"]
    found = cdc.change_data_capture([objects.Invoice, objects.Customer], since, qb=qb)
    assert [each.DocNumber for each in found.Invoice] == ["A"]
    assert [each.DisplayName for each in found.Customer] == ["Acme"]


def test_refusals_are_the_librarys_exceptions(qb: Any, sandbox: Sandbox) -> None:
    customer = _customer(qb)
    with pytest.raises(exceptions.ValidationException) as missing:
        objects.Invoice().save(qb=qb)
    assert missing.value.error_code == 2020
    with pytest.raises(exceptions.QuickbooksException) as twin:
        _customer(qb)
    assert twin.value.error_code == 6240
    with pytest.raises(exceptions.QuickbooksException) as wrong:
        _invoice(customer, "A", "99.99").save(qb=qb)
    assert wrong.value.error_code == 6070
    with pytest.raises(exceptions.UnsupportedException):
        objects.Estimate().save(qb=qb)
    advance(sandbox, timedelta(hours=1))
    with pytest.raises(exceptions.AuthorizationException):
        objects.Customer.all(qb=qb)


def test_preferences_can_be_read(qb: Any) -> None:
    assert objects.Preferences.get(qb=qb).SalesFormsPrefs.CustomTxnNumbers is True
    assert objects.CompanyInfo.get(US, qb=qb).CompanyName == "Sandbox Company"


def test_the_library_finds_a_webhooks_signature_right(qb: Any, sandbox: Sandbox) -> None:
    receiver = Receiver()
    sandbox.admin("PUT", "/webhooks", {"url": receiver.url, "faults": {"forged_share": 1}})
    _customer(qb)
    end = time.monotonic() + 10
    while len(receiver.posts) < 2:
        assert time.monotonic() < end, sandbox.admin("GET", "/webhooks/queue")
        time.sleep(0.005)
    receiver.stop()
    judged = [
        qb.validate_webhook_signature(body.decode(), headers["intuit-signature"])
        for headers, body in receiver.posts
    ]
    assert judged == [True, False]
