"""Manual journals and bank transactions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import Admin, Api, Json, line


def journal(*amounts: str, codes: tuple[str, str] = ("850", "200"), **fields: object) -> Json:
    """A posted journal over two accounts by turns."""
    lines = [
        {"LineAmount": Decimal(amount), "AccountCode": codes[place % 2]}
        for place, amount in enumerate(amounts or ("250.00", "-250.00"))
    ]
    return {
        "Narration": "Revenue of November",
        "Date": "2026-11-30",
        "Status": "POSTED",
        "JournalLines": lines,
        **fields,
    }


def test_a_journal_that_balances_is_posted(api: Api) -> None:
    made = api.put("ManualJournals", journal()).one("ManualJournals")

    assert (made["Status"], made["LineAmountTypes"]) == ("POSTED", "NoTax")
    kept = api.get(f"/ManualJournals/{made['ManualJournalID']}").one("ManualJournals")
    assert [one["LineAmount"] for one in kept["JournalLines"]] == [Decimal("250.00"), Decimal("-250.00")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (journal("100.00", "-10.00"), "The total debits (100.00) must equal total credits (-10.00)"),
        (journal("0.00"), "At least two journal lines must be specified"),
        (journal(Narration=""), "Narration must be specified"),
        (journal(codes=("610", "200")), "Account code '610' is not a valid code for this document."),
        (journal(codes=("090", "200")), "Account code '090' is not a valid code for this document."),
    ],
)
def test_what_is_wrong_with_a_journal_is_told(api: Api, wrong: Json, message: str) -> None:
    assert api.put("ManualJournals", wrong).messages == [message]


def test_a_posted_journal_is_voided_and_a_draft_deleted(api: Api) -> None:
    posted = api.put("ManualJournals", journal()).one("ManualJournals")["ManualJournalID"]
    draft = api.put("ManualJournals", journal(Status="DRAFT")).one("ManualJournals")["ManualJournalID"]

    void = api.post("ManualJournals", {"ManualJournalID": posted, "Status": "VOIDED"})
    delete = api.post("ManualJournals", {"ManualJournalID": draft, "Status": "DELETED"})

    assert void.one("ManualJournals")["Status"] == "VOIDED"
    assert delete.one("ManualJournals")["Status"] == "DELETED"
    again = api.post("ManualJournals", {"ManualJournalID": posted, "Status": "POSTED"})
    assert again.messages == ["Manual Journal not of valid status for modification"]


def test_a_journal_on_a_locked_date_is_refused(admin: Admin, api: Api) -> None:
    admin("PUT", "/organisation", {"end_of_year_lock_date": "2026-12-31"})
    assert "end of year lock date" in api.put("ManualJournals", journal()).messages[0]


def test_journals_are_listed_with_lines_by_pages(api: Api) -> None:
    api.put("ManualJournals", journal(), journal(Narration="Other"))

    assert api.get("/ManualJournals").body["ManualJournals"][0]["JournalLines"] == []
    page = api.get("/ManualJournals", page="1", where='Narration=="Other"').body
    assert len(page["ManualJournals"][0]["JournalLines"]) == 2


def fee(**fields: object) -> Json:
    return {
        "Type": "SPEND",
        "Contact": {"Name": "Stripe"},
        "BankAccount": {"Code": "090"},
        "Date": "2026-11-21",
        "Reference": "po_1",
        "LineItems": [line("2.90", AccountCode="404")],
        **fields,
    }


def test_a_fee_is_spent_from_a_bank_account(api: Api) -> None:
    made = api.put("BankTransactions", fee()).one("BankTransactions")

    assert (made["Total"], made["BankAccount"]["Name"]) == (Decimal("2.90"), "Business Bank Account")
    (found,) = api.get("/BankTransactions", where='Reference=="po_1"').body["BankTransactions"]
    assert found["BankTransactionID"] == made["BankTransactionID"]


def test_money_is_spent_from_a_bank_account_only(api: Api) -> None:
    refused = api.put("BankTransactions", fee(BankAccount={"Code": "200"}))
    assert refused.messages == ["A valid BankAccount must be specified for this type of transaction"]


def test_a_deleted_bank_transaction_stays_deleted(api: Api) -> None:
    made = api.put("BankTransactions", fee()).one("BankTransactions")["BankTransactionID"]
    gone = {"BankTransactionID": made, "Status": "DELETED"}

    assert api.post("BankTransactions", gone).one("BankTransactions")["Status"] == "DELETED"
    assert api.post("BankTransactions", gone).status == 400
