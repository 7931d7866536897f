"""`write-back` and `write-back properties`: deals in the CRM are told about their invoices."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from integration_pipeline.cli.output import console, errors, print_json, table
from integration_pipeline.crm.write_back import FieldMaker, WantedField
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.write_back import WriteBackReport, list_refused
from integration_pipeline.pipeline.write_back import write_back as run_stage
from integration_pipeline.runtime import open_pipeline, open_writer
from integration_pipeline.settings import Settings

app = typer.Typer(help="Tell deals in the CRM about their invoices.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def write_back(
    context: typer.Context,
    deal: Annotated[
        list[str] | None, typer.Option(help="Only this deal, as hubspot:123 or 123; repeat for several.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read what the fields hold now, and restore what was changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write what deals do not know yet of their invoices into the fields that the mapping names."""
    if context.invoked_subcommand is not None:
        return
    settings = Settings.load()
    with open_pipeline(settings) as pipeline, open_writer(settings) as writer:
        if not _wanted(settings):
            errors.print("The mapping has no section write_back: nothing is told to any deal.")
            raise typer.Exit(1)
        scope = Scope.everything()
        if deal:
            scope = Scope.deals(key if ":" in key else f"{writer.name}:{key}" for key in deal)
        report = run_stage(pipeline, writer, scope, check=check)
        with pipeline.engine.connect() as connection:
            refused = list_refused(connection, writer.name)
    if as_json:
        print_json({**report.as_json(), "refused_so_far": [dict(row) for row in refused]})
        return
    _show(report)
    if refused:
        shown = table("deal", "refused because", "next step")
        for row in refused:
            shown.add_row(row["external_id"], escape(row["reason"]), escape(row["next_step"]))
        console.print(shown)


@app.command("properties")
def properties(
    create: Annotated[bool, typer.Option("--create", help="Make those that are missing.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the fields of deals that are written to, and make those that are missing."""
    settings = Settings.load()
    wanted = _wanted(settings)
    with open_writer(settings) as writer:
        there = writer.writable_fields()
        missing = [each for each in wanted if each.name not in there]
        if create and missing:
            if not isinstance(writer, FieldMaker):
                errors.print(f"{writer.name} lets nobody make fields by this API: make them in its setup.")
                raise typer.Exit(1)
            writer.create_fields(missing)
            there = writer.writable_fields()
    if as_json:
        print_json([{**_as_json(each), "exists": each.name in there} for each in wanted])
    else:
        shown = table("field", "label", "type", "options", "in the CRM")
        for each in wanted:
            state = "yes" if each.name in there else "missing"
            shown.add_row(each.name, each.label, each.type.value, ", ".join(each.options), state)
        console.print(shown)
    if any(each.name not in there for each in wanted):
        raise typer.Exit(1)


def _wanted(settings: Settings) -> list[WantedField]:
    fields = read_mapping(settings.mapping_file).write_back
    return fields.wanted_fields() if fields else []


def _as_json(field: WantedField) -> dict[str, object]:
    return {
        "name": field.name,
        "label": field.label,
        "type": field.type.value,
        "description": field.description,
        "options": list(field.options),
    }


def _show(report: WriteBackReport) -> None:
    happened = ", ".join(
        f"{name.replace('_', ' ')} {count:,}" for name, count in report.counts.items() if count
    )
    console.print(f"{happened or 'No deal has anything to be told'} ({report.seconds:.2f} s).")
    for each in report.restored:
        console.print(
            escape(
                f"Deal {each.external_id}: {each.field} was {each.found or 'empty'}, changed by somebody in "
                f"the CRM; it is {each.value or 'empty'} again."
            )
        )
    for name in sorted(report.missing_fields):
        console.print(
            f"[red]✗[/] Deals in the CRM have no field {escape(name)} that takes a value: make it with "
            "`write-back properties --create`, or take it out of write_back in the mapping."
        )
