"""`status` and `verify`: what is in the books, and whether they can be trusted."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from integration_pipeline.cli.output import amounts, console, print_json, table
from integration_pipeline.cli.summary import show_inbox, show_status
from integration_pipeline.cli.targets import show_targets
from integration_pipeline.inbox import standing as inbox
from integration_pipeline.pipeline import standing
from integration_pipeline.posting.standing import posting_problems
from integration_pipeline.posting.standing import standing as posting_standing
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(as_json: AsJson = False) -> None:
    """Show won deals, invoices, amounts by currency, quarantine and the trial balance."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        found = standing.status(connection, pipeline)
        announced = inbox.standing(connection)
        targets = posting_standing(connection, sorted({each.target for each in pipeline.targets}))
    if as_json:
        shown = [asdict(each) for each in targets]
        print_json({**asdict(found), "inbox": asdict(announced), "targets": shown})
    else:
        show_status(found)
        show_targets(targets)
        show_inbox(announced)


def verify(as_json: AsJson = False) -> None:
    """Check the ledger and every won deal; exit 1 and list what is wrong."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        found = standing.verify(connection, pipeline)
        found.problems += posting_problems(connection)
        totals = standing.status(connection, pipeline)
    if as_json:
        print_json({"ok": not found.problems, "checked": found.checked, "problems": found.problems})
    else:
        checked = table("checked", "count", right=("count",))
        for name, count in found.checked.items():
            checked.add_row(name.replace("_", " "), f"{count:,}")
        console.print(checked)
        console.print(f"trial balance: {amounts(totals.trial_balance_minor)}")
        for problem in standing.shortened(found.problems):
            console.print(f"  [red]✗[/] {problem}")
        console.print("[green]✓ the books hold[/]" if not found.problems else "[red]the books do not hold[/]")
    if found.problems:
        raise typer.Exit(1)
