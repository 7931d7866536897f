"""`simulate`: what contracts will invoice, collect and earn, before it happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import DayZone, Policies
from integration_pipeline.billing.terms import ContractTerms
from integration_pipeline.billing.usage.events import UsageEvent, distinct_events
from integration_pipeline.billing.versions import versions_of
from integration_pipeline.cli.contracts import (
    Profile,
    civil_day,
    policies_named,
    read_contracts,
    read_file,
    refusals_shown,
)
from integration_pipeline.cli.output import console, errors, print_json, table
from integration_pipeline.rules.document import RuleSet, read_rule_set
from integration_pipeline.runtime import database, open_engine
from integration_pipeline.settings import Settings
from integration_pipeline.simulation.chart import SUFFIXES, draw
from integration_pipeline.simulation.deals import current_contracts, recorded_usage
from integration_pipeline.simulation.exports import AMOUNTS, MONTH_FORMAT, as_csv, as_json
from integration_pipeline.simulation.figures import Contract, CurrencyFigures, MonthFigures, Simulation
from integration_pipeline.simulation.figures import simulate as simulated
from integration_pipeline.simulation.usage import AssignedUsage, assign_usage, metrics_of, read_events

_HEADINGS = ("invoiced net", "tax", "cash due", "revenue", "deferred at month end", "contract asset")
_UTC = "UTC"


class Format(StrEnum):
    """How the figures are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def simulate(
    until: Annotated[
        datetime,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="Plan until the day before; the month of that day is the last one, and shown as a whole.",
        ),
    ],
    contracts: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="Contracts as JSON or YAML; without any, all of the database."
        ),
    ] = None,
    profile: Profile = None,
    usage: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Usage events for metered charges, as CSV with a header or as JSON Lines."
        ),
    ] = None,
    output: Annotated[Format, typer.Option("--format", help="How to print the figures.")] = Format.TABLE,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also draw a chart, to a file named .svg or .png.")
    ] = None,
) -> None:
    """Show by month what contracts will invoice, what falls due, what is revenue and what stays deferred.

    Nothing is stored or posted. Exit code 1 if totals do not tie.
    """
    last = civil_day(until)
    if chart is not None and chart.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{chart} must end in {' or '.join(SUFFIXES)}", param_hint="--chart")
    settings = Settings.load()
    rules = read_rule_set(settings.rules_file)
    policies = policies_named(profile, rules)
    with refusals_shown():
        if contracts:
            found, recorded = tuple(versions_of(terms, policies) for terms in read_contracts(contracts)), []
        else:
            found, recorded = _contracts_of_database(settings)
        events = distinct_events([*recorded, *(_events(usage) if usage is not None else ())])
        assigned = assign_usage(events, found, lambda terms: _zone_of(terms, rules, policies))
        simulation = simulated(found, policies, last, assigned.books)
    notes = tuple(_notes(found, assigned, rules))
    _print(simulation, notes, output)
    if chart is not None:
        _draw(simulation, chart)
    if not simulation.ties:
        raise typer.Exit(1)


def _contracts_of_database(settings: Settings) -> tuple[tuple[Contract, ...], list[UsageEvent]]:
    """The contracts that would be scheduled now and their usage, in a transaction that can only read."""
    with database(settings) as url:
        engine = open_engine(url).execution_options(postgresql_readonly=True)
        try:
            with engine.connect() as connection:
                found = current_contracts(connection)
                return found, recorded_usage(connection, found)
        finally:
            engine.dispose()


def _events(path: Path) -> tuple[UsageEvent, ...]:
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise typer.BadParameter(f"{path} is no UTF-8 text: {fault.reason}", param_hint="--usage") from None
    suffix = path.suffix.lower()
    is_json = suffix in (".jsonl", ".ndjson", ".json") or (suffix != ".csv" and text.lstrip()[:1] == "{")
    return read_events(text, as_csv=not is_json)


def _zone_of(terms: ContractTerms, rules: RuleSet, policies: Policies) -> str:
    """Where a contract's days begin: its entity's time zone, as nobody states the customer's."""
    entity = rules.entities.get(terms.entity)
    return _UTC if policies.day_zone is DayZone.UTC or entity is None else entity.time_zone


def _notes(contracts: Sequence[Contract], assigned: AssignedUsage, rules: RuleSet) -> Iterator[str]:
    """What a reader of the figures must know."""
    if not contracts:
        yield "there are no contracts: no deal is won and has passed the gate, or none was synced yet"
    latest = [versions[-1].terms for versions in contracts if metrics_of(versions)]
    unused = [terms for terms in latest if terms.contract_id not in assigned.books]
    if unused:
        yield (
            f"without usage: metered charges of {_counted(len(unused), 'contract')} are planned as if "
            "nothing was used; --usage FILE reads usage events"
        )
    if assigned.unused:
        yield f"{_counted(assigned.unused, 'usage event')} left out: no contract here bills them"
    unknown = sorted({terms.entity for terms in latest} - set(rules.entities))
    if unknown and assigned.books:
        yield f"days of usage are UTC for entities that the rule set does not know: {', '.join(unknown)}"


def _print(simulation: Simulation, notes: Sequence[str], output: Format) -> None:
    match output:
        case Format.JSON:
            print_json({**as_json(simulation), "notes": notes})
        case Format.CSV:
            sys.stdout.write(as_csv(simulation))
            for note in (*notes, *(line for line in _broken_ties(simulation))):
                errors.print(escape(note))
        case Format.TABLE:
            for figures in simulation.currencies:
                _show(figures)
            for note in notes:
                console.print(f"[yellow]note:[/] {escape(note)}")


def _broken_ties(simulation: Simulation) -> Iterator[str]:
    for figures in simulation.currencies:
        yield from (f"does not tie: {tie.formula}" for tie in figures.ties if not tie.holds)


def _show(figures: CurrencyFigures) -> None:
    names = [name for name in AMOUNTS if name != "contract_asset" or _has_contract_asset(figures)]
    headings = [heading for name, heading in zip(AMOUNTS, _HEADINGS, strict=True) if name in names]
    counted = ", ".join(
        (
            _counted(figures.contracts, "contract"),
            _counted(figures.invoices, "invoice"),
            _counted(figures.credit_notes, "credit note"),
        )
    )
    shown = table("month", *headings, title=f"[bold]{figures.currency}[/]: {counted}", right=tuple(headings))
    for month in figures.months:
        shown.add_row(month.month.strftime(MONTH_FORMAT), *_row(month, names))
    shown.add_section()
    shown.add_row("total", *_row(figures.totals, names), style="bold")
    console.print(shown)
    for tie in figures.ties:
        console.print(f"{'[green]✓[/]' if tie.holds else '[red]✗ does not tie:[/]'} {tie.formula}")
    console.print()


def _row(month: MonthFigures, names: Sequence[str]) -> list[str]:
    amounts: list[Money] = [getattr(month, name) for name in names]
    return [amount.format().removesuffix(f" {amount.currency}") for amount in amounts]


def _has_contract_asset(figures: CurrencyFigures) -> bool:
    return any(month.contract_asset for month in figures.months)


def _draw(simulation: Simulation, path: Path) -> None:
    if not simulation.currencies:
        errors.print("no chart: there is no month to draw")
        return
    try:
        draw(simulation, path)
    except OSError as fault:
        raise typer.BadParameter(
            f"{path} cannot be written: {fault.strerror}", param_hint="--chart"
        ) from None
    errors.print(f"chart: {escape(str(path))}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
