"""Whether posting to a company can work: what the targets file names against what the company has.

Belongs here: what may be missing, each with the next step. Does not belong here: anything that changes the
company.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from integration_pipeline.accounting.quickbooks.api import INACTIVE_TOO, QuickBooksApi
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.quickbooks.taxes import Rate, TaxRates, percents_of
from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.transport.shapes import Json

_LIABILITIES = ("Other Current Liability", "Long Term Liability")
_BANKS = ("Bank", "Other Current Asset")
_EXPENSES = ("Expense", "Other Expense", "Cost of Goods Sold")
_MOST_NAMED = 8


def problems(api: QuickBooksApi, config: QuickBooksConfig, rates: TaxRates) -> list[str]:
    """Everything that would keep documents out, or let them in wrongly. Reads only."""
    preferences = api.preferences()
    items = {each.field("Id").identifier(): each for each in api.find("Item", INACTIVE_TOO)}
    accounts = {each.field("Id").identifier(): each for each in api.find("Account", INACTIVE_TOO)}
    return [
        *_preferences(preferences, config),
        *_items(items, accounts, config),
        *_accounts(accounts, config),
        *(_tax_codes(rates.read(), config) if _needs_codes(config) else ()),
    ]


def _preferences(preferences: Json, config: QuickBooksConfig) -> Iterator[str]:
    currencies = preferences.optional("CurrencyPrefs")
    home = _at(currencies, "HomeCurrency", "value")
    if home is not None and home != config.home_currency:
        yield f"the company's home currency is {home}; set home_currency to it in the targets file"
    if _at(preferences, "SalesFormsPrefs", "CustomTxnNumbers") is not True:
        yield (
            "QuickBooks would number documents by itself; turn on Custom transaction numbers "
            "(Account and settings, Sales, Sales form content)"
        )
    if _at(preferences, "SalesFormsPrefs", "AutoApplyCredit") is True:
        yield (
            "QuickBooks applies credits to invoices by itself, where this pipeline says which; turn off "
            "Automatically apply credits (Account and settings, Advanced, Automation)"
        )
    yield from _warnings(preferences)
    yield from _regime(preferences, config)
    closed = _at(preferences, "AccountingInfoPrefs", "BookCloseDate")
    if isinstance(closed, str) and _is_day(closed) and config.since <= date.fromisoformat(closed[:10]):
        yield (
            f"the books are closed until {closed[:10]} and documents are to be posted from {config.since}; "
            "reopen that period, or set since to a later day"
        )


def _warnings(preferences: Json) -> Iterator[str]:
    others = preferences.optional("OtherPrefs")
    listed = others.optional("NameValue") if others else None
    for each in listed.items() if listed else []:
        name = _at(each, "Name")
        if (
            isinstance(name, str)
            and name.endswith("WarnDuplicateInvoiceNumber")
            and _at(each, "Value") == "false"
        ):
            yield (
                "QuickBooks would take one number twice; turn on Warn about duplicate transaction numbers "
                "(Account and settings, Sales, Sales form content)"
            )


def _regime(preferences: Json, config: QuickBooksConfig) -> Iterator[str]:
    uses_tax = _at(preferences, "TaxPrefs", "UsingSalesTax") is True
    is_automated = _at(preferences, "TaxPrefs", "PartnerTaxEnabled") is not None
    if is_automated and config.sales_tax == "by_document":
        yield (
            "the company computes sales tax by itself and would ignore ours; set sales_tax to automated in "
            "the targets file, and expect its amounts to be compared with ours"
        )
    if not is_automated and config.sales_tax == "automated":
        yield "the company has no automated sales tax; set sales_tax to by_document or by_line"
    if not uses_tax and _needs_codes(config):
        yield "sales tax is switched off in the company, yet tax_codes are set; set it up under Taxes"


def _items(
    items: Mapping[str, Json], accounts: Mapping[str, Json], config: QuickBooksConfig
) -> Iterator[str]:
    for treatment in RevenueTreatment:
        identifier = config.items.get(treatment)
        if identifier is None:
            yield f"no item is set for revenue {treatment}; set items.{treatment} in the targets file"
            continue
        item = items.get(identifier)
        if item is None:
            yield f"items.{treatment} is {identifier}, which there is not; there are {_listed(items)}"
            continue
        name = _at(item, "Name")
        if _at(item, "Active") is False:
            yield f"the item {name!r} (items.{treatment}) is inactive; make it active again"
        account = accounts.get(str(_at(item, "IncomeAccountRef", "value")))
        if account is None:
            yield f"the item {name!r} (items.{treatment}) has no income account; give it one"
        elif treatment is RevenueTreatment.DEFERRED and _at(account, "AccountType") not in _LIABILITIES:
            yield (
                f"the item {name!r} (items.deferred) books to {_at(account, 'Name')!r}, of type "
                f"{_at(account, 'AccountType')}; deferred revenue belongs on a liability account"
            )


def _accounts(accounts: Mapping[str, Json], config: QuickBooksConfig) -> Iterator[str]:
    for method, identifier in config.deposit_accounts.items():
        yield from _account(accounts, f"deposit_accounts.{method}", identifier, _BANKS)
        account = accounts.get(identifier)
        pays = config.fee_account is not None or config.receivable_account is not None
        if account is not None and pays and _at(account, "AccountType") == _BANKS[1]:
            yield (
                f"deposit_accounts.{method} is {_at(account, 'Name')!r}, of type {_BANKS[1]}; fees and money "
                "given back can only leave a bank account"
            )
    if config.fee_account is not None:
        yield from _account(accounts, "fee_account", config.fee_account, _EXPENSES)
    if config.receivable_account is not None:
        yield from _account(
            accounts, "receivable_account", config.receivable_account, ("Accounts Receivable",)
        )


def _account(
    accounts: Mapping[str, Json], setting: str, identifier: str, types: Sequence[str]
) -> Iterator[str]:
    account = accounts.get(identifier)
    if account is None:
        fitting = {key: each for key, each in accounts.items() if _at(each, "AccountType") in types}
        yield f"{setting} is {identifier}, which there is not; there are {_listed(fitting)}"
    elif _at(account, "Active") is False:
        yield f"the account {_at(account, 'Name')!r} ({setting}) is inactive; make it active again"
    elif _at(account, "AccountType") not in types:
        yield (
            f"{setting} is {_at(account, 'Name')!r}, of type {_at(account, 'AccountType')}; "
            f"it has to be {' or '.join(types)}"
        )


def _tax_codes(codes: Mapping[str, tuple[Rate, ...]], config: QuickBooksConfig) -> Iterator[str]:
    for key, code in config.tax_codes.items():
        rates = codes.get(code)
        if rates is None:
            yield f"tax_codes[{key!r}] is {code}, which there is not; there are {', '.join(codes) or 'none'}"
            continue
        ours, theirs = percents_of(key), [rate.percent for rate in rates]
        if ours is None:
            yield f"tax_codes[{key!r}] is not written as a name and a percent, such as 'VAT 20'"
        elif sum(ours) != sum(theirs):
            yield (
                f"tax_codes[{key!r}] is {code}, whose rates are {sum(theirs)} percent together; "
                f"name the code with {sum(ours)} percent"
            )
    if config.untaxed_code is not None and config.untaxed_code not in codes:
        known = ", ".join(codes) or "none"
        yield f"untaxed_code is {config.untaxed_code}, which there is not; there are {known}"


def _needs_codes(config: QuickBooksConfig) -> bool:
    return config.sales_tax != "automated" and bool(config.tax_codes or config.untaxed_code)


def _listed(records: Mapping[str, Json]) -> str:
    named = [f"{identifier} {_at(each, 'Name')}" for identifier, each in records.items()]
    more = ", ..." if len(named) > _MOST_NAMED else ""
    return ", ".join(named[:_MOST_NAMED]) + more if named else "none"


def _at(answer: Json | None, *names: str) -> object:
    """The value at the end of these fields; None where one of them is missing."""
    for name in names:
        if answer is None:
            return None
        answer = answer.optional(name)
    return answer.value if answer else None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True
