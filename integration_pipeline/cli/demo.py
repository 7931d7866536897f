"""`demo` and `up`: the whole system on one machine, with an embedded PostgreSQL and a sandbox CRM.

Belongs here: the order of things a newcomer sees. Does not belong here: starting processes (`workshop`),
the pipeline itself.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from integration_pipeline.cli.output import console
from integration_pipeline.cli.summary import show_status, show_tour
from integration_pipeline.cli.workshop import DEALS, Workshop, open_workshop, serve_dagster
from integration_pipeline.pipeline.standing import Status, status, verify
from integration_pipeline.runtime import open_engine, pipeline_on
from integration_pipeline.sandbox.datasets.load import apply_later_changes, load

# The gateway behind it takes half a second to import, which every other command would wait for as well.
if TYPE_CHECKING:
    from integration_pipeline.cli.live import RealTime
    from integration_pipeline.cli.tour import Seen

_COLUMNS = (
    SpinnerColumn(finished_text="[green]✓[/]"),
    TextColumn("{task.description}"),
    BarColumn(bar_width=20),
    TimeElapsedColumn(),
)

DataFolder = Annotated[
    Path | None,
    typer.Option(help="A folder with the public CRM Sales Opportunities data set; generated data otherwise."),
]

Deals = Annotated[
    int, typer.Option(min=250, help="How many deals generated data has; kept in a folder of their own.")
]
WithSystems = Annotated[
    bool,
    typer.Option("--systems", help="With QuickBooks, Xero, Stripe and Plaid: their sandboxes, connected."),
]


def demo(data: DataFolder = None, deals: Deals = DEALS, systems: WithSystems = False) -> None:
    """Load a data set into a sandbox CRM, run the Dagster job over all months, show the books."""
    from integration_pipeline.cli.live import open_real_time

    started = time.perf_counter()
    with open_workshop(data, deals=deals, systems=systems) as workshop:
        if _fill_and_run(workshop, started):
            with open_real_time(workshop) as real_time:
                _close_a_deal(real_time)
    console.print("\nWhere to look next, from this folder:")
    for command, meaning in (
        ("make up", "the same, left running, with Dagster's web pages"),
        (".venv/bin/integration-pipeline quarantine list", "what was held back, why, and what to do"),
        (".venv/bin/integration-pipeline verify", "whether the books hold"),
        (".venv/bin/integration-pipeline --help", "all commands"),
    ):
        console.print(f"  {meaning}:\n    [bold]{command}[/]")


def up(
    data: DataFolder = None,
    deals: Deals = DEALS,
    port: Annotated[
        int, typer.Option(help="Port of Dagster's web pages; the next free one is taken.")
    ] = 3000,
    systems: WithSystems = False,
) -> None:
    """The demo, left running: gateway and worker, Dagster with its daemon, the sandbox CRM, PostgreSQL.

    Ctrl-C stops all.
    """
    from integration_pipeline.cli.live import open_real_time

    started = time.perf_counter()
    with open_workshop(data, deals=deals, systems=systems) as workshop:
        first_time = _fill_and_run(workshop, started)
        with console.status("dbt read models"):
            refreshed = workshop.refresh_read_models()
        console.print("[green]✓[/] dbt read models" if refreshed else "[red]dbt read models failed[/]")
        with open_real_time(workshop) as real_time:
            if first_time:
                _close_a_deal(real_time)
            console.print(f"\ngateway      [bold]{real_time.gateway_url}[/]  (webhooks, usage, metrics)")
            serve_dagster(workshop, port)
    # All is stopped. To take down all that Great Expectations, dbt and Dagster loaded, Python took 8 s more.
    sys.stdout.flush()
    os._exit(0)


def _close_a_deal(real_time: RealTime) -> None:
    from integration_pipeline.cli.live import close_a_deal

    if real_time.workshop.settings.realtime == "off":
        console.print("REALTIME is off: what webhooks announce is left to Dagster's sensor.")
        return
    engine = open_engine(real_time.workshop.database_url)
    try:
        with engine.connect() as connection:
            invoice = close_a_deal(real_time, connection)
    finally:
        engine.dispose()
    if invoice is None:
        console.print("[red]✗[/] a deal closed just now is not in the books; see worker.log and gateway.log")
        raise typer.Exit(1)
    console.print(
        f"[green]✓[/] a deal closed in the CRM just now: {invoice.number} over {invoice.total.format()} is "
        f"in the books [bold]{invoice.milliseconds:.0f} ms[/] later"
    )
    if invoice.target is not None:
        console.print(
            f"[green]✓[/] and in {invoice.target} [bold]{invoice.target_milliseconds:.0f} ms[/] after the "
            "click"
        )
    elif real_time.workshop.systems is not None:
        console.print("[red]✗[/] but in no accounting system yet; see worker.log and `targets list`")
        raise typer.Exit(1)


def _fill_and_run(workshop: Workshop, started: float) -> bool:
    """Whether the books were empty before."""
    before = _status(workshop)
    seen: Seen | None = None
    with Progress(*_COLUMNS, console=console) as progress, _tour(workshop, progress) as take_tour:
        _load(workshop, progress)
        succeeded = _run_job(workshop, progress, "Dagster job sync_deals, all months")
        if workshop.data_set.later_changes:
            changing = progress.add_task("deals change after they were invoiced", total=1)
            apply_later_changes(workshop.data_set, workshop.sandbox_url, workshop.token)
            progress.update(changing, completed=1)
            succeeded &= _run_job(workshop, progress, "Dagster job sync_deals, what changed")
        if take_tour is not None:
            seen = take_tour()
    after = _status(workshop)
    console.print()
    show_status(after)
    if seen is not None:
        show_tour(seen)
    posted = after.invoices + after.credit_notes - before.invoices - before.credit_notes
    seconds = time.perf_counter() - started
    if posted:
        console.print(f"\n[green]✓[/] {posted:,} documents posted in {seconds:.1f} s")
    else:
        console.print(
            f"\n[green]✓[/] nothing posted: the books already hold all of this data set ({seconds:.1f} s)"
        )
    if seen is not None:
        _say_what_was_posted(seen)
    if not succeeded:
        console.print("[red]The Dagster run failed[/]; `make up` shows it in Dagster's pages.")
        raise typer.Exit(1)
    return not before.invoices


@contextmanager
def _tour(workshop: Workshop, progress: Progress) -> Generator[Callable[[], Seen] | None]:
    """The way through every system, of a demo that has them; what goes there is shown from now on."""
    if workshop.systems is None:
        yield None
        return
    from integration_pipeline.cli.tour import open_tour

    with open_tour(workshop, workshop.systems, progress) as tour:
        yield tour.take


def _say_what_was_posted(seen: Seen) -> None:
    if seen.posted:
        console.print(
            f"[green]✓[/] {seen.posted:,} documents, payments and credits set off were sent to targets"
        )
    else:
        console.print("[green]✓[/] nothing sent to accounting systems: they already have all of it")


def _load(workshop: Workshop, progress: Progress) -> None:
    from integration_pipeline.cli.live import silence_webhooks

    silence_webhooks(workshop)
    task = progress.add_task("data set into the sandbox CRM", total=None)

    def show(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    load(workshop.data_set, workshop.sandbox_url, workshop.token, on_progress=show)
    progress.update(task, total=1, completed=1)


def _run_job(workshop: Workshop, progress: Progress, description: str) -> bool:
    task = progress.add_task(description, total=None)

    def show(done: int, total: int) -> None:
        progress.update(task, completed=done, total=total)

    return workshop.run_job(show)


def _status(workshop: Workshop) -> Status:
    engine = open_engine(workshop.database_url)
    try:
        pipeline = pipeline_on(engine, workshop.settings)
        with engine.connect() as connection:
            found = status(connection, pipeline)
            for problem in verify(connection, pipeline).problems if found.invoices else ():
                console.print(f"  [red]✗[/] {problem}")
            return found
    finally:
        engine.dispose()
