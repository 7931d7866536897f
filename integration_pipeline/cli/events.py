"""`events list|show|replay`: what the CRM announced, what became of it, and settling it once more."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_pipeline.cli.output import amounts, console, errors, print_json, table
from integration_pipeline.inbox import replay as inbox
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings

app = typer.Typer(help="What the CRM announced, and what became of it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OfDeal = Annotated[str | None, typer.Option("--deal", help="Only what concerns this CRM deal id.")]
Since = Annotated[datetime | None, typer.Option(help="Only what was received since then, in UTC.")]


@app.command("list")
def list_events(
    state: Annotated[
        str | None, typer.Option(help="Only events that are pending, done, failed or ignored.")
    ] = None,
    deal: OfDeal = None,
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List announced changes, the newest first."""
    chosen = inbox.Selection(state=state, deal=_bare(deal), since=_in_utc(since))
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        events = inbox.list_events(connection, chosen, limit)
    if as_json:
        print_json(events)
        return
    shown = table("no.", "received", "what", "records", "state", "tries", "fault", right=("no.", "tries"))
    for event in events:
        shown.add_row(
            str(event["id"]),
            _moment(event["received_at"]),
            escape(event["kind"]),
            escape(", ".join(event["external_ids"])),
            event["state"],
            str(event["attempts"]),
            escape(event["last_error"] or ""),
        )
    console.print(shown if events else "Nothing was announced.")


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(help="The event's number, from `events list`.")],
    as_json: AsJson = False,
) -> None:
    """Show one event as it was received, and what became of it."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        try:
            event = inbox.show_event(connection, number)
        except LookupError as missing:
            errors.print(str(missing))
            raise typer.Exit(2) from None
    if as_json:
        print_json(event)
        return
    shown = table("", "")
    for name, value in event.items():
        if name not in ("body", "deals") and value is not None:
            shown.add_row(name.replace("_", " "), escape(_moment(value)))
    body: dict[str, Any] = event["body"]
    for name, value in body.items():
        shown.add_row(f"body {escape(name)}", escape(str(value)))
    console.print(shown)
    for deal in event["deals"]:
        _show_deal(deal)
    if not event["deals"]:
        console.print("No deal is known that this concerns.")


@app.command("replay")
def replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers from `events list`.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed for good.")] = False,
    deal: OfDeal = None,
    since: Since = None,
    by: Annotated[str | None, typer.Option(help="Who decides; the login name if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have events settled once more. Harmless: what is in the books already is not posted again."""
    if not (numbers or failed or deal or since):
        errors.print("Say which events: their numbers, --failed, --deal or --since.")
        raise typer.Exit(2)
    chosen = inbox.Selection(
        ids=tuple(numbers) if numbers else None,
        state="failed" if failed else None,
        deal=_bare(deal),
        since=_in_utc(since),
    )
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.begin() as connection:
        try:
            replayed = inbox.replay(connection, chosen, by or getpass.getuser())
        except LookupError as missing:
            errors.print(str(missing))
            raise typer.Exit(2) from None
    if as_json:
        print_json({"replayed": replayed.events, "ignored": replayed.ignored})
        return
    console.print(f"{replayed.events} events wait to be settled again.")
    if replayed.ignored:
        console.print(f"{replayed.ignored} are of a kind that nothing follows from; they stay as they are.")


def _show_deal(deal: Mapping[str, Any]) -> None:
    console.print(f"\n[bold]{escape(deal['deal_key'])}[/] {escape(deal['name'])}: {deal['state']}")
    for row in deal["held"]:
        console.print(f"  held: {escape(row['reason'])} (quarantine row {row['row']})")
    for document in deal["documents"]:
        said = amounts({document["currency"]: document["total_minor"]})
        kind, number = document["kind"].replace("_", " "), document["number"] or "no number yet"
        console.print(f"  {document['issue_date']} {kind} {said}: {number} ({document['state']})")
    if not deal["held"] and not deal["documents"]:
        console.print("  nothing is billed for it")


def _bare(deal: str | None) -> str | None:
    """`hubspot:123` as `123`, as the CRM writes it."""
    return None if deal is None else deal.rpartition(":")[2]


def _in_utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


def _moment(value: object) -> str:
    return value.astimezone(UTC).isoformat(" ", "milliseconds") if isinstance(value, datetime) else str(value)
