"""`preview` and `schema`: a contract on paper, before any system knows of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from integration_pipeline.billing.invoices import DocumentKind
from integration_pipeline.billing.schedule import BillingSchedule, build_schedule
from integration_pipeline.billing.terms import ContractTerms, terms_json_schema
from integration_pipeline.cli.contracts import (
    Profile,
    Until,
    civil_day,
    policies_named,
    read_contracts,
    refusals_shown,
)
from integration_pipeline.cli.explained import show_explained
from integration_pipeline.cli.output import console, print_json, table
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import Settings

schema = typer.Typer(help="JSON schemas of what the commands read.", no_args_is_help=True)


@schema.command("contract")
def contract_schema() -> None:
    """Print the JSON schema of a contract."""
    print_json(terms_json_schema())


@schema.callback()
def _group() -> None:
    """Keeps `schema contract` a command of its own while it is the only one."""


def preview(
    contract: Annotated[Path, typer.Argument(help="A contract as JSON or YAML; - for standard input.")],
    profile: Profile = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show how every line came to its amount, to be checked by hand.")
    ] = False,
    until: Until = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole schedule as JSON.")] = False,
) -> None:
    """Show the invoices a contract will produce. Nothing is stored or posted.

    A contract without an end is planned until the day before --until.
    """
    (terms,) = read_contracts([contract])
    policies = policies_named(profile, read_rule_set(Settings.load().rules_file))
    last = None if until is None else civil_day(until)
    if last is None and _needs_until(terms):
        raise typer.BadParameter(
            f"contract {terms.contract_id[:80]} has no end; say until when to plan it, as 2027-01-01",
            param_hint="--until",
        )
    with refusals_shown():
        planned = build_schedule(terms, policies, until=last)
    if as_json:
        sys.stdout.write(planned.to_json() + "\n")
        return
    if explain:
        show_explained(terms, planned)
    else:
        _show(planned)
    _show_totals(planned)
    if not explain:
        console.print("--explain shows how every line came to its amount")


def _needs_until(terms: ContractTerms) -> bool:
    return terms.open_ended and any(charge.recurs and charge.end is None for charge in terms.charges)


def _show(planned: BillingSchedule) -> None:
    shown = table("document", "due", "line", "service period", "net", "tax", right=("net", "tax"))
    for invoice in planned.invoices:
        kind = "" if invoice.kind is DocumentKind.INVOICE else " (credit note)"
        for index, line in enumerate(invoice.lines):
            period = line.service_period
            shown.add_row(
                f"{invoice.issue_date}{kind}" if index == 0 else "",
                invoice.due_date.isoformat() if index == 0 else "",
                escape(line.description),
                f"{period.start} to {period.end}" if period else "",
                line.amount.format(),
                line.tax.format() if line.tax else "",
            )
    console.print(shown)


def _show_totals(planned: BillingSchedule) -> None:
    taxes = sum((invoice.tax for invoice in planned.invoices), planned.total - planned.total)
    with_tax = f", {taxes.format()} tax, {(planned.total + taxes).format()} payable" if taxes else ""
    notes = sum(invoice.kind is DocumentKind.CREDIT_NOTE for invoice in planned.invoices)
    counted = f"{len(planned.invoices) - notes} invoices" + (f", {notes} credit notes" if notes else "")
    console.print(f"{counted}, {planned.total.format()} in total{with_tax}")
