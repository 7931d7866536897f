"""`targets close`, `link`, `new`, `resend`, `settled`, `resume`: what a person decides, with a reason each.

Belongs here: telling what a decision led to, or why it does not fit. Does not belong here: the decisions
(`posting.decisions`, `posting.intents_by_hand`), lists of what there is to decide (`targets`).
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from sqlalchemy import Connection

from integration_pipeline.cli.output import console, errors
from integration_pipeline.posting import decisions, intents_by_hand
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings
from integration_pipeline.targets import targets_of

Target = Annotated[str, typer.Argument(help="The target's name, from the targets file.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]
By = Annotated[str | None, typer.Option(help="Who decides; the login name if left out.")]


def close(
    number: Annotated[int, typer.Argument(help="The finding's number, from `targets findings`.")],
    reason: Reason,
    by: By = None,
) -> None:
    """Close a finding that was dealt with."""
    _decide(lambda connection: decisions.close_finding(connection, number, by=_who(by), reason=reason))
    console.print(f"Finding {number} is closed.")


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


def resend(
    intent: Annotated[int, typer.Argument(help="The intent's number, from `targets stuck`.")],
    reason: Reason,
    by: By = None,
) -> None:
    """Try a stuck intent once more, after what was wrong was mended; or a posted one whose record is gone
    there, as a finding says. It is looked up before it is sent.
    """
    row = _decide(lambda connection: intents_by_hand.resend(connection, intent, by=_who(by), reason=reason))
    console.print(f"{row['document_reference']} is due again at {row['target']}.")


def settled(
    intent: Annotated[int, typer.Argument(help="The intent's number, from `targets stuck`.")],
    reason: Reason,
    remote_id: Annotated[
        str | None, typer.Option(help="The id there of what was entered by hand, if anything was.")
    ] = None,
    by: By = None,
) -> None:
    """Say that a stuck intent was entered there by hand, or dealt with otherwise: it is never sent."""
    row = _decide(
        lambda connection: intents_by_hand.settled(
            connection, intent, remote_id=remote_id, by=_who(by), reason=reason
        )
    )
    console.print(f"{row['document_reference']} is settled at {row['target']}.")
    if row["waiting"]:
        console.print(f"{row['waiting']} that depend on it wait for a person now; see `targets stuck`.")


def resume(target: Target, reason: Reason, by: By = None) -> None:
    """Send to a paused target at once."""
    targets_of(Settings.load()).named(target)
    _decide(lambda connection: decisions.resume(connection, target, by=_who(by), reason=reason))
    console.print(f"{target} is sent to again.")


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
