"""`targets`: the accounting systems, what was posted there, what differs, and what a person decides.

Belongs here: talking to people. Does not belong here: what they decide (`target_decisions`), posting
(`posting`), connecting an account (`connect`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_pipeline.billing.money import Money
from integration_pipeline.cli import target_decisions
from integration_pipeline.cli.output import amounts, console, print_json, table
from integration_pipeline.posting import standing as posting
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings
from integration_pipeline.targets import open_targets

app = typer.Typer(help="Accounting systems: what was posted there, what differs.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MaybeTarget = Annotated[str | None, typer.Argument(help="Only this target.")]


@app.command("list")
def list_targets(as_json: AsJson = False) -> None:
    """Show what is posted, under way, stuck and paused at each target."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        found = posting.standing(connection, sorted({each.target for each in pipeline.targets}))
    if as_json:
        print_json([asdict(each) for each in found])
        return
    show_targets(found)
    if not found:
        console.print("No accounting system is configured: TARGETS_FILE is not set.")


def show_targets(found: Sequence[posting.TargetStanding]) -> None:
    """How each target stands, as a table; nothing without targets."""
    if not found:
        return
    shown = table(
        "target", "there", "amounts", "under way", "stuck", "by hand", "findings", "paused", "reconciled"
    )
    for each in found:
        shown.add_row(
            each.target,
            _of_state(each.states, ("posted",)),
            amounts(each.posted_minor),
            _of_state(each.states, posting.OPEN_STATES),
            _of_state(each.states, posting.STUCK_STATES),
            _of_state(each.states, posting.BY_HAND),
            str(each.findings or "–"),
            escape(f"{_moment(each.paused_until)}: {each.paused_for}") if each.paused_until else "–",
            _moment(each.reconciled_at),
        )
    console.print(shown)


@app.command("stuck")
def list_stuck(
    target: MaybeTarget = None,
    by_hand: Annotated[
        bool, typer.Option("--settled", help="Those that a person has settled by hand instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what a person has to look at, with what the target said."""
    states = posting.BY_HAND if by_hand else posting.STUCK_STATES
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        rows = posting.stuck(connection, target, states)
    if as_json:
        print_json(rows)
        return
    shown = table("intent", "target", "what", "number", "deal", "amount", "state", "why", right=("amount",))
    for row in rows:
        shown.add_row(
            str(row["id"]),
            row["target"],
            row["subject"],
            row["number"],
            row["deal_key"] or "–",
            Money(row["total_minor"], row["currency"]).format(),
            row["state"],
            escape(row["last_error"] or ""),
        )
    console.print(shown if rows else "Nothing was settled by hand." if by_hand else "Nothing is stuck.")


@app.command("findings")
def list_findings(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """List where a target and these books differ."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        rows = posting.open_findings(connection, target)
    if as_json:
        print_json(rows)
        return
    shown = table("no.", "target", "kind", "what differs", "next step", right=("no.",))
    for row in rows:
        shown.add_row(
            str(row["id"]), row["target"], row["kind"], escape(row["said"]), escape(row["next_step"])
        )
    console.print(shown if rows else "Both sides agree.")


@app.command("customers")
def list_customers(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """List customers who may be at a target already, with the candidates."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        rows = posting.customers_waiting(connection, target)
    if as_json:
        print_json(rows)
        return
    shown = table("target", "customer", "name", "why it waits", "candidates there")
    for row in rows:
        candidates = [
            f"{each['remote_id']} {each['name']} ({each['rule']})" for each in row["candidates"] or ()
        ]
        shown.add_row(
            row["target"],
            str(row["customer_id"]),
            escape(row["name"]),
            escape(row["why"] or ""),
            escape("\n".join(candidates)),
        )
    console.print(shown if rows else "No customer waits.")


@app.command("problems")
def problems(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """Ask each target whether posting can work: accounts, items, tax codes, currencies."""
    settings = Settings.load()
    with open_pipeline(settings) as pipeline, open_targets(settings, pipeline, only=target) as targets:
        found = {each.name: list(each.problems()) for each in targets}
    if as_json:
        print_json(found)
    else:
        for name, listed in found.items():
            for problem in listed:
                console.print(f"  [red]✗[/] {name}: {escape(problem)}")
            if not listed:
                console.print(f"  [green]✓[/] {name}: ready")
    if any(found.values()):
        raise typer.Exit(1)


@app.command("post")
def post(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """Send what is due to the targets now. A running worker does so by itself."""
    from integration_pipeline.posting.delivery import deliver

    settings = Settings.load()
    with open_pipeline(settings) as pipeline, open_targets(settings, pipeline, only=target) as targets:
        report = deliver(pipeline, targets)
    if as_json:
        print_json(report.as_json())
        return
    happened = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in report.counts.items())
    console.print(happened or "Nothing is due.")


@app.command("sweep")
def sweep(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """Look at what changed at the targets since the last look."""
    from integration_pipeline.posting.sweep import sweep as look
    from integration_pipeline.posting.writer import open_session

    settings = Settings.load()
    found: dict[str, dict[str, int]] = {}
    with open_pipeline(settings) as pipeline, open_targets(settings, pipeline, only=target) as targets:
        for each in targets:
            with open_session(pipeline.database_url, f"sweep {each.name}") as session:
                found[each.name] = look(session, each)
    if as_json:
        print_json(found)
        return
    for name, counts in found.items():
        shown = ", ".join(f"{what.replace('_', ' ')} {n}" for what, n in counts.items() if n)
        console.print(f"{name}: {shown or 'nothing changed'}")


@app.command("reconcile")
def reconcile(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """Compare everything on both sides; exit 1 if they differ."""
    from integration_pipeline.posting.reconcile import reconcile as compare
    from integration_pipeline.posting.writer import open_session

    settings = Settings.load()
    found: dict[str, Any] = {}
    agree = True
    with open_pipeline(settings) as pipeline, open_targets(settings, pipeline, only=target) as targets:
        for each in targets:
            with open_session(pipeline.database_url, f"reconcile {each.name}") as session:
                result = compare(session, each)
            agree &= result.agrees
            found[each.name] = asdict(result)
            if not as_json:
                mark = "[green]✓[/]" if result.agrees else "[red]✗[/]"
                console.print(
                    f"{mark} {each.name}: {result.documents_here:,} documents here, "
                    f"{result.documents_there:,} there; {amounts(result.totals_here)} here, "
                    f"{amounts(result.totals_there)} there; {result.payments_here:,} payments and "
                    f"applications here, {result.payments_there:,} there"
                )
                for kind, count in sorted(result.findings.items()):
                    console.print(f"    {kind.replace('_', ' ')}: {count}; see `targets findings`")
    if as_json:
        print_json(found)
    if not agree:
        raise typer.Exit(1)


def _of_state(states: dict[str, int], wanted: tuple[str, ...]) -> str:
    found = [
        f"{name.removesuffix(state).strip()}s {state} {count:,}"
        if state != "posted"
        else f"{count:,} {name.removesuffix(state).strip()}s"
        for state in wanted
        for name, count in sorted(states.items())
        if name.endswith(state)
    ]
    return ", ".join(found) or "–"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "–"


for _decide in (
    target_decisions.close,
    target_decisions.link,
    target_decisions.new,
    target_decisions.resend,
    target_decisions.settled,
    target_decisions.resume,
):
    app.command(_decide.__name__)(_decide)
