"""What a company tells of itself: CompanyInfo and Preferences. Both follow from its `Company` options."""

from __future__ import annotations

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.quickbooks import moments
from integration_pipeline.sandbox.quickbooks.books import Books


def company_info(books: Books) -> JsonObject:
    company = books.company
    return {
        "CompanyName": company.name,
        "LegalName": company.name,
        "Country": company.country,
        "FiscalYearStartMonth": "January",
        "SupportedLanguages": "en",
        "NameValue": [{"Name": "OfferingSku", "Value": "QuickBooks Online Plus"}],
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "0",
        "MetaData": _times(books),
    }


def preferences(books: Books) -> JsonObject:
    company = books.company
    closed = company.books_closed_to
    return {
        "AccountingInfoPrefs": {
            "FirstMonthOfFiscalYear": "January",
            "UseAccountNumbers": True,
            "TaxYearMonth": "January",
            "ClassTrackingPerTxn": False,
            "TrackDepartments": False,
            "CustomerTerminology": "Customers",
            **({} if closed is None else {"BookCloseDate": closed.isoformat()}),
        },
        "SalesFormsPrefs": {
            "CustomField": _custom_fields(books),
            "CustomTxnNumbers": company.custom_numbers,
            "AllowDeposit": False,
            "AllowDiscount": True,
            "AutoApplyCredit": False,
            "AutoApplyPayments": False,
        },
        "TaxPrefs": {
            "UsingSalesTax": company.tax != "none",
            **({"PartnerTaxEnabled": True} if company.tax == "automated" else {}),
        },
        "CurrencyPrefs": {
            "MultiCurrencyEnabled": company.multicurrency,
            "HomeCurrency": {"value": company.home_currency},
        },
        "OtherPrefs": {
            "NameValue": [
                {
                    "Name": "SalesFormsPrefs.WarnDuplicateInvoiceNumber",
                    "Value": "true" if company.refuse_duplicate_numbers else "false",
                }
            ]
        },
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "0",
        "MetaData": _times(books),
    }


def _custom_fields(books: Books) -> list[JsonObject]:
    """Which of the three fields sales forms show, and their names."""
    names = books.company.custom_fields
    shown: list[JsonObject] = [
        {
            "Name": f"SalesFormsPrefs.UseSalesCustom{place}",
            "Type": "BooleanType",
            "BooleanValue": place <= len(names),
        }
        for place in (1, 2, 3)
    ]
    named: list[JsonObject] = [
        {"Name": f"SalesFormsPrefs.SalesCustomName{place}", "Type": "StringType", "StringValue": name}
        for place, name in enumerate(names, 1)
    ]
    return [{"CustomField": shown}, {"CustomField": named}]


def _times(books: Books) -> JsonObject:
    written = moments.written(books.now_s(), books.company.utc_offset)
    return {"CreateTime": written, "LastUpdatedTime": written}
