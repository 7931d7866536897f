"""Cases about tax on documents: figures of the whole document under one convention or several.

Does not belong here: reading documents (`document_notation`), or figures of a single line (`totals`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from integration_pipeline.billing.policies import Policies
from integration_pipeline.billing.tax import TaxGroup
from integration_pipeline.billing.totals import DocumentTotals
from integration_pipeline_tests.cases.document_notation import (
    VARIANTS,
    Document,
    DocumentInputs,
    in_cents,
    read_document,
    shown,
    with_variant,
)
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapter

_FIGURES: Mapping[str, Callable[[DocumentTotals], object]] = {
    "tax": lambda totals: totals.tax,
    "tax_total": lambda totals: totals.tax,
    "vat": lambda totals: totals.tax,
    "total": lambda totals: totals.total,
    "grand_total": lambda totals: totals.total,
    "debtors": lambda totals: totals.total,
    "discount_account": lambda totals: totals.grand_total_discount,
    "net": lambda totals: totals.net,
    "net_total": lambda totals: totals.net,
    "sales": lambda totals: totals.net,
    "base": lambda totals: totals.net,
    "subtotal": lambda totals: totals.subtotal,
    "fees": lambda totals: totals.subtotal,
    "coupon": lambda totals: totals.discount,
    "discount": lambda totals: totals.discount,
    "taxes": lambda totals: [group.tax_alone for group in totals.groups],
    "bases": lambda totals: [group.base for group in totals.groups],
    "groups": lambda totals: len(totals.groups),
    "line_tax": lambda totals: [line.tax for line in totals.lines],
    "line_taxes": lambda totals: [line.tax for line in totals.lines],
    "tax_per_fee": lambda totals: [line.tax for line in totals.lines],
    "tax_per_line": lambda totals: [line.tax for line in totals.lines],
    "line_net": lambda totals: [line.net for line in totals.lines],
    "coupon_per_fee": lambda totals: [line.discount for line in totals.lines],
    "discount_per_line": lambda totals: [line.discount for line in totals.lines],
    "line_sum_shown": lambda totals: totals.lines[0].amount_alone,
    "effective_rate": lambda totals: totals.effective_tax_percent,
    "totals": lambda totals: totals.total,
}
"""The figures of a document by the names that cases give them."""

_LINE_FIGURE = re.compile(r"net_(price|discount|line)(?:_(\d+))?")


@adapter("tax/*", "rounding/*", "discount/on_grand_total", "discount/document_*")
def document_figures(case: Case) -> Mapping[str, Any]:
    """A document's figures under the case's policies, or under those that a figure's own name states."""
    cents = in_cents(case.inputs)
    entries = DocumentInputs(case.inputs).entries()
    documents = [read_document(entry, case) for entry in entries]
    for entry in entries:
        _refuse_unread(entry)
    answers: dict[str, Any] = {}
    for name in case.asked:
        figures = [_figure(name, case.expected[name], document, case.policies) for document in documents]
        answers[name] = figures if "cases" in case.inputs else figures[0]
    return shown(answers, cents=cents)


def _refuse_unread(inputs: DocumentInputs) -> None:
    inputs.skip("currency")
    inputs.done()


def _figure(name: str, form: object, document: Document, policies: Policies) -> Any:
    """One figure; `form` is looked at for the names inside it."""
    if isinstance(form, Mapping):
        inner = cast("Mapping[str, Any]", form)
        chosen = with_variant(policies, name) if name in VARIANTS else policies
        return {key: _figure(key, value, document, chosen) for key, value in inner.items()}
    plain = name.removesuffix("_cents")
    if plain in _FIGURES:
        return _FIGURES[plain](document.totals(policies))
    if found := _LINE_FIGURE.fullmatch(plain):
        return _line_figure(found[1], int(found[2] or 1), document, policies)
    for variant in sorted(VARIANTS, key=len, reverse=True):
        if plain == f"{variant}_would_be":
            return document.totals(with_variant(policies, variant)).tax
        if plain.startswith(f"{variant}_"):
            return _figure(plain.removeprefix(f"{variant}_"), form, document, with_variant(policies, variant))
    totals = document.totals(policies)
    if (group := _group(plain.removeprefix("base_of_"), totals)) is not None:
        return group.base if plain.startswith("base_of_") else group.tax
    raise NotExpressible(f"no figure is known as {name!r}")


def _group(name: str, totals: DocumentTotals) -> TaxGroup | None:
    return next((group for group in totals.groups if group.rate.name == name), None)


def _line_figure(name: str, number: int, document: Document, policies: Policies) -> Any:
    """`net_line_3` is the amount of the third line, which must state a price."""
    lines = document.line_amounts(policies)
    if not 0 < number <= len(lines):
        raise NotExpressible(f"line {number} of {len(lines)} with a price is asked for")
    line = lines[number - 1]
    return {"price": line.unit_price, "discount": line.discount, "line": line.exact}[name]


@adapter("tax/qbo_one_cent_difference")
def difference_of_another_system(case: Case) -> Mapping[str, Any]:
    """The difference is another system's own and has no formula: totals read back are compared instead."""
    raise NotExpressible("documents a cent by which another system's total differs; see reconcile_total")
