"""`sync`: everything that changed in the CRM, or certain deals, all the way into the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from integration_pipeline.cli.output import amounts, console, print_json, table
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import sync as run_stages
from integration_pipeline.runtime import open_pipeline, open_source
from integration_pipeline.settings import Settings


def sync(
    deal: Annotated[
        list[str] | None, typer.Option(help="Only this deal, as hubspot:123 or 123; repeat for several.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print stage reports as JSON.")] = False,
) -> None:
    """Read what changed in the CRM, bill it, check it and post it to the ledger."""
    settings = Settings.load()
    reports: list[StageReport] = []
    with open_pipeline(settings) as pipeline, open_source(settings) as source:
        scope = Scope.everything()
        if deal:
            scope = Scope.deals(key if ":" in key else f"{source.name}:{key}" for key in deal)
        with console.status("reading the CRM") as shown:
            for report in run_stages(pipeline, source, scope):
                reports.append(report)
                shown.update(f"{report.stage} done")
    if as_json:
        print_json({"stages": [report.as_json() for report in reports]})
    else:
        _show(reports)


def _show(reports: list[StageReport]) -> None:
    shown = table("stage", "what happened", "amounts", "seconds", right=("seconds",))
    for report in reports:
        happened = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in report.counts.items() if n)
        money = "; ".join(
            f"{name} {amounts({c: minor for (n, c), minor in report.money.items() if n == name})}"
            for name in dict.fromkeys(name for name, _ in report.money)
        )
        shown.add_row(report.stage, happened or "nothing to do", money, f"{report.seconds:.2f}")
    console.print(shown)
    if not any(report.counts["invoices_posted"] + report.counts["credit_notes_posted"] for report in reports):
        console.print("Nothing new to post: the books already hold all of it.")
