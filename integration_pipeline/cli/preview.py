"""`preview` and `schema`: a contract on paper, before any system knows of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from integration_pipeline.billing.schedule import BillingSchedule, build_schedule
from integration_pipeline.billing.terms import load_terms, terms_json_schema
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
    contract: Annotated[Path, typer.Argument(help="A contract as JSON; - for standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole schedule as JSON.")] = False,
) -> None:
    """Show the invoices a contract will produce. Nothing is stored or posted."""
    terms = load_terms(sys.stdin.buffer.read() if str(contract) == "-" else contract.read_bytes())
    planned = build_schedule(terms, read_rule_set(Settings.load().rules_file).policies)
    if as_json:
        sys.stdout.write(planned.to_json() + "\n")
    else:
        _show(planned)


def _show(planned: BillingSchedule) -> None:
    shown = table("issued", "due", "line", "service period", "amount", "how", right=("amount",))
    for invoice in planned.invoices:
        for index, line in enumerate(invoice.lines):
            period = line.service_period
            shown.add_row(
                invoice.issue_date.isoformat() if index == 0 else "",
                invoice.due_date.isoformat() if index == 0 else "",
                escape(line.description),
                f"{period.start} to {period.end}" if period else "",
                line.amount.format(),
                escape(line.explanation.formula),
            )
    console.print(shown)
    console.print(f"{len(planned.invoices)} invoices, {planned.total.format()} in total")
