"""A document as Xero takes it: lines, accounts, tax types, and each line's tax as it was computed here.

Xero multiplies quantity and price, and computes tax line by line; here a price may be graduated or prorated,
and tax may be computed over the document. So a line states quantity and price only where they multiply to its
amount, and its tax always.

Belongs here: our document in Xero's fields. Does not belong here: sending it (`documents`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from integration_pipeline.accounting.documents import DocumentKind
from integration_pipeline.accounting.target import OutgoingDocument, OutgoingLine, Refused
from integration_pipeline.accounting.xero.amounts import too_fine
from integration_pipeline.accounting.xero.answers import SHAPES
from integration_pipeline.accounting.xero.config import XeroConfig, tax_name
from integration_pipeline.billing.money import Money, round_to_minor, tie_to_total
from integration_pipeline.transport.failures import clean
from integration_pipeline.transport.json_types import JsonObject, JsonValue

PRICE_PLACES = 4
_QUANTITY_PLACES = 4
_LARGEST_QUANTITY = Decimal(100_000_000)
_LONGEST_REFERENCE = 255
_LONGEST_DESCRIPTION = 4_000
_FINDABLE = str.maketrans({'"': "'", "\\": "/"})


class Unfit(ValueError):  # noqa: N818 - said of the document
    """A document Xero cannot have as it is; the message is the reason with its next step."""


def as_element(document: OutgoingDocument, config: XeroConfig) -> JsonObject | Refused:
    """The document in Xero's fields, or why there is no way to write it exactly."""
    try:
        return _element(document, config)
    except Unfit as unfit:
        return Refused(f"{document.kind.value.replace('_', ' ')} {document.number}: {unfit}")


def references(document: OutgoingDocument) -> str:
    """What stands in the document's reference: its customer's purchase order, what it reverses, ours.

    Without what a filter cannot hold, so that it can be looked for.
    """
    ours = " / ".join(filter(None, (document.reverses_number, document.reference))).translate(_FINDABLE)
    room = _LONGEST_REFERENCE - len(ours) - len(" / ")
    order = clean(document.purchase_order or "").translate(_FINDABLE)[:room].rstrip()
    return f"{order} / {ours}" if order else ours


def _element(document: OutgoingDocument, config: XeroConfig) -> JsonObject:
    shape = SHAPES[document.kind]
    taxes = _line_taxes(document)
    lines = [_line(line, tax, config) for line, tax in zip(document.lines, taxes, strict=True)]
    if not lines:
        raise Unfit("it has no lines; Xero takes no document without")
    element: dict[str, JsonValue] = {
        "Type": shape.type,
        shape.number: document.number,
        "Reference": references(document),
        "Contact": {"ContactID": document.customer_id},
        "Date": document.issue_date.isoformat(),
        "LineAmountTypes": "Exclusive",
        "CurrencyCode": document.total.currency,
        "Status": "AUTHORISED",
        "LineItems": lines,
    }
    if document.kind is DocumentKind.INVOICE:
        element["DueDate"] = document.due_date.isoformat()
    return element


def _line(line: OutgoingLine, tax: Money, config: XeroConfig) -> Mapping[str, JsonValue]:
    tax_type = config.tax_type(line.taxes)
    if tax_type is None:
        raise Unfit(
            f"`taxes` of the targets file names no tax type for {tax_name(line.taxes)!r}, which "
            f"{line.description!r} has; add it, then send it again (`targets resend`)"
        )
    _require_usual_tax(line, tax, config)
    quantity, price = _quantity_and_price(line)
    return {
        "Description": _description(line, stated=price == line.unit_price),
        "Quantity": quantity,
        "UnitAmount": price,
        "LineAmount": _amount(line.amount),
        "AccountCode": config.revenue.of(line.revenue),
        "TaxType": tax_type,
        "TaxAmount": _amount(tax),
    }


def _description(line: OutgoingLine, *, stated: bool) -> str:
    """Where quantity and price do not stand beside it, the formula says how the amount came about."""
    parts = [line.description]
    if line.service_start and line.service_end:
        parts.append(f"{line.service_start} to {line.service_end - timedelta(days=1)}")
    if line.explanation and not stated:
        parts.append(line.explanation)
    return "\n".join(filter(None, parts))[:_LONGEST_DESCRIPTION] or "-"


def _quantity_and_price(line: OutgoingLine) -> tuple[Decimal, Decimal]:
    """Xero takes no negative quantity, and four decimals of one."""
    quantity, price = line.quantity_and_price(PRICE_PLACES)
    if quantity < 0:
        quantity, price = -quantity, -price
    fits = quantity == quantity.quantize(Decimal(1).scaleb(-_QUANTITY_PLACES))
    if not fits or not 0 < quantity < _LARGEST_QUANTITY:
        return Decimal(1), _amount(line.amount)
    return quantity, price


def _line_taxes(document: OutgoingDocument) -> Sequence[Money]:
    """The tax of each line, which add up to the document's: where its own do not, the rest is spread."""
    currency = document.total.currency
    net = sum(line.amount.minor for line in document.lines)
    wanted = sum(tax.amount.minor for tax in document.taxes)
    if net + wanted != document.total.minor:
        raise Unfit(
            f"its lines {Money(net, currency).format()} and taxes {Money(wanted, currency).format()} are not "
            f"its total {document.total.format()}; report this, it is no fault of yours"
        )
    stated = [line.tax_amount.minor for line in document.lines]
    if sum(stated) != wanted:
        taxed = [place for place, line in enumerate(document.lines) if line.taxes]
        if not taxed:
            raise Unfit(f"it has a tax of {Money(wanted, currency).format()}, but no line with one")
        parts = tie_to_total([stated[place] for place in taxed], 1, wanted)
        for place, part in zip(taxed, parts, strict=True):
            stated[place] = part
    return [Money(minor, currency) for minor in stated]


def _require_usual_tax(line: OutgoingLine, tax: Money, config: XeroConfig) -> None:
    percent = sum((Fraction(each.charged_percent) for each in line.taxes), Fraction(0))
    usual = round_to_minor(Fraction(line.amount.to_decimal()) * percent / 100, line.amount.currency)
    if abs(tax.minor - usual.minor) > config.largest_tax_difference:
        raise Unfit(
            f"the tax of {line.description!r} is {tax.format()}, and {usual.format()} by Xero's way of "
            f"computing {tax_name(line.taxes)!r} of {line.amount.format()}; book it in Xero by hand, or "
            "raise `largest_tax_difference` in the targets file"
        )


def _amount(money: Money) -> Decimal:
    """Raises `Unfit` for an amount that Xero cannot hold."""
    if why := too_fine(money):
        raise Unfit(why)
    return money.to_decimal()
