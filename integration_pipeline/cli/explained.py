"""A schedule with the calculation of every line, for a person with a pocket calculator.

Belongs here: the order and layout of what explanations say. Does not belong here: their words (`billing`).
"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from integration_pipeline.billing.explanation import Explanation, ExplanationInput
from integration_pipeline.billing.invoices import BillingSchedule, DocumentKind, PlannedInvoice, PlannedLine
from integration_pipeline.billing.policies import Policies, TaxRounding
from integration_pipeline.billing.schedule.taxation import tax_groups
from integration_pipeline.billing.tax import TaxTreatment
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.cli.output import console

_WORDS = {DocumentKind.INVOICE: "invoice", DocumentKind.CREDIT_NOTE: "credit note"}
_WIDTH = 120
"""Beyond, an amount at the right is too far from what it is for."""

Inputs = tuple[ExplanationInput, ...]


def show_explained(terms: ContractTerms, planned: BillingSchedule) -> None:
    """Every document and line, with inputs, rule, formula, rounding and taxes."""
    policies = planned.policies
    _print(
        f"Contract [bold]{escape(planned.contract_id)}[/], customer {escape(terms.customer)}, "
        f"entity {escape(terms.entity)}, {planned.currency}. Policies {escape(policies.version)}: "
        f"amounts are rounded {policies.rounding} to minor units, tax {policies.tax_rounding}. "
        "The second day of a period such as 2026-01-31..2026-02-28 is the first one outside of it."
    )
    shown: dict[Inputs, str] = {}
    for number, document in enumerate(planned.invoices, start=1):
        title = f"Document {number} of {len(planned.invoices)}: {_WORDS[document.kind]}"
        _print(f"\n[bold]{title}[/], issued {document.issue_date}, due {document.due_date}")
        for position, line in enumerate(document.lines, start=1):
            _print(_headline(position, line))
            where = f"line {position} of document {number}"
            _print(Padding(_details(line, policies, shown, where), (0, 0, 0, 4)))
        _print(Padding(_totals(document, policies), (0, 0, 0, 4)))
    _print("")


def _print(what: RenderableType) -> None:
    console.print(what, width=min(console.width, _WIDTH))


def _headline(position: int, line: PlannedLine) -> Table:
    period = line.service_period
    served = f"{period}, {period.days} days" if period is not None else "no service period"
    shown = Table.grid(padding=(0, 1), expand=True)
    shown.add_column(justify="right", width=3)
    shown.add_column(overflow="fold", ratio=1)
    shown.add_column(no_wrap=True, style="dim")
    shown.add_column(no_wrap=True, justify="right")
    shown.add_row(
        f"{position}", f"[bold]{escape(line.description)}[/]", served, f"[bold]{line.amount.format()}[/]"
    )
    return shown


def _details(line: PlannedLine, policies: Policies, shown: dict[Inputs, str], where: str) -> Table:
    explained = line.explanation
    details = _labelled()
    # Twelve months of one charge have one set of inputs: printed once, a change stands out.
    same_as = shown.setdefault(explained.inputs, where)
    if same_as == where:
        details.add_row("inputs", _inputs(explained.inputs))
    else:
        details.add_row("inputs", f"as on {same_as}")
    for name, words in _steps(explained):
        details.add_row(name, escape(words))
    for words in _taxes_of_line(line, policies):
        details.add_row("tax", escape(words))
    return details


def _steps(explained: Explanation) -> Iterator[tuple[str, str]]:
    yield "rule", f"{explained.rule} ({explained.rule_version})"
    yield "formula", explained.formula
    yield "rounding", explained.rounding or "none: the amount is exact"


def _inputs(inputs: Inputs) -> Table:
    listed = Table.grid(padding=(0, 2))
    for _ in range(3):
        listed.add_column(overflow="fold")
    for each in inputs:
        listed.add_row(each.name, escape(each.value), escape(_origin(each)))
    return listed


def _origin(each: ExplanationInput) -> str:
    """`line_item 77, hs_price "19.99", read as decimal`."""
    source = each.source
    if source is None:
        return ""
    stated = f' "{source.value}"' if source.value is not None else ""
    read = f", read as {source.transform}" if source.transform else ""
    return f"from {source.object_type} {source.record_id}, {source.field}{stated}{read}"


def _taxes_of_line(line: PlannedLine, policies: Policies) -> Iterator[str]:
    share = "" if policies.tax_rounding is TaxRounding.PER_LINE else ", its share of the document's"
    for tax in line.taxes:
        yield f"{tax.name} {tax.percent:f} % of {tax.base.format()}: {tax.amount.format()}{share}"
    terms = line.taxable.terms if line.taxable is not None else None
    if terms is not None and terms.treatment is TaxTreatment.EXEMPT:
        yield f"exempt{f': {terms.reason}' if terms.reason else ''}"


def _totals(document: PlannedInvoice, policies: Policies) -> Table:
    totals = Table.grid(padding=(0, 2))
    totals.add_column(no_wrap=True, style="dim")
    totals.add_column(justify="right", no_wrap=True)
    totals.add_column(overflow="fold")
    count = len(document.lines)
    totals.add_row("net", document.total.format(), f"sum of {count} lines" if count > 1 else "")
    for group in tax_groups(document.lines, document.total.currency, policies):
        totals.add_row(escape(group.rate.name), group.tax.format(), escape(group.formula))
    totals.add_row("[bold]payable[/]", f"[bold]{document.payable.format()}[/]", "")
    return totals


def _labelled() -> Table:
    details = Table.grid(padding=(0, 2))
    details.add_column(style="dim", no_wrap=True)
    details.add_column(overflow="fold")
    return details
