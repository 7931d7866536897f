"""`rebuild`: proves that raw records and recorded decisions bring about every entry in the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from integration_pipeline.cli.output import console, errors, print_json, table
from integration_pipeline.rebuild.compare import Difference
from integration_pipeline.rebuild.rebuild import Rebuilt
from integration_pipeline.rebuild.rebuild import rebuild as compute_anew
from integration_pipeline.rebuild.refusal import RebuildRefused
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings

_SHOWN = 50


def rebuild(
    into: Annotated[str, typer.Option(help="A new schema for the rebuilt tables, beside the live ones.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace the schema if an earlier rebuild made it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compute the books anew from raw records, and name every difference. Exit code 1 if there is one."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
    )
    with (
        open_pipeline(Settings.load()) as pipeline,
        Progress(*columns, console=errors, transient=True) as progress,
    ):
        task = progress.add_task("reading what came in", total=None)

        def watch(what: str, done: int, of: int) -> None:
            progress.update(task, description=what, completed=done, total=of)

        try:
            rebuilt = compute_anew(pipeline.engine, into, replace=replace, watch=watch)
        except RebuildRefused as refusal:
            progress.stop()
            errors.print(escape(str(refusal)))
            raise typer.Exit(2) from None
    if as_json:
        print_json(_as_json(into, rebuilt))
    else:
        _show(into, rebuilt)
    if not rebuilt.is_identical:
        raise typer.Exit(1)


def _as_json(into: str, rebuilt: Rebuilt) -> dict[str, object]:
    return {
        "ok": rebuilt.is_identical,
        "schema": into,
        "rows": rebuilt.comparison.rows,
        "acts": rebuilt.acts,
        "seconds": rebuilt.seconds,
        "differences": [asdict(each) for each in rebuilt.comparison.differences],
        "problems": rebuilt.problems,
        "notes": rebuilt.notes,
    }


def _show(into: str, rebuilt: Rebuilt) -> None:
    found = rebuilt.comparison
    counted: dict[str, list[Difference]] = defaultdict(list)
    for difference in found.differences:
        counted[difference.table].append(difference)
    shown = table("table", "rows", "differences", right=("rows", "differences"))
    for name, rows in found.rows.items():
        shown.add_row(name, f"{rows:,}", str(len(counted[name]) or "–"))
    console.print(shown)
    for problem in rebuilt.problems:
        console.print(f"[red]✗[/] {escape(problem)}")
    _show_differences(found.differences)
    for note in rebuilt.notes:
        console.print(f"[yellow]![/] {escape(note)}")
    seconds = f"{sum(rebuilt.seconds.values()):.1f} s"
    if rebuilt.is_identical:
        console.print(f"[green]✓[/] raw records bring about every row of the books, to the byte ({seconds})")
    console.print(f"The rebuilt tables are in schema [bold]{escape(into)}[/].")


def _show_differences(differences: Sequence[Difference]) -> None:
    for difference in differences[:_SHOWN]:
        console.print(f"[red]✗[/] {escape(str(difference))}")
    if len(differences) > _SHOWN:
        console.print(f"... and {len(differences) - _SHOWN:,} more; all are in the table `differences`")
