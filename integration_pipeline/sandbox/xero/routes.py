"""Which path leads to which endpoint, and which scopes it needs.

Since 2026 apps are given narrow scopes (`accounting.invoices`); the broad `accounting.transactions` of older
ones is still taken. A scope with `.read` allows reading only.
"""

from __future__ import annotations

from starlette.routing import Route

from integration_pipeline.sandbox.xero import (
    bank_transactions,
    contacts,
    credit_notes,
    invoices,
    items,
    manual_journals,
    payments,
    settings,
)
from integration_pipeline.sandbox.xero.calls import Endpoint, served

ROOT = "/api.xro/2.0"

_BROAD = "accounting.transactions"
_INVOICES = (_BROAD, "accounting.invoices")
_PAYMENTS = (_BROAD, "accounting.payments")
_BANK = (_BROAD, "accounting.banktransactions")
_JOURNALS = (_BROAD, "accounting.manualjournals")
_CONTACTS = ("accounting.contacts",)
_SETTINGS = ("accounting.settings",)


def _route(method: str, path: str, endpoint: Endpoint, scopes: tuple[str, ...]) -> Route:
    write = frozenset(scopes)
    read = write | {f"{scope}.read" for scope in scopes}
    return Route(ROOT + path, served(endpoint, read, write), methods=[method])


ROUTES = [
    _route("GET", "/Invoices", invoices.list_invoices, _INVOICES),
    _route("PUT", "/Invoices", invoices.create_invoices, _INVOICES),
    _route("POST", "/Invoices", invoices.update_or_create_invoices, _INVOICES),
    _route("GET", "/Invoices/{id:path}", invoices.get_invoice, _INVOICES),
    _route("POST", "/Invoices/{id}", invoices.update_invoice, _INVOICES),
    _route("GET", "/CreditNotes", credit_notes.list_credit_notes, _INVOICES),
    _route("PUT", "/CreditNotes", credit_notes.create_credit_notes, _INVOICES),
    _route("POST", "/CreditNotes", credit_notes.update_or_create_credit_notes, _INVOICES),
    _route("GET", "/CreditNotes/{id:path}", credit_notes.get_credit_note, _INVOICES),
    _route("POST", "/CreditNotes/{id}", credit_notes.update_or_create_credit_notes, _INVOICES),
    _route("PUT", "/CreditNotes/{id}/Allocations", credit_notes.allocate, _INVOICES),
    _route("DELETE", "/CreditNotes/{id}/Allocations/{allocation}", credit_notes.delete_allocation, _INVOICES),
    _route("GET", "/Payments", payments.list_payments, _PAYMENTS),
    _route("PUT", "/Payments", payments.create_payments, _PAYMENTS),
    _route("POST", "/Payments", payments.create_payments, _PAYMENTS),
    _route("GET", "/Payments/{id}", payments.get_payment, _PAYMENTS),
    _route("POST", "/Payments/{id}", payments.delete_payment, _PAYMENTS),
    _route("GET", "/Contacts", contacts.list_contacts, _CONTACTS),
    _route("PUT", "/Contacts", contacts.create_contacts, _CONTACTS),
    _route("POST", "/Contacts", contacts.update_or_create_contacts, _CONTACTS),
    _route("GET", "/Contacts/{id:path}", contacts.get_contact, _CONTACTS),
    _route("POST", "/Contacts/{id}", contacts.update_contact, _CONTACTS),
    _route("GET", "/Items", items.list_items, _SETTINGS),
    _route("PUT", "/Items", items.create_items, _SETTINGS),
    _route("POST", "/Items", items.update_or_create_items, _SETTINGS),
    _route("GET", "/Items/{id:path}", items.get_item, _SETTINGS),
    _route("POST", "/Items/{id}", items.update_item, _SETTINGS),
    _route("GET", "/ManualJournals", manual_journals.list_manual_journals, _JOURNALS),
    _route("PUT", "/ManualJournals", manual_journals.create_manual_journals, _JOURNALS),
    _route("POST", "/ManualJournals", manual_journals.update_or_create_manual_journals, _JOURNALS),
    _route("GET", "/ManualJournals/{id}", manual_journals.get_manual_journal, _JOURNALS),
    _route("POST", "/ManualJournals/{id}", manual_journals.update_or_create_manual_journals, _JOURNALS),
    _route("GET", "/BankTransactions", bank_transactions.list_bank_transactions, _BANK),
    _route("PUT", "/BankTransactions", bank_transactions.create_bank_transactions, _BANK),
    _route("POST", "/BankTransactions", bank_transactions.update_or_create_bank_transactions, _BANK),
    _route("GET", "/BankTransactions/{id}", bank_transactions.get_bank_transaction, _BANK),
    _route("POST", "/BankTransactions/{id}", bank_transactions.update_or_create_bank_transactions, _BANK),
    _route("GET", "/Accounts", settings.list_accounts, _SETTINGS),
    _route("PUT", "/Accounts", settings.create_account, _SETTINGS),
    _route("GET", "/Accounts/{id}", settings.get_account, _SETTINGS),
    _route("GET", "/TaxRates", settings.list_tax_rates, _SETTINGS),
    _route("PUT", "/TaxRates", settings.create_tax_rates, _SETTINGS),
    _route("POST", "/TaxRates", settings.update_tax_rates, _SETTINGS),
    _route("GET", "/TaxRates/{id}", settings.get_tax_rate, _SETTINGS),
    _route("GET", "/Currencies", settings.list_currencies, _SETTINGS),
    _route("PUT", "/Currencies", settings.add_currency, _SETTINGS),
    _route("GET", "/Organisation", settings.get_organisation, _SETTINGS),
]
