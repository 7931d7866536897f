"""What an organisation lacks for posting to work: accounts, tax types at our rates, currencies, open periods.

Belongs here: the targets file held against the organisation. Does not belong here: changing either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from integration_pipeline.accounting.documents import REVERSE_CHARGE
from integration_pipeline.accounting.xero.answers import day
from integration_pipeline.accounting.xero.api import XeroApi
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.transport.shapes import Json

_LOCKS = {"PeriodLockDate": "period lock date", "EndOfYearLockDate": "end of year lock date"}
_CLASSES = ("REVENUE", "LIABILITY")


def problems(api: XeroApi, config: XeroConfig) -> list[str]:
    """Each with its next step, in the order of the file. Four calls."""
    accounts = {_text(each, "Code"): each for each in api.whole("Accounts")}
    rates = {_text(each, "TaxType"): each for each in api.whole("TaxRates")}
    currencies = [each.field("Code").text() for each in api.whole("Currencies")]
    [organisation] = api.whole("Organisation", key="Organisations")[:1] or [None]
    return [
        *_of_revenue(config, accounts),
        *_of_taxes(config, rates),
        *_of_payments(config, accounts),
        *(
            f"Xero does not know the currency {each}; add it in Xero (Settings, Currencies)"
            for each in config.currencies
            if each not in currencies
        ),
        *_of_locks(config, organisation),
    ]


def _of_revenue(config: XeroConfig, accounts: Mapping[str, Json]) -> Iterator[str]:
    for place in ("on_invoice", "deferred"):
        code: str | None = getattr(config.revenue, place)
        if code is None:
            continue
        yield from _of_account(f"revenue.{place}", code, accounts)
        if code in accounts and _text(accounts[code], "Class") not in _CLASSES:
            yield (
                f"revenue.{place}: the account {code} is of the class {_text(accounts[code], 'Class')}; "
                "name one of revenue or a liability"
            )


def _of_taxes(config: XeroConfig, rates: Mapping[str, Json]) -> Iterator[str]:
    expected = {"untaxed": (config.untaxed, Decimal(0))}
    for name, tax_type in config.taxes.items():
        percent = _percent(name)
        if percent is None:
            yield (
                f"taxes.{name}: write the tax's name and its rate, such as `GST 15`, and several of a line "
                "with ` + ` between them, in the order of the alphabet"
            )
        else:
            expected[f"taxes.{name}"] = (tax_type, percent)
    for place, (tax_type, percent) in expected.items():
        rate = rates.get(tax_type)
        if rate is None or _text(rate, "Status") != "ACTIVE":
            yield f"{place}: Xero has no tax type {tax_type}; it has {', '.join(_active(rates))}"
            continue
        effective = rate.field("EffectiveRate").number()
        if effective != percent:
            yield (
                f"{place}: the tax type {tax_type} is {effective.normalize():f} % in Xero, not "
                f"{percent.normalize():f} %; name another, or create one in Xero (Accounting, Tax rates)"
            )
        applies = rate.optional("CanApplyToRevenue")
        if applies is not None and not applies.flag():
            yield f"{place}: Xero does not apply the tax type {tax_type} to sales; name another"


def _of_payments(config: XeroConfig, accounts: Mapping[str, Json]) -> Iterator[str]:
    for method, money in config.payments.items():
        yield from _of_account(f"payments.{method}.account", money.account, accounts)
        found = accounts.get(money.account)
        if found is not None and _text(found, "Type") != "BANK" and not _takes_payments(found):
            yield (
                f"payments.{method}.account: {money.account} is no bank account; name one, or enable "
                "payments to it in Xero (Accounting, Chart of accounts)"
            )
        if money.fee is not None:
            yield from _of_account(f"payments.{method}.fee.account", money.fee.account, accounts)


def _of_account(place: str, code: str, accounts: Mapping[str, Json]) -> Iterator[str]:
    found = accounts.get(code)
    if found is None:
        yield f"{place}: Xero has no account with the code {code}; create it, or name another"
    elif _text(found, "Status") != "ACTIVE":
        yield f"{place}: the account {code} is archived in Xero; restore it, or name another"


def _of_locks(config: XeroConfig, organisation: Json | None) -> Iterator[str]:
    for field, name in _LOCKS.items():
        found = organisation.optional(field) if organisation is not None else None
        if found is not None and day(found) >= config.since:
            yield (
                f"the {name} in Xero is {day(found)}: documents dated up to it will be refused. Move it "
                f"(Accounting, Advanced, Financial settings), or set `since`, now {config.since}, after it"
            )


def _percent(name: str) -> Decimal | None:
    """The sum of the rates in `GST 5 + QST 9.975` that are charged; None for what is not written so."""
    parts = name.split(" + ")
    rates = [part.removesuffix(REVERSE_CHARGE).rpartition(" ")[2] for part in parts]
    well_written = all(
        each.replace(".", "", 1).isdecimal() and each.isascii() and " " in part
        for each, part in zip(rates, parts, strict=True)
    )
    if not well_written or parts != sorted(parts):
        return None
    charged = [
        Decimal(rate) for rate, part in zip(rates, parts, strict=True) if not part.endswith(REVERSE_CHARGE)
    ]
    return sum(charged, Decimal(0))


def _active(rates: Mapping[str, Json]) -> Sequence[str]:
    return sorted(name for name, rate in rates.items() if _text(rate, "Status") == "ACTIVE")


def _takes_payments(account: Json) -> bool:
    enabled = account.optional("EnablePaymentsToAccount")
    return enabled is not None and enabled.flag()


def _text(element: Json, name: str) -> str:
    return element.optional_text(name) or ""
