"""Xero's own client library, xero-python 15, works against the sandbox unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from xero_python.accounting import (  # pyright: ignore[reportMissingTypeStubs]
    Account,
    AccountingApi,
    Allocation,
    Allocations,
    Contact,
    Contacts,
    CreditNote,
    CreditNotes,
    CurrencyCode,
    Invoice,
    Invoices,
    Item,
    Items,
    LineAmountTypes,
    LineItem,
    ManualJournal,
    ManualJournalLine,
    ManualJournals,
    Payment,
    PaymentDelete,
    Payments,
    Purchase,
    TaxComponent,
    TaxRate,
    TaxRates,
)
from xero_python.api_client import ApiClient  # pyright: ignore[reportMissingTypeStubs]
from xero_python.api_client.configuration import Configuration  # pyright: ignore[reportMissingTypeStubs]
from xero_python.api_client.oauth2 import OAuth2Token, TokenApi  # pyright: ignore[reportMissingTypeStubs]
from xero_python.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    AccountingBadRequestException,
    HTTPStatusException,
    NotFoundException,
    RateLimitException,
)
from xero_python.identity import IdentityApi  # pyright: ignore[reportMissingTypeStubs]

from integration_pipeline.sandbox.process import VendorProcess
from integration_pipeline_tests.sandbox.xero.conftest import OTHER_TENANT, TENANT, Admin

# The library's generated code has no types, so everything that comes out of it is Any.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

SCOPES = ["offline_access", "accounting.transactions", "accounting.contacts", "accounting.settings"]


class Library:
    """The library, signed in; `token` is what it stores after each refresh."""

    def __init__(self, base_url: str, token: dict[str, Any]) -> None:
        self.token = token
        self.client = ApiClient(
            Configuration(oauth2_token=OAuth2Token(client_id="web", client_secret="web-secret")),
            oauth2_token_getter=lambda: self.token,
            oauth2_token_saver=self._save,
        )
        self.accounting: Any = AccountingApi(self.client, base_url=f"{base_url}/api.xro/2.0")
        self.identity: Any = IdentityApi(self.client, base_url=base_url)

    def _save(self, token: dict[str, Any]) -> None:
        self.token = token


@pytest.fixture
def library(
    sandbox: VendorProcess, client: httpx.Client, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Library]:
    for name in ("refresh_token_url", "client_credentials_token_url"):
        monkeypatch.setattr(TokenApi, name, f"{sandbox.base_url}/connect/token")
    monkeypatch.setattr(TokenApi, "revoke_token_url", f"{sandbox.base_url}/connect/revocation")
    issued = admin("POST", "/connect", {"client_id": "web", "scope": " ".join(SCOPES)})
    token = {name: issued[name] for name in ("access_token", "expires_in", "token_type", "refresh_token")}
    made = Library(sandbox.base_url, {**token, "scope": SCOPES})
    yield made
    made.client.rest_client.pool_manager.clear()


def sale(**fields: Any) -> Any:
    """An approved sale over 3 x 33.33 and tax."""
    line = LineItem(
        description="Seats",
        quantity=Decimal(3),
        unit_amount=Decimal("33.33"),
        account_code="200",
        tax_type="OUTPUT2",
    )
    invoice = Invoice(
        type="ACCREC",
        contact=Contact(name="Acme"),
        date=date(2026, 11, 20),
        due_date=date(2026, 12, 20),
        line_amount_types=LineAmountTypes.EXCLUSIVE,
        status="AUTHORISED",
        line_items=[line],
    )
    for name, value in fields.items():
        setattr(invoice, name, value)
    return invoice


def create(library: Library, *invoices: Any, **options: Any) -> Any:
    return library.accounting.create_invoices(TENANT, Invoices(invoices=list(invoices)), **options).invoices


def test_connections_are_listed(library: Library) -> None:
    connections = library.identity.get_connections()
    assert {str(connection.tenant_id) for connection in connections} == {TENANT, OTHER_TENANT}
    assert connections[0].created_date_utc.tzinfo is not None


def test_the_library_refreshes_its_token(library: Library) -> None:
    before = library.token
    library.client.refresh_oauth2_token()

    assert library.token["refresh_token"] != before["refresh_token"]
    assert library.accounting.get_organisations(TENANT).organisations[0].name == "Kiwi Software"


def test_the_library_revokes_its_token(library: Library) -> None:
    token = library.token
    library.client.revoke_oauth2_token()

    library.token = token
    with pytest.raises(HTTPStatusException) as refused:
        library.accounting.get_organisations(TENANT)
    assert refused.value.status == 401


def test_an_invoice_is_created_read_and_changed(library: Library) -> None:
    (made,) = create(
        library, sale(invoice_number="INV-1", reference="deal-1", currency_code=CurrencyCode.USD)
    )
    assert (made.total, made.total_tax, made.currency_rate) == (
        Decimal("114.99"),
        Decimal("15.00"),
        Decimal("0.5"),
    )

    (read,) = library.accounting.get_invoice(TENANT, made.invoice_id).invoices
    assert (read.date, read.due_date) == (date(2026, 11, 20), date(2026, 12, 20))
    assert (read.contact.name, read.line_items[0].line_amount) == ("Acme", Decimal("99.99"))

    change = Invoices(invoices=[Invoice(reference="deal-2")])
    (changed,) = library.accounting.update_invoice(TENANT, made.invoice_id, change).invoices
    assert (changed.reference, changed.total) == ("deal-2", Decimal("114.99"))
    assert changed.updated_date_utc > read.updated_date_utc


def test_lists_are_paged_and_filtered(library: Library) -> None:
    create(library, *[sale(invoice_number=f"INV-{number}") for number in range(45)])

    first = library.accounting.get_invoices(TENANT, page=1, page_size=20)
    last = library.accounting.get_invoices(TENANT, page=3, page_size=20)
    assert (len(first.invoices), len(last.invoices)) == (20, 5)
    assert (first.pagination.page_count, first.pagination.item_count) == (3, 45)

    found = library.accounting.get_invoices(
        TENANT, where='InvoiceNumber=="INV-7"', order="Date DESC", statuses=["AUTHORISED"], summary_only=True
    )
    assert [invoice.invoice_number for invoice in found.invoices] == ["INV-7"]
    named = library.accounting.get_invoices(TENANT, invoice_numbers=["INV-1", "INV-2"])
    assert len(named.invoices) == 2
    since = datetime(2099, 1, 1, tzinfo=UTC)
    assert library.accounting.get_invoices(TENANT, if_modified_since=since).invoices == []


def test_contacts_are_created_and_found(library: Library) -> None:
    contacts = Contacts(contacts=[Contact(name="Acme", contact_number="C-1", email_address="a@acme.example")])
    (made,) = library.accounting.create_contacts(TENANT, contacts).contacts

    (found,) = library.accounting.get_contacts(TENANT, where='Name=="Acme"').contacts
    assert (found.contact_id, found.addresses[0].address_type) == (made.contact_id, "STREET")
    assert library.accounting.get_contact(TENANT, made.contact_id).contacts[0].contact_number == "C-1"


def test_a_credit_note_is_applied_and_taken_back(library: Library) -> None:
    (invoice,) = create(library, sale())
    note = CreditNote(
        type="ACCRECCREDIT",
        contact=Contact(contact_id=invoice.contact.contact_id),
        date=date(2026, 11, 21),
        status="AUTHORISED",
        line_items=[
            LineItem(description="Refund", unit_amount=Decimal("50.00"), account_code="200", tax_type="NONE")
        ],
    )
    (made,) = library.accounting.create_credit_notes(TENANT, CreditNotes(credit_notes=[note])).credit_notes
    applied = Allocation(
        invoice=Invoice(invoice_id=invoice.invoice_id), amount=Decimal("50.00"), date=date(2026, 11, 22)
    )
    (allocation,) = library.accounting.create_credit_note_allocation(
        TENANT, made.credit_note_id, Allocations(allocations=[applied])
    ).allocations

    (now,) = library.accounting.get_invoice(TENANT, invoice.invoice_id).invoices
    assert (now.amount_credited, now.amount_due) == (Decimal("50.00"), Decimal("64.99"))
    (spent,) = library.accounting.get_credit_note(TENANT, made.credit_note_id).credit_notes
    assert (spent.status, spent.remaining_credit) == ("PAID", 0)

    library.accounting.delete_credit_note_allocations(TENANT, made.credit_note_id, allocation.allocation_id)
    (opened,) = library.accounting.get_invoice(TENANT, invoice.invoice_id).invoices
    assert opened.amount_due == Decimal("114.99")


def test_an_invoice_is_paid_and_the_payment_deleted(library: Library) -> None:
    (invoice,) = create(library, sale())
    payment = Payment(
        invoice=Invoice(invoice_id=invoice.invoice_id),
        account=Account(code="090"),
        date=date(2026, 11, 22),
        amount=Decimal("114.99"),
    )
    (made,) = library.accounting.create_payments(TENANT, Payments(payments=[payment])).payments
    (paid,) = library.accounting.get_invoice(TENANT, invoice.invoice_id).invoices
    assert (paid.status, paid.fully_paid_on_date) == ("PAID", date(2026, 11, 22))

    library.accounting.delete_payment(TENANT, made.payment_id, PaymentDelete(status="DELETED"))
    (deleted,) = library.accounting.get_payments(TENANT).payments
    assert (deleted.status, deleted.invoice.status) == ("DELETED", "AUTHORISED")


def test_a_journal_is_posted(library: Library) -> None:
    journal = ManualJournal(
        narration="Revenue of November",
        date=date(2026, 11, 30),
        status="POSTED",
        journal_lines=[
            ManualJournalLine(line_amount=Decimal("250.00"), account_code="850"),
            ManualJournalLine(line_amount=Decimal("-250.00"), account_code="200"),
        ],
    )
    (made,) = library.accounting.create_manual_journals(
        TENANT, ManualJournals(manual_journals=[journal])
    ).manual_journals

    (read,) = library.accounting.get_manual_journal(TENANT, made.manual_journal_id).manual_journals
    assert [line.line_amount for line in read.journal_lines] == [Decimal("250.00"), Decimal("-250.00")]


def test_settings_are_read_and_added(library: Library) -> None:
    accounts = library.accounting.get_accounts(TENANT, where='Type=="BANK"').accounts
    assert [account.code for account in accounts] == ["090", "091"]
    assert [currency.code.value for currency in library.accounting.get_currencies(TENANT).currencies] == [
        "NZD",
        "USD",
    ]
    rate = TaxRate(name="City", tax_components=[TaxComponent(name="City", rate=Decimal("8.875"))])
    (made,) = library.accounting.create_tax_rates(TENANT, TaxRates(tax_rates=[rate])).tax_rates
    assert (made.tax_type, made.effective_rate) == ("TAX001", Decimal("8.875"))
    item = Item(code="SEAT", name="Seat", sales_details=Purchase(unit_price=Decimal("0.0125")))
    (seat,) = library.accounting.create_items(TENANT, Items(items=[item]), unitdp=4).items
    assert seat.sales_details.unit_price == Decimal("0.0125")


def test_a_refusal_tells_what_was_wrong(library: Library) -> None:
    create(library, sale(invoice_number="INV-1"))
    with pytest.raises(AccountingBadRequestException) as refused:
        create(library, sale(invoice_number="INV-1"))
    assert refused.value.reason == "Invoice # must be unique."


def test_errors_that_are_not_summarised_come_with_their_elements(library: Library) -> None:
    create(library, sale(invoice_number="INV-1"))
    refused, made = create(
        library, sale(invoice_number="INV-1"), sale(invoice_number="INV-2"), summarize_errors=False
    )

    assert (refused.status_attribute_string, made.status_attribute_string) == ("ERROR", "OK")
    assert refused.validation_errors[0].message == "Invoice # must be unique."
    assert refused.has_errors


def test_a_repeated_key_creates_one_invoice(library: Library) -> None:
    first, second = (create(library, sale(), idempotency_key="k")[0] for _ in range(2))
    assert first.invoice_id == second.invoice_id


def test_an_unknown_invoice_is_not_found(library: Library) -> None:
    with pytest.raises(NotFoundException):
        library.accounting.get_invoice(TENANT, "00000000-0000-4000-8000-000000000001")


def test_a_reached_limit_is_named(library: Library, admin: Admin) -> None:
    # With Retry-After, as for the other limits, urllib3 would wait and try again by itself.
    admin("PUT", "/limits", {"concurrent": 0})
    with pytest.raises(RateLimitException) as refused:
        library.accounting.get_organisations(TENANT)
    assert refused.value.rate_limit == "concurrent"
