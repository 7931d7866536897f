"""`quarantine list|show|release`: what was held back, why, and what a person may do about it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.markup import escape
from sqlalchemy import Connection

from integration_pipeline.cli.output import console, errors, print_json, table
from integration_pipeline.pipeline import quarantine as held
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import AFTER_EXTRACTION
from integration_pipeline.pipeline.stages import sync as run_stages
from integration_pipeline.runtime import open_pipeline, open_source
from integration_pipeline.settings import Settings

app = typer.Typer(help="What was held back, why, and what to do about it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RowNumber = Annotated[int, typer.Argument(help="The row's number, from `quarantine list`.")]


@app.command("list")
def list_rows(
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    deal: Annotated[str | None, typer.Option(help="Only this CRM deal id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Released and resolved rows too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List held rows with the reason and the next step."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        rows = held.list_quarantine(connection, state=None if everything else "open", rule=rule, deal=deal)
    if as_json:
        print_json(rows)
        return
    shown = table("no.", "deal", "reason", "next step", "release?", right=("no.",))
    for row in rows:
        shown.add_row(
            str(row["id"]),
            row["external_id"],
            escape(row["reason"]),
            escape(row["next_step"]),
            row["state"] if row["state"] != "open" else ("yes" if row["waivable"] else "after a fix"),
        )
    console.print(shown if rows else "Nothing is held back.")


@app.command("show")
def show(number: RowNumber, as_json: AsJson = False) -> None:
    """Show one row with the CRM record behind it."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        row = _known(connection, number)
    if as_json:
        print_json(row)
        return
    shown = table("", "")
    for name, value in row.items():
        if name == "crm_properties":
            continue
        if value is not None:
            shown.add_row(name.replace("_", " "), escape(str(value)))
    properties: dict[str, str | None] = row["crm_properties"] or {}
    for name, value in properties.items():
        if value:
            shown.add_row(f"CRM field {name}", escape(value))
    console.print(shown)


@app.command("release")
def release(
    number: RowNumber,
    reason: Annotated[str, typer.Option(help="Why this may go on; kept in the audit log.")],
    by: Annotated[str | None, typer.Option(help="Who decides; the login name if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let a row go on: accept it as it is where that is allowed, or read its corrected record again."""
    settings = Settings.load()
    with open_pipeline(settings) as pipeline:
        with pipeline.engine.connect() as connection:
            row = _known(connection, number)
        scope = Scope.deals([f"{row['source']}:{row['external_id']}"])
        if row["waivable"]:
            try:
                with pipeline.engine.begin() as connection:
                    held.release(connection, number, by or getpass.getuser(), reason)
            except held.NotReleasable as refusal:
                errors.print(escape(str(refusal)))
                raise typer.Exit(1) from None
            reports = [stage(pipeline, scope) for _, stage in AFTER_EXTRACTION]
        else:
            with open_source(settings) as source:
                reports = list(run_stages(pipeline, source, scope))
        with pipeline.engine.connect() as connection:
            after = held.show_quarantine(connection, number)
    posted = sum(each.counts["invoices_posted"] + each.counts["credit_notes_posted"] for each in reports)
    if as_json:
        print_json({"id": number, "state": after["state"], "documents_posted": posted})
    elif after["state"] == "open":
        errors.print(f"Row {number} is still held: {escape(after['reason'])}.")
        errors.print(f"{escape(after['next_step'])}, then try again.")
    else:
        console.print(f"Row {number} is {after['state']}; {posted} documents were posted.")
    if after["state"] == "open":
        raise typer.Exit(1)


def _known(connection: Connection, number: int) -> Mapping[str, Any]:
    try:
        return held.show_quarantine(connection, number)
    except LookupError as missing:
        errors.print(str(missing))
        raise typer.Exit(2) from None
