"""Taxes of a document as a QuickBooks company takes them: by document, by line, or not at all.

In the US a line is only taxed or not, and a document has one tax code, or QuickBooks computes the tax itself;
elsewhere each line has a code. QuickBooks would round each rate over all lines; our amounts are stated where
it takes them.

Belongs here: codes, rates and stated amounts. Does not belong here: computing tax (`billing.tax`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from integration_pipeline.accounting.documents import REVERSE_CHARGE, DocumentTax
from integration_pipeline.accounting.quickbooks.api import QuickBooksApi
from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.target import OutgoingDocument
from integration_pipeline.billing.money import Money
from integration_pipeline.transport.json_types import JsonObject


class CannotBeSent(Exception):  # noqa: N818 - reads as the statement it makes
    """Something that QuickBooks cannot be told as it is; the message names it and the next step."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A TaxRate of a code."""

    id: str
    percent: Decimal


@dataclass(frozen=True, slots=True)
class TaxFields:
    """`codes` are those of the lines, in order; `fields` belong to the document."""

    codes: tuple[str | None, ...]
    fields: JsonObject


class TaxRates:
    """The company's tax codes with their rates, read once and again when an unknown one comes up."""

    def __init__(self, api: QuickBooksApi) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: Mapping[str, tuple[Rate, ...]] = {}

    def of(self, code: str) -> tuple[Rate, ...]:
        """The rates of a code; none if the company does not have it."""
        with self._lock:
            if code not in self._known:
                self._known = self.read()
            return self._known.get(code, ())

    def read(self) -> Mapping[str, tuple[Rate, ...]]:
        """Rates by code, as they are now."""
        percents = {
            rate.field("Id").identifier(): rate.field("RateValue").number()
            for rate in self._api.find("TaxRate", "")
            if rate.optional("RateValue")
        }
        codes: dict[str, tuple[Rate, ...]] = {}
        for code in self._api.find("TaxCode", ""):
            listed = code.optional("SalesTaxRateList")
            details = listed.optional("TaxRateDetail") if listed else None
            ids = [
                each.field("TaxRateRef").field("value").identifier()
                for each in (details.items() if details else [])
            ]
            codes[code.field("Id").identifier()] = tuple(
                Rate(each, percents[each]) for each in ids if each in percents
            )
        return codes


def key_of(taxes: Iterable[DocumentTax]) -> str:
    """How the targets file names the taxes of a line: `VAT 20`, `CA 6 + Los Angeles 3.25`."""
    return " + ".join(tax.label for tax in taxes)


def percents_of(key: str) -> list[Decimal] | None:
    """The percents in such a name that are charged; None where it is not written like one."""
    try:
        return [_percent_of(part) for part in key.split(" + ")]
    except ArithmeticError:
        return None


def _percent_of(name: str) -> Decimal:
    percent = Decimal(name.removesuffix(REVERSE_CHARGE).rpartition(" ")[2])
    return Decimal(0) if name.endswith(REVERSE_CHARGE) else percent


def tax_fields(document: OutgoingDocument, config: QuickBooksConfig, rates: TaxRates) -> TaxFields:
    """What says the taxes of a document. Raises `CannotBeSent` for a tax without a code, and for one that the
    lines do not have: by them QuickBooks decides what is taxed at all.
    """
    _require_same(document)
    match config.sales_tax:
        case "automated":
            return TaxFields(_taxed_or_not(document), {})
        case "by_document":
            return TaxFields(_taxed_or_not(document), _one_code(document, config))
        case "by_line":
            return _by_line(document, config, rates)


def _require_same(document: OutgoingDocument) -> None:
    currency = document.total.currency
    of_lines = Money(sum(line.tax_amount.minor for line in document.lines), currency)
    of_document = Money(sum(tax.amount.minor for tax in document.taxes), currency)
    if of_lines != of_document:
        raise CannotBeSent(
            f"its taxes are {of_document.format()} and those of its lines {of_lines.format()}, as of a "
            "document booked before lines kept theirs; enter it in QuickBooks by hand under its number, then "
            "have it found there (`targets resend`)"
        )


def _taxed_or_not(document: OutgoingDocument) -> tuple[str, ...]:
    return tuple("TAX" if line.taxes else "NON" for line in document.lines)


def _one_code(document: OutgoingDocument, config: QuickBooksConfig) -> JsonObject:
    keys = sorted({key_of(line.taxes) for line in document.lines if line.taxes})
    if not keys:
        return {}
    if len(keys) > 1:
        raise CannotBeSent(
            f"its lines are taxed by {' and by '.join(keys)}, and QuickBooks has one tax code for a US "
            "document; bill them on documents of their own, or use automated sales tax"
        )
    code = _code(config, keys[0])
    return {"TxnTaxDetail": {"TxnTaxCodeRef": {"value": code}, "TotalTax": _total(document.taxes)}}


def _by_line(document: OutgoingDocument, config: QuickBooksConfig, rates: TaxRates) -> TaxFields:
    keys = [key_of(line.taxes) for line in document.lines]
    if not any(keys) and config.untaxed_code is None:
        return TaxFields((None,) * len(keys), {"GlobalTaxCalculation": "NotApplicable"})
    codes = tuple(_code(config, key) if key else _untaxed(config) for key in keys)
    detail: dict[str, object] = {"TotalTax": _total(document.taxes)}
    if stated := _stated(document, codes, rates):
        detail["TaxLine"] = stated
    return TaxFields(codes, {"GlobalTaxCalculation": "TaxExcluded", "TxnTaxDetail": detail})  # pyright: ignore[reportArgumentType] - JSON all through


def _stated(document: OutgoingDocument, codes: Sequence[str], rates: TaxRates) -> list[JsonObject]:
    """Our amount of each tax, by QuickBooks' rate; none at all unless each tax is one rate there."""
    used = {code for code, line in zip(codes, document.lines, strict=True) if line.taxes}
    stated: list[JsonObject] = []
    for tax in document.taxes:
        found = {rate.id for code in used for rate in rates.of(code) if rate.percent == tax.charged_percent}
        if len(found) != 1:
            return []
        stated.append(
            {
                "Amount": tax.amount.to_decimal(),
                "DetailType": "TaxLineDetail",
                "TaxLineDetail": {
                    "TaxRateRef": {"value": found.pop()},
                    "PercentBased": True,
                    "TaxPercent": tax.charged_percent,
                    "NetAmountTaxable": tax.base.to_decimal(),
                },
            }
        )
    ids = [str(each["TaxLineDetail"]) for each in stated]
    return stated if len(set(ids)) == len(ids) else []


def _code(config: QuickBooksConfig, key: str) -> str:
    code = config.tax_codes.get(key)
    if code is None:
        known = ", ".join(config.tax_codes) or "none"
        raise CannotBeSent(
            f"the tax {key!r} has no tax code; add it to tax_codes of {config.name} in the targets file "
            f"(there are: {known})"
        )
    return code


def _untaxed(config: QuickBooksConfig) -> str:
    if config.untaxed_code is None:
        raise CannotBeSent(
            "a line without tax needs a tax code beside lines that have one; "
            f"set untaxed_code of {config.name} in the targets file"
        )
    return config.untaxed_code


def _total(taxes: Iterable[DocumentTax]) -> Decimal:
    return sum((tax.amount.to_decimal() for tax in taxes), Decimal(0))
