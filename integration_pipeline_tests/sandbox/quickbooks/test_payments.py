"""How payments and credit memos settle invoices, and what happens when one of them goes."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline_tests.sandbox.quickbooks.conftest import Api, lines, payment_body


def _balance(api: Api, invoice: str) -> Decimal:
    return api.read("Invoice", invoice)["Balance"]


def test_a_payment_settles_an_invoice_and_both_name_each_other(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    made = api.payment(customer, "60.00", ("Invoice", invoice, "60.00")).body["Payment"]
    assert made["UnappliedAmt"] == 0
    read = api.read("Invoice", invoice)
    assert (read["Balance"], read["TotalAmt"]) == (Decimal("40.00"), Decimal("100.00"))
    assert read["LinkedTxn"] == [{"TxnId": made["Id"], "TxnType": "Payment"}]
    assert read["SyncToken"] == "1"
    assert api.read("Customer", customer)["Balance"] == Decimal("40.00")


def test_more_than_is_open_stays_unapplied(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    made = api.payment(customer, "120.00", ("Invoice", invoice, "120.00")).body["Payment"]
    assert (made["UnappliedAmt"], made["Line"][0]["Amount"]) == (Decimal("20.00"), Decimal("100.00"))
    assert api.read("Customer", customer)["Balance"] == Decimal("-20.00")


def test_more_cannot_be_applied_than_was_received(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    assert api.payment(customer, "50.00", ("Invoice", invoice, "60.00")).code == "6000"
    assert _balance(api, invoice) == Decimal("100.00")


def test_a_payment_of_nothing_applies_a_credit_memo(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    memo = api.make("CreditMemo", {"CustomerRef": {"value": customer}, "Line": lines("30.00")})
    assert memo["RemainingCredit"] == Decimal("30.00")
    answer = api.payment(customer, "0", ("Invoice", invoice, "30.00"), ("CreditMemo", memo["Id"], "30.00"))
    assert answer.status == 200, answer.body
    assert _balance(api, invoice) == Decimal("70.00")
    assert api.read("CreditMemo", memo["Id"])["RemainingCredit"] == 0
    assert api.read("Customer", customer)["Balance"] == Decimal("70.00")


def test_a_credit_memo_gives_no_more_than_it_has(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    memo = api.make("CreditMemo", {"CustomerRef": {"value": customer}, "Line": lines("30.00")})["Id"]
    refused = api.payment(customer, "0", ("Invoice", invoice, "40.00"), ("CreditMemo", memo, "40.00"))
    assert refused.code == "6000"


def test_an_invoice_of_another_customer_cannot_be_paid(api: Api) -> None:
    invoice = api.invoice(api.customer("A"), "100.00")["Id"]
    assert api.payment(api.customer("B"), "100.00", ("Invoice", invoice, "100.00")).code == "6000"


def test_a_void_payment_gives_back_what_it_settled(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    made = api.payment(customer, "60.00", ("Invoice", invoice, "60.00")).body["Payment"]
    version = {"Id": made["Id"], "SyncToken": made["SyncToken"], "sparse": True}
    gone = api.make("Payment", version, operation="update", include="void")
    assert (gone["TotalAmt"], gone["Line"]) == (0, [])
    read = api.read("Invoice", invoice)
    assert (read["Balance"], read["LinkedTxn"]) == (Decimal("100.00"), [])
    assert api.read("Customer", customer)["Balance"] == Decimal("100.00")


def test_a_changed_payment_settles_what_it_says_now(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    made = api.payment(customer, "60.00", ("Invoice", invoice, "60.00")).body["Payment"]
    again = payment_body(customer, "60.00", ("Invoice", invoice, "10.00"))
    changed = api.make("Payment", {**again, "Id": made["Id"], "SyncToken": made["SyncToken"]})
    assert changed["UnappliedAmt"] == Decimal("50.00")
    assert _balance(api, invoice) == Decimal("90.00")
    assert api.read("Customer", customer)["Balance"] == Decimal("40.00")


def test_a_deleted_invoice_leaves_its_payment_unapplied(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    paid = api.payment(customer, "60.00", ("Invoice", invoice, "60.00")).body["Payment"]["Id"]
    version = api.read("Invoice", invoice)["SyncToken"]
    api.post("Invoice", {"Id": invoice, "SyncToken": version}, operation="delete")
    read = api.read("Payment", paid)
    assert (read["UnappliedAmt"], read["Line"]) == (Decimal("60.00"), [])
    assert api.read("Customer", customer)["Balance"] == Decimal("-60.00")


def test_a_void_invoice_gives_its_credit_back(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    memo = api.make("CreditMemo", {"CustomerRef": {"value": customer}, "Line": lines("30.00")})["Id"]
    api.payment(customer, "0", ("Invoice", invoice, "30.00"), ("CreditMemo", memo, "30.00"))
    version = api.read("Invoice", invoice)["SyncToken"]
    api.make("Invoice", {"Id": invoice, "SyncToken": version}, operation="void")
    assert api.read("CreditMemo", memo)["RemainingCredit"] == Decimal("30.00")
    assert api.read("Customer", customer)["Balance"] == Decimal("-30.00")


def test_an_invoice_cannot_fall_below_what_was_paid(api: Api) -> None:
    customer = api.customer()
    invoice = api.invoice(customer, "100.00")["Id"]
    api.payment(customer, "60.00", ("Invoice", invoice, "60.00"))
    less = {"Id": invoice, "SyncToken": "1", "sparse": True, "Line": lines("50.00")}
    assert api.post("Invoice", less).code == "6000"


def test_a_deposited_payment_is_locked(api: Api) -> None:
    customer = api.customer()
    made = api.payment(customer, "60.00").body["Payment"]
    deposit = api.make(
        "Deposit",
        {
            "DepositToAccountRef": {"value": "4"},
            "Line": [
                {"Amount": 60, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Payment"}]},
                {
                    "Amount": "-1.74",
                    "DetailType": "DepositLineDetail",
                    "DepositLineDetail": {"AccountRef": {"value": "6"}},
                },
            ],
        },
    )
    assert deposit["TotalAmt"] == Decimal("58.26")
    version = {"Id": made["Id"], "SyncToken": api.read("Payment", made["Id"])["SyncToken"]}
    assert api.post("Payment", version, operation="delete").code == "6540"


def test_a_journal_entry_balances_and_names_customers_of_receivables(api: Api) -> None:
    def posting(side: str, amount: str, account: str, **detail: object) -> dict[str, object]:
        told = {"PostingType": side, "AccountRef": {"value": account}, **detail}
        return {"Amount": amount, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": told}

    entry = api.make(
        "JournalEntry", {"Line": [posting("Debit", "5.00", "6"), posting("Credit", "5.00", "4")]}
    )
    assert entry["TotalAmt"] == Decimal("5.00")
    uneven = {"Line": [posting("Debit", "5.00", "6"), posting("Credit", "4.00", "4")]}
    assert api.post("JournalEntry", uneven).code == "6000"
    nameless = {"Line": [posting("Debit", "5.00", "2"), posting("Credit", "5.00", "4")]}
    assert api.post("JournalEntry", nameless).code == "6000"
    named = {"Type": "Customer", "EntityRef": {"value": api.customer()}}
    api.make(
        "JournalEntry",
        {"Line": [posting("Debit", "5.00", "2", Entity=named), posting("Credit", "5.00", "4")]},
    )


def test_a_purchase_pays_a_fee(api: Api) -> None:
    fee = {
        "Amount": "1.74",
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "6"}},
    }
    made = api.make("Purchase", {"AccountRef": {"value": "4"}, "PaymentType": "Cash", "Line": [fee]})
    assert made["TotalAmt"] == Decimal("1.74")
