"""What other processes do in these tests: ask for a token, or die at the worst moment."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection as Wire

from pydantic import SecretStr
from sqlalchemy import create_engine

from integration_pipeline.credentials import Connections, Keyring, OAuthApp, storage
from integration_pipeline.transport.failures import VendorFailure


@dataclass(frozen=True, slots=True)
class Office:
    """What a process needs to open the connections of another; it lives `ahead` of the real time."""

    url: str
    key_text: SecretStr
    app: OAuthApp
    account: str
    ahead: timedelta

    def connections(self) -> Connections:
        return Connections(
            create_engine(self.url),
            Keyring.parse(self.key_text),
            [self.app],
            now=lambda: datetime.now(UTC) + self.ahead,
        )


def ask(office: Office, wire: Wire) -> None:
    """Say that all is ready, wait for the word, ask for a token, and tell it."""
    connections = office.connections()
    wire.send("ready")
    wire.recv()
    try:
        wire.send(connections.access_token(office.app.vendor, office.account).get_secret_value())
    except VendorFailure as failure:
        wire.send(str(failure))


def die_with_the_answer(office: Office, _: Wire) -> None:
    """Renew, and be killed when the vendor has answered and before the answer is committed."""

    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    storage.store = killed
    office.connections().access_token(office.app.vendor, office.account)
