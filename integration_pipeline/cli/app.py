"""All commands in one program, and one place where errors become sentences."""

from __future__ import annotations

import sys

import typer

from integration_pipeline.cli import (
    books,
    connect,
    demo,
    events,
    gateway,
    payments,
    preview,
    quarantine,
    rebuild,
    sandbox,
    simulate,
    subscriptions,
    sync,
    targets,
    worker,
    write_back,
)
from integration_pipeline.cli.output import errors

app = typer.Typer(
    name="integration-pipeline",
    help="Closed CRM deals become correct invoices in your books.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("sync")(sync.sync)
app.command("status")(books.status)
app.command("verify")(books.verify)
app.command("rebuild")(rebuild.rebuild)
app.command("preview")(preview.preview)
app.command("simulate")(simulate.simulate)
app.add_typer(preview.schema, name="schema")
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(payments.app, name="payments")
app.add_typer(write_back.app, name="write-back")
app.add_typer(events.app, name="events")
app.add_typer(targets.app, name="targets")
app.add_typer(connect.app, name="connect")
app.command("disconnect")(connect.disconnect_account)
app.add_typer(connect.credentials, name="credentials")
app.command("sandbox")(sandbox.sandbox)
app.command("gateway")(gateway.gateway)
app.command("subscriptions")(subscriptions.subscriptions)
app.command("worker")(worker.worker)
app.command("demo")(demo.demo)
app.command("up")(demo.up)


def main() -> None:
    """Run a command. A known fault is one sentence on standard error and exit code 2, no traceback."""
    from integration_pipeline.cli.faults import KNOWN_FAULTS

    try:
        app()
    except KNOWN_FAULTS as fault:
        errors.print(f"[bold red]error:[/] {fault}", markup=True)
        sys.exit(2)
