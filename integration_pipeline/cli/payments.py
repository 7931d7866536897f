"""`payments list|show|match|ignore|undo`: money that moved, what it paid, and what a person decides."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.markup import escape

from integration_pipeline.billing.money import Money
from integration_pipeline.cli.output import console, errors, print_json, table
from integration_pipeline.pipeline import payments_by_hand as by_hand
from integration_pipeline.pipeline import payments_shown
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.runtime import open_pipeline
from integration_pipeline.settings import Settings

app = typer.Typer(help="Money that moved, what it paid, and what to do about it.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Number = Annotated[int, typer.Argument(help="The payment's number, from `payments list`.")]
By = Annotated[str | None, typer.Option(help="Who decides; the login name if left out.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


@app.command("list")
def list_movements(
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what waits for a person.")] = False,
    as_json: AsJson = False,
) -> None:
    """List movements of money; what waits with its proposals, best first."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        rows = payments_shown.list_movements(connection, state="waiting" if waiting else None)
        unreadable = payments_shown.list_unreadable(connection)
    if as_json:
        print_json({"payments": rows, "unreadable": unreadable})
        return
    shown = table(
        "no.", "date", "what", "amount", "from", "state", "why, and proposals", right=("no.", "amount")
    )
    for row in rows:
        shown.add_row(
            str(row["id"]),
            str(row["value_date"]),
            escape(f"{row['source']} {row['kind'].replace('_', ' ')}"),
            Money(row["amount_minor"], row["currency"]).format(),
            escape(row["payer_name"] or row["payer_email"] or "–"),
            row["state"],
            escape("\n".join([row["reason"] or "", *_proposals(row)]).strip()),
        )
    console.print(shown if rows else "No money has moved.")
    for row in unreadable:
        console.print(
            f"[red]✗[/] {escape(row['source'])} {escape(row['external_id'])}: {escape(row['reason'])}"
        )


@app.command("show")
def show(number: Number, as_json: AsJson = False) -> None:
    """Explain one movement: who paid, what it settled and why, or what may explain it."""
    with open_pipeline(Settings.load()) as pipeline, pipeline.engine.connect() as connection:
        try:
            row = payments_shown.show_movement(connection, number)
        except LookupError as missing:
            _stop(missing, code=2)
    if as_json:
        print_json(row)
        return
    for line in explained(row):
        console.print(escape(line))


