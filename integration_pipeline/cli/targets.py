"""`targets`: the accounting systems, what was posted there, what differs, and what a person decides.

Belongs here: talking to people. Does not belong here: posting (`posting`), connecting an account (`connect`).
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, TypeVar

import typer
from rich.markup import escape
from sqlalchemy import Connection

from integration_pipeline.billing.money import Money
from integration_pipeline.cli.output import amounts, console, errors, print_json, table
from integration_pipeline.posting import decisions
from integration_pipeline.posting import standing as posting
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings
from integration_pipeline.targets import open_targets

app = typer.Typer(help="Accounting systems: what was posted there, what differs.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Target = Annotated[str, typer.Argument(help="The target's name, from the targets file.")]
MaybeTarget = Annotated[str | None, typer.Argument(help="Only this target.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
By = Annotated[str | None, typer.Option(help="Who decides; the login name if left out.")]


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
    shown = table("target", "there", "amounts", "under way", "stuck", "findings", "paused", "reconciled")
    for each in found:
        shown.add_row(
            each.target,
            _of_state(each.states, ("posted",)),
            amounts(each.posted_minor),
            _of_state(each.states, posting.OPEN_STATES),
            _of_state(each.states, posting.STUCK_STATES),
            str(each.findings or "–"),
            escape(f"{_moment(each.paused_until)}: {each.paused_for}") if each.paused_until else "–",
            _moment(each.reconciled_at),
        )
    console.print(shown)


@app.command("stuck")
def list_stuck(target: MaybeTarget = None, as_json: AsJson = False) -> None:
    """List what a person has to look at, with what the target said."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        rows = posting.stuck(connection, target)
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
    console.print(shown if rows else "Nothing is stuck.")


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


@app.command("close")
def close(
    number: Annotated[int, typer.Argument(help="The finding's number, from `targets findings`.")],
    reason: Reason,
    by: By = None,
) -> None:
    """Close a finding that was dealt with."""
    _decide(lambda connection: decisions.close_finding(connection, number, by=_who(by), reason=reason))
    console.print(f"Finding {number} is closed.")


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


@app.command("link")
def link(
    target: Target,
    customer: Annotated[int, typer.Argument(help="Our customer's number, from `targets customers`.")],
    remote_id: Annotated[str, typer.Argument(help="The customer's id at the target.")],
    reason: Reason,
    by: By = None,
) -> None:
    """Say that a customer is this one at the target."""
    freed = _decide(
        lambda connection: decisions.link_customer(
            connection, target, customer, remote_id, by=_who(by), reason=reason
        )
    )
    console.print(f"Customer {customer} is {remote_id} at {target}; {freed} documents go on.")


@app.command("new")
def new(
    target: Target,
    customer: Annotated[int, typer.Argument(help="Our customer's number, from `targets customers`.")],
    reason: Reason,
    by: By = None,
) -> None:
    """Say that no candidate is this customer: it is created at the target."""
    freed = _decide(
        lambda connection: decisions.declare_new(connection, target, customer, by=_who(by), reason=reason)
    )
    console.print(f"Customer {customer} is created at {target}; {freed} documents go on.")


@app.command("resend")
def resend(
    intent: Annotated[int, typer.Argument(help="The intent's number, from `targets stuck`.")],
    reason: Reason,
    by: By = None,
) -> None:
    """Try a stuck intent once more, after what was wrong was mended. It is looked up before it is sent."""
    row = _decide(lambda connection: decisions.resend(connection, intent, by=_who(by), reason=reason))
    console.print(f"{row['document_reference']} is due again at {row['target']}.")


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
                    f"{amounts(result.totals_there)} there"
                )
                for kind, count in sorted(result.findings.items()):
                    console.print(f"    {kind.replace('_', ' ')}: {count}; see `targets findings`")
    if as_json:
        print_json(found)
    if not agree:
        raise typer.Exit(1)


Decided = TypeVar("Decided")


def _decide(decision: Callable[[Connection], Decided]) -> Decided:
    with open_pipeline(Settings.load()) as pipeline:
        try:
            with pipeline.engine.begin() as connection:
                return decision(connection)
        except decisions.NotPossible as refusal:
            errors.print(escape(str(refusal)))
            raise typer.Exit(1) from None


def _who(by: str | None) -> str:
    return by or getpass.getuser()


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
