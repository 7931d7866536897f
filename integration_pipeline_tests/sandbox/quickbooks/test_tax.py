"""Sales tax in each regime: none, US by code, US automated, a code on each line."""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline_tests.sandbox.quickbooks.conftest import (
    AUTOMATED,
    MANUAL,
    UK,
    Api,
    Connect,
    line,
    lines,
)

_STANDARD, _REDUCED = {"value": "1"}, {"value": "2"}


def _sale(api: Api, *given: dict[str, object], **fields: object) -> dict[str, object]:
    return {"CustomerRef": {"value": api.customer()}, "Line": [*given], **fields}


def test_a_company_without_tax_drops_it(api: Api) -> None:
    made = api.invoice(api.customer(), "100.00", TxnTaxDetail={"TotalTax": "8.25"})
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (0, Decimal("100.00"))


def test_us_tax_comes_from_the_documents_code(connect: Connect) -> None:
    api = connect(MANUAL)
    taxed, free = line("100.00", TaxCodeRef={"value": "TAX"}), line("50.00", TaxCodeRef={"value": "NON"})
    made = api.make("Invoice", _sale(api, taxed, free, TxnTaxDetail={"TxnTaxCodeRef": {"value": "1"}}))
    assert made["TxnTaxDetail"]["TotalTax"] == Decimal("8.25")
    assert made["TotalAmt"] == Decimal("158.25")
    shares = [each["Amount"] for each in made["TxnTaxDetail"]["TaxLine"]]
    assert shares == [Decimal("8.00"), Decimal("0.25")]


def test_us_lines_know_only_tax_and_non(connect: Connect) -> None:
    api = connect(MANUAL)
    assert api.post("Invoice", _sale(api, line("1.00", TaxCodeRef={"value": "1"}))).code == "2500"


def test_automated_tax_ignores_what_was_sent(connect: Connect) -> None:
    api = connect(AUTOMATED)
    made = api.make(
        "Invoice",
        _sale(
            api,
            line("100.00", TaxCodeRef={"value": "TAX"}),
            TxnTaxDetail={"TotalTax": "1.00"},
            ShipAddr={"CountrySubDivisionCode": "CA"},
        ),
    )
    assert (made["TxnTaxDetail"]["TotalTax"], made["TotalAmt"]) == (Decimal("8.25"), Decimal("108.25"))
    preferences = api.call("GET", "/preferences").body["Preferences"]
    assert preferences["TaxPrefs"]["PartnerTaxEnabled"] is True


def test_automated_tax_goes_where_the_customer_is(connect: Connect) -> None:
    api = connect(AUTOMATED)
    customer = api.customer(BillAddr={"CountrySubDivisionCode": "OR"})
    taxed = [line("100.00", TaxCodeRef={"value": "TAX"})]
    made = api.make("Invoice", {"CustomerRef": {"value": customer}, "Line": taxed})
    assert made["TotalAmt"] == Decimal("100.00")


def test_a_customer_who_is_exempt_pays_no_us_tax(connect: Connect) -> None:
    api = connect(AUTOMATED)
    customer = api.customer(Taxable=False, BillAddr={"CountrySubDivisionCode": "CA"})
    taxed = [line("100.00", TaxCodeRef={"value": "TAX"})]
    assert api.make("Invoice", {"CustomerRef": {"value": customer}, "Line": taxed})["TotalAmt"] == 100


def test_elsewhere_each_line_needs_a_code(connect: Connect) -> None:
    api = connect(UK)
    assert api.post("Invoice", _sale(api, *lines("1.00"))).code == "6000"
    without = api.invoice("1", "1.00", GlobalTaxCalculation="NotApplicable")
    assert without["TotalAmt"] == Decimal("1.00")


def test_tax_is_rounded_once_for_each_rate(connect: Connect) -> None:
    api = connect(UK)
    thirds = [line("0.33", TaxCodeRef=_STANDARD) for _ in range(3)]
    made = api.make("Invoice", _sale(api, *thirds, line("1.00", TaxCodeRef=_REDUCED)))
    # 20 % of 0.99 is 0.20; line by line it would be 3 x 0.07.
    assert [each["Amount"] for each in made["TxnTaxDetail"]["TaxLine"]] == [Decimal("0.20"), Decimal("0.05")]
    assert made["TotalAmt"] == Decimal("2.24")
    assert made["GlobalTaxCalculation"] == "TaxExcluded"


def test_inclusive_amounts_become_net_lines(connect: Connect) -> None:
    api = connect(UK)
    gross = line("120.00", TaxCodeRef=_STANDARD, Qty=2, UnitPrice=60)
    made = api.make("Invoice", _sale(api, gross, GlobalTaxCalculation="TaxInclusive"))
    assert (made["TotalAmt"], made["TxnTaxDetail"]["TotalTax"]) == (Decimal("120.00"), Decimal("20.00"))
    kept = made["Line"][0]
    assert kept["Amount"] == Decimal("100.00")
    assert kept["SalesItemLineDetail"]["TaxInclusiveAmt"] == Decimal("120.00")


def test_an_inclusive_line_may_state_net_and_gross(connect: Connect) -> None:
    api = connect(UK)
    both = line("99.99", TaxCodeRef=_STANDARD, TaxInclusiveAmt="119.98")
    made = api.make("Invoice", _sale(api, both, GlobalTaxCalculation="TaxInclusive"))
    assert (made["TotalAmt"], made["TxnTaxDetail"]["TotalTax"]) == (Decimal("119.98"), Decimal("19.99"))


def test_a_sparse_update_computes_tax_anew(connect: Connect) -> None:
    api = connect(UK)
    made = api.make("Invoice", _sale(api, line("100.00", TaxCodeRef=_STANDARD)))
    change = {
        "Id": made["Id"],
        "SyncToken": "0",
        "sparse": True,
        "Line": [line("50.00", TaxCodeRef=_STANDARD)],
    }
    assert api.make("Invoice", change)["TotalAmt"] == Decimal("60.00")


def test_an_unknown_tax_code_is_refused(connect: Connect) -> None:
    api = connect(UK)
    assert api.post("Invoice", _sale(api, line("1.00", TaxCodeRef={"value": "77"}))).code == "2500"
