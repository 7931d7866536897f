"""`connect`, `disconnect` and `credentials`: accounts we may post to, and the keys their tokens are under.

Belongs here: talking to the person who connects. Does not belong here: OAuth (`credentials`). No secret is
ever shown, but a key that was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from integration_pipeline.cli.output import console, errors, print_json, table
from integration_pipeline.credentials import Connections, InvalidKeys, Vendor, new_key
from integration_pipeline.credentials.callback import CallbackServer, is_local
from integration_pipeline.credentials.connecting import check, connect, disconnect, reseal
from integration_pipeline.credentials.consent import (
    GOOD_FOR,
    Callback,
    NotOurs,
    read_callback,
    request_consent,
)
from integration_pipeline.credentials.rows import ConnectionRow, State
from integration_pipeline.runtime import database, open_engine
from integration_pipeline.settings import Settings
from integration_pipeline.store.migrate import upgrade

app = typer.Typer(help="Connect accounting systems, and look after the connections.", no_args_is_help=True)
credentials = typer.Typer(help="The keys that tokens are sealed with.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Paste = Annotated[bool, typer.Option("--paste", help="Paste the address the browser ends at.")]
Name = Annotated[str, typer.Argument(help="The account's id or name, from `connect list`.")]


@app.command("quickbooks")
def quickbooks(paste: Paste = False) -> None:
    """Connect a QuickBooks Online company: open the address shown, sign in, choose the company."""
    _connect(Vendor.QUICKBOOKS, paste)


@app.command("xero")
def xero(paste: Paste = False) -> None:
    """Connect Xero organisations: open the address shown, sign in, choose one or more."""
    _connect(Vendor.XERO, paste)


@app.command("list")
def list_connections(as_json: AsJson = False) -> None:
    """List connections: what state they are in, and until when they last."""
    with _connections() as connections:
        rows = connections.every()
    if as_json:
        print_json([_plain(row) for row in rows])
        return
    shown = table("vendor", "account", "name", "state", "renewed", "ends unless renewed", "ends for good")
    for row in rows:
        state = "connected" if row.state is State.CONNECTED else f"[red]broken[/]: {escape(row.why or '')}"
        shown.add_row(
            row.vendor.value,
            escape(row.account),
            escape(row.name),
            state,
            _moment(row.obtained_at),
            _moment(row.refresh_expires_at),
            _moment(row.hard_expires_at),
        )
    console.print(shown if rows else "Nothing is connected.")


@app.command("test")
def test(name: Name) -> None:
    """Call the vendor with a connection's token. One that is marked broken gets another chance."""
    with _connections() as connections:
        row = _named(connections, name)
        console.print(f"{row.vendor.value} knows {escape(row.account)} as {escape(check(connections, row))}.")


@app.command("tend")
def tend(as_json: AsJson = False) -> None:
    """Renew what has expired, so that no connection ends for want of use."""
    with _connections() as connections:
        tended = connections.tend()
    if as_json:
        print_json(asdict(tended))
    else:
        console.print(f"{len(tended.renewed)} renewed.")
        for label, why in tended.failed:
            errors.print(escape(f"{label}: {why}"))
    if tended.failed:
        raise typer.Exit(1)


def disconnect_account(
    name: Name,
    forget: Annotated[
        bool, typer.Option("--forget", help="Only forget it here; the vendor is not told.")
    ] = False,
) -> None:
    """End a connection, here and at the vendor."""
    with _connections() as connections:
        row = _named(connections, name)
        disconnect(connections, row, tell_vendor=not forget)
    console.print(f"{row.vendor.value}:{escape(row.account)} ({escape(row.name)}) is disconnected.")


@credentials.command("new-key")
def print_new_key() -> None:
    """Print a new key for CREDENTIALS_KEYS. It goes first there; the old ones stay until `rotate` has run."""
    typer.echo(new_key().get_secret_value())


@credentials.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Seal every stored token anew under the first of CREDENTIALS_KEYS."""
    with _connections() as connections:
        resealed = reseal(connections)
        newest = connections.refresher.keys.newest
    if as_json:
        print_json({"key": newest, **asdict(resealed)})
        return
    console.print(f"{resealed.changed} sealed anew under key {newest}, {resealed.unchanged} were already.")


def _connect(vendor: Vendor, paste: bool) -> None:
    settings = Settings.load().credentials()
    with _connections() as connections:
        callback = _callback(connections, vendor, settings.oauth_redirect_uri, paste)
        for account in connect(connections, vendor, callback):
            console.print(f"Connected {escape(account.name)} ({escape(account.id)}).")


def _callback(connections: Connections, vendor: Vendor, redirect_uri: str, paste: bool) -> Callback:
    """Ask the person for consent, and wait for what comes of it."""
    tools = connections.refresher
    vendor_app = tools.app(vendor)

    def read(redirected: str) -> Callback:
        return read_callback(vendor_app, tools.keys, redirected, tools.now())

    if paste or not is_local(redirect_uri):
        _ask_to_open(request_consent(vendor_app, tools.keys, redirect_uri, tools.now()).url)
        pasted = typer.prompt("The address the browser ends at", hide_input=True)
        try:
            return read(pasted)
        except NotOurs as refusal:
            errors.print(f"{escape(str(refusal))}. Paste the whole address, query included.")
            raise typer.Exit(2) from None
    with _listening(redirect_uri, read) as server:
        _ask_to_open(request_consent(vendor_app, tools.keys, server.redirect_uri, tools.now()).url)
        found = server.wait(GOOD_FOR.total_seconds())
    if found is None:
        errors.print("Nobody consented in time; run the command again.")
        raise typer.Exit(1)
    return found


def _listening(redirect_uri: str, read: Callable[[str], Callback]) -> CallbackServer[Callback]:
    try:
        return CallbackServer(redirect_uri, read)
    except OSError as fault:
        errors.print(
            escape(f"{redirect_uri} cannot be listened at: {fault.strerror}. Free it, or use --paste.")
        )
        raise typer.Exit(2) from None


def _ask_to_open(url: str) -> None:
    console.print("Open this address in a browser, and consent:")
    # Not through the console, which would fold it.
    typer.echo(url)


def _named(connections: Connections, name: str) -> ConnectionRow:
    """The one connection of that account or name."""
    rows = [
        row for row in connections.every() if name in (row.account, row.name, f"{row.vendor}:{row.account}")
    ]
    if len(rows) == 1:
        return rows[0]
    for row in rows:
        errors.print(escape(f"{row.vendor.value}:{row.account} ({row.name})"))
    errors.print(
        f"Several connections are called {escape(name)}; name one as above."
        if rows
        else f"Nothing that is connected is called {escape(name)}; `connect list` shows what is."
    )
    raise typer.Exit(2)


@contextmanager
def _connections() -> Generator[Connections]:
    settings = Settings.load()
    with database(settings) as url:
        engine = open_engine(url)
        try:
            upgrade(engine)
            yield Connections(engine, settings.keyring(), settings.credentials().apps())
        except InvalidKeys as fault:
            errors.print(escape(str(fault)))
            raise typer.Exit(2) from None
        finally:
            engine.dispose()


def _plain(row: ConnectionRow) -> dict[str, Any]:
    hidden = ("token_set_id", "remote_id")
    return {name: value for name, value in asdict(row).items() if name not in hidden}


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
