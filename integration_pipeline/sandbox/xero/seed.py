"""What every organisation has when it is new: a chart of accounts and tax rates.

Codes are those of Xero's own demo company; the standard rate is the organisation's (`Tenant.tax_percent`).
"""

from __future__ import annotations

from decimal import Decimal

from integration_pipeline.sandbox.exact_json import JsonObject
from integration_pipeline.sandbox.xero.kinds import ACCOUNTS, TAX_RATES
from integration_pipeline.sandbox.xero.options import Tenant
from integration_pipeline.sandbox.xero.records import Records

CLASSES = {
    "BANK": "ASSET",
    "CURRENT": "ASSET",
    "FIXED": "ASSET",
    "INVENTORY": "ASSET",
    "NONCURRENT": "ASSET",
    "PREPAYMENT": "ASSET",
    "EQUITY": "EQUITY",
    "DEPRECIATN": "EXPENSE",
    "DIRECTCOSTS": "EXPENSE",
    "EXPENSE": "EXPENSE",
    "OVERHEADS": "EXPENSE",
    "CURRLIAB": "LIABILITY",
    "LIABILITY": "LIABILITY",
    "TERMLIAB": "LIABILITY",
    "OTHERINCOME": "REVENUE",
    "REVENUE": "REVENUE",
    "SALES": "REVENUE",
}

# Code, name, type, tax type, system account.
_CHART = (
    ("090", "Business Bank Account", "BANK", "NONE", ""),
    ("091", "Business Savings Account", "BANK", "NONE", ""),
    ("200", "Sales", "REVENUE", "OUTPUT2", ""),
    ("260", "Other Revenue", "REVENUE", "OUTPUT2", ""),
    ("310", "Cost of Goods Sold", "DIRECTCOSTS", "INPUT2", ""),
    ("400", "Advertising", "EXPENSE", "INPUT2", ""),
    ("404", "Bank Fees", "EXPENSE", "NONE", ""),
    ("610", "Accounts Receivable", "CURRENT", "NONE", "DEBTORS"),
    ("620", "Prepayments", "CURRENT", "NONE", ""),
    ("630", "Inventory", "INVENTORY", "NONE", ""),
    ("800", "Accounts Payable", "CURRLIAB", "NONE", "CREDITORS"),
    ("820", "GST", "CURRLIAB", "NONE", "GST"),
    ("840", "Historical Adjustment", "CURRLIAB", "NONE", "HISTORICAL"),
    ("850", "Deferred Revenue", "CURRLIAB", "NONE", ""),
    ("860", "Rounding", "CURRLIAB", "NONE", "ROUNDING"),
    ("960", "Retained Earnings", "EQUITY", "NONE", "RETAINEDEARNINGS"),
    ("970", "Owner A Funds Introduced", "EQUITY", "NONE", ""),
    ("497", "Bank Revaluations", "EXPENSE", "NONE", "BANKCURRENCYGAIN"),
)
_PAYABLE = frozenset({"970"})

_EVERYWHERE = ("Assets", "Equity", "Expenses", "Liabilities", "Revenue")
_SALES = ("Assets", "Equity", "Liabilities", "Revenue")
_PURCHASES = ("Assets", "Equity", "Expenses", "Liabilities")


def furnish(records: Records, tenant: Tenant) -> None:
    """Give an organisation what it lacks of these; one that has them is left alone."""
    if records.by_number(ACCOUNTS, "200") is not None:
        return
    for code, name, kind, tax_type, system in _CHART:
        records.add(ACCOUNTS, account(code, name, kind, tax_type, system, tenant.base_currency))
    rate = tenant.tax_percent
    label = f"{rate.normalize():f}% GST"
    for tax_rate in (
        tax_rate_element(f"{label} on Income", "OUTPUT2", "OUTPUT", [("GST", rate, False)], _SALES),
        tax_rate_element(f"{label} on Expenses", "INPUT2", "INPUT", [("GST", rate, False)], _PURCHASES),
        tax_rate_element("Zero Rated", "ZERORATED", "OUTPUT", [("GST", Decimal(0), False)], _SALES),
        tax_rate_element("No GST", "NONE", "NONE", [("GST", Decimal(0), False)], _EVERYWHERE),
    ):
        records.add(TAX_RATES, tax_rate)


def account(code: str, name: str, kind: str, tax_type: str, system: str, currency: str) -> JsonObject:
    element: JsonObject = {
        "Code": code,
        "Name": name,
        "Status": "ACTIVE",
        "Type": kind,
        "TaxType": tax_type,
        "Class": CLASSES[kind],
        "EnablePaymentsToAccount": code in _PAYABLE,
        "ShowInExpenseClaims": False,
        "ReportingCode": CLASSES[kind][:3],
        "ReportingCodeName": CLASSES[kind].title(),
        "HasAttachments": False,
        "AddToWatchlist": False,
    }
    if system:
        element["SystemAccount"] = system
    if kind == "BANK":
        element |= {
            "BankAccountNumber": f"0209087654321{code}",
            "BankAccountType": "BANK",
            "CurrencyCode": currency,
        }
    return element


def tax_rate_element(
    name: str,
    tax_type: str,
    report: str | None,
    components: list[tuple[str, Decimal, bool]],
    applies_to: tuple[str, ...] = _EVERYWHERE,
) -> JsonObject:
    """`components` are name, per cent and whether compounded: upon the sum of the plain ones."""
    plain = sum((percent for _, percent, compound in components if not compound), Decimal(0))
    compounded = sum((percent for _, percent, compound in components if compound), Decimal(0))
    effective = (plain + compounded + plain * compounded / 100).quantize(Decimal("0.0001"))
    element: JsonObject = {
        "Name": name,
        "TaxType": tax_type,
        **{f"CanApplyTo{target}": target in applies_to for target in _EVERYWHERE},
        "DisplayTaxRate": (plain + compounded).quantize(Decimal("0.0001")),
        "EffectiveRate": effective,
        "Status": "ACTIVE",
        "TaxComponents": [
            {
                "Name": label,
                "Rate": percent.quantize(Decimal("0.0001")),
                "IsCompound": compound,
                "IsNonRecoverable": False,
            }
            for label, percent, compound in components
        ],
    }
    if report is not None:
        element["ReportTaxType"] = report
    return element
