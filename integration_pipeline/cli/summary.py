"""The picture of where everything stands, as `status` and the demo show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from integration_pipeline.billing.money import Money
from integration_pipeline.cli.output import amounts, console, table
from integration_pipeline.inbox.standing import InboxStanding
from integration_pipeline.pipeline.standing import Status

if TYPE_CHECKING:
    from integration_pipeline.cli.tour import Seen


def show_status(status: Status) -> None:
    """Deals, documents, quarantine and trial balance."""
    console.print(Panel(_figures(status), title="where everything stands", title_align="left", expand=False))
    if status.quarantine_by_rule:
        held = table("rows", "broken rule", "for example", title="held back", right=("rows",))
        for row in status.quarantine_by_rule:
            held.add_row(str(row["rows"]), row["rule"].replace("_", " "), escape(row["example"]))
        console.print(held)
        console.print()
    balances = table(
        "account", "", "currency", "debit", "credit", title="trial balance", right=("debit", "credit")
    )
    for account in status.accounts:
        currency = account["currency"]
        balances.add_row(
            account["code"],
            account["name"],
            currency,
            _figure(account["debit_minor"], currency),
            _figure(account["credit_minor"], currency),
        )
    for currency, minor in status.trial_balance_minor.items():
        word = "[green]balanced[/]" if minor == 0 else f"[red]off by {_figure(minor, currency)}[/]"
        balances.add_row("", "", currency, word, "")
    console.print(balances)


def show_inbox(standing: InboxStanding) -> None:
    """What webhooks announced and is not settled yet, and what they did not announce."""
    oldest = standing.oldest_waiting_seconds
    waiting = f"{standing.waiting:,} waiting" + (f", the oldest for {oldest:,.0f} s" if oldest else "")
    failed = f"{standing.failed:,} failed" + (" (`events list --state failed`)" if standing.failed else "")
    missed = f"{standing.missed_last_day:,} deals of the last day no webhook announced"
    console.print(f"announced changes: {waiting}; {failed}; {missed}")


def show_tour(seen: Seen) -> None:
    """What the accounting systems have, beside what the ledger has; payments; deals that were told."""
    console.print()
    shown = table(
        "", "in the ledger", "there", "refused", "payments there", "findings", title="accounting systems"
    )
    for each in seen.targets:
        mark = "[green]✓[/]" if each.agrees else "[red]✗[/]"
        shown.add_row(
            f"{mark} {each.target}",
            _documents(each.booked, each.booked_minor),
            _documents(each.there, each.there_minor),
            _documents(each.refused, each.refused_minor),
            f"{each.payments:,}",
            str(each.findings),
        )
    console.print(shown)
    for each in seen.targets:
        if each.refusal is not None:
            console.print(f"  {each.target} refused: {escape(each.refusal)}")
    states = ", ".join(f"{count:,} {state}" for state, count in seen.movements.items())
    console.print(f"\npayments and bank lines: {states or 'none'}")
    for reason in seen.waiting:
        console.print(f"  waits for a person: {escape(reason)}")
    console.print(
        f"{seen.deals_told:,} deals in the CRM know their invoices ({seen.told_now:,} told just now)"
    )
    for problem in seen.problems:
        console.print(f"  [red]✗[/] {escape(problem)}")


def _documents(count: int, minor_by_currency: Mapping[str, int]) -> str:
    if not count:
        return "–"
    return (
        f"{count:,}: {amounts({each: minor for each, minor in sorted(minor_by_currency.items()) if minor})}"
    )


def _figures(status: Status) -> Table:
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold")
    shown.add_column()
    deals = ", ".join(f"{count:,} {state}" for state, count in status.deals.items())
    won = ", ".join(f"{n:,} {word.replace('_', ' ')}" for word, n in status.won_deals.items())
    stages = ", ".join(f"{count:,} {stage or 'without a stage'}" for stage, count in status.stages.items())
    shown.add_row("deals", deals or "none")
    shown.add_row("by stage", stages or "none")
    shown.add_row("won deals", f"{won or 'none'}; worth {amounts(status.won_minor)}")
    shown.add_row(
        "customers",
        f"{status.customers:,}, known by {status.companies:,} companies and {status.contacts:,} contacts",
    )
    shown.add_row("invoices", f"{status.invoices:,} posted: {amounts(status.invoiced_minor)}")
    if status.credit_notes:
        shown.add_row("credit notes", f"{status.credit_notes:,} posted: {amounts(status.credited_minor)}")
    if status.scheduled_later:
        shown.add_row("later", f"{status.scheduled_later:,} planned: {amounts(status.scheduled_later_minor)}")
    if status.deferred_revenue_minor:
        shown.add_row("deferred", f"{amounts(status.deferred_revenue_minor)}, revenue of months to come")
    shown.add_row("quarantined", f"{status.quarantined:,}")
    shown.add_row("waiting", f"{status.pending:,} due, {status.uncertain:,} uncertain")
    return shown


def _figure(minor: int, currency: str) -> str:
    return Money(minor, currency).format().removesuffix(f" {currency}")