@app.command("match")
def match(
    number: Number,
    document: Annotated[
        list[str] | None,
        typer.Option(help="What it pays: NUMBER=AMOUNT, or NUMBER for all that is open. Repeat for several."),
    ] = None,
    customer: Annotated[
        int | None, typer.Option(help="The customer whose credit is what no document takes.")
    ] = None,
    payout: Annotated[
        int | None, typer.Option(help="The payout (its number) whose bank line this is.")
    ] = None,
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Say what a movement pays; it is booked at once. A payout without a bank line needs no option."""
    wish = by_hand.Wish(_amounts(document or []), customer, payout)
    references = _decide(lambda pipeline: by_hand.match(pipeline, number, wish, by=by or getpass.getuser()))
    if as_json:
        print_json({"id": number, "state": "settled", "settlements": references})
    else:
        console.print(f"Payment {number} is settled: {', '.join(references)}.")


@app.command("ignore")
def ignore(number: Number, reason: Reason, by: By = None, as_json: AsJson = False) -> None:
    """Say that a movement is none of ours, or that a settled one is right as it is."""
    state = _decide(
        lambda pipeline: by_hand.ignore(pipeline, number, by=by or getpass.getuser(), reason=reason)
    )
    if as_json:
        print_json({"id": number, "state": state})
    else:
        console.print(f"Payment {number} is {state}; `payments show {number}` explains it.")


@app.command("undo")
def undo(number: Number, reason: Reason, by: By = None, as_json: AsJson = False) -> None:
    """Take back what a movement settled: the opposite is booked today."""
    count = _decide(
        lambda pipeline: by_hand.undo(pipeline, number, by=by or getpass.getuser(), reason=reason)
    )
    if as_json:
        print_json({"id": number, "undone": count})
    else:
        console.print(f"{count} settlements of payment {number} were taken back.")


def explained(row: Mapping[str, Any]) -> list[str]:
    """A movement in sentences."""
    amount = Money(row["amount_minor"], row["currency"]).format()
    payer = row["payer"]["name"] or row["payer"]["email"] or "an unknown payer"
    lines = [
        f"Payment {row['id']}: {row['kind'].replace('_', ' ')} of {amount} on {row['value_date']}, "
        f"{row['source']} {row['external_id']}, {payer}."
    ]
    if row["fee_minor"]:
        currency = row["settled_currency"] or row["currency"]
        lines.append(f"Its fee is {Money(row['fee_minor'], currency).format()}.")
    lines += [f"It says: {text}" for text in row["hints"]]
    by = f" (by {row['decided_by']})" if row["decided_by"] else ""
    reason = f": {row['reason']}" if row["reason"] else ""
    lines.append(f"It is {row['state']}{by}{reason}.")
    for settlement in row["settlements"]:
        lines += _settlement(settlement)
    lines += _proposals(row)
    return lines


def _settlement(settlement: Mapping[str, Any]) -> list[str]:
    def money(minor: int) -> str:
        return Money(minor, settlement["currency"]).format()

    takes_back = f", takes back {settlement['takes_back']}" if settlement["takes_back"] else ""
    customer = f", {settlement['customer']}" if settlement["customer"] else ""
    lines = [
        f"{settlement['reference']} on {settlement['settled_on']} for {settlement['entity']}{customer}"
        f"{takes_back}: {money(settlement['amount_minor'])}, by the rule {settlement['rule']}."
    ]
    lines += [
        f"  {money(part['amount_minor'])} to {part['number']}, {money(part['open_minor'])} of it is open now"
        for part in settlement["allocations"] or ()
    ]
    if settlement["unapplied_minor"]:
        lines.append(f"  {money(settlement['unapplied_minor'])} to the customer's credit")
    if settlement["fee_minor"]:
        lines.append(f"  {money(settlement['fee_minor'])} is a fee")
    if settlement["exchanged_minor"]:
        lines.append(f"  {money(settlement['exchanged_minor'])} was exchanged")
    return [*lines, *(f"  because {words}" for words in settlement["evidence"])]


def _proposals(row: Mapping[str, Any]) -> list[str]:
    """What may explain it, as options of `payments match`."""
    lines: list[str] = []
    for candidate in row["candidates"]:
        options = [
            f"--document {part['number']}={Money(part['amount_minor'], row['currency']).to_decimal():f}"
            for part in candidate["allocations"]
        ]
        if candidate["payout"]:
            options.append(f"--payout {candidate['payout']}")
        lines.append(f"{candidate['score']:>3} {' '.join(options)} ({'; '.join(candidate['evidence'])})")
    return lines


def _amounts(documents: Sequence[str]) -> dict[str, Decimal | None]:
    amounts: dict[str, Decimal | None] = {}
    for each in documents:
        number, given, amount = each.partition("=")
        try:
            amounts[number] = Decimal(amount) if given else None
        except InvalidOperation:
            raise typer.BadParameter(f"{each!r} is not NUMBER=AMOUNT, such as US-INV-000001=120.50") from None
    return amounts


Decided = TypeVar("Decided")


def _decide(decision: Callable[[Pipeline], Decided]) -> Decided:
    with open_pipeline(Settings.load()) as pipeline:
        try:
            return decision(pipeline)
        except LookupError as missing:
            _stop(missing, code=2)
        except by_hand.NotPossible as refusal:
            _stop(refusal, code=1)


def _stop(said: Exception, *, code: int) -> NoReturn:
    errors.print(escape(str(said)))
    raise typer.Exit(code) from None
