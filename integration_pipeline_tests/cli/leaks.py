"""Looks for the secrets of a demo wherever it left something: files, both databases, what it printed.

Belongs here: which secrets there are, where they must not be, vendors that refuse and repeat what they were
sent. Does not belong here: the demo, and which runs fail (`test_demo`).
"""

from __future__ import annotations

import shlex
import subprocess
import threading
import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg
from sqlalchemy import create_engine

from integration_pipeline.credentials import storage
from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.runtime import DAGSTER_DATABASE, PIPELINE_DATABASE
from integration_pipeline.store.embedded import EmbeddedPostgres, program

PRIVATE = ("demo.env", "dagster.env", "credentials.key")
"""Files that only their owner can read, and that are there to hold secrets."""

_SECRET = ("_SECRET", "_SECRETS", "_TOKEN", "_TOKENS", "_KEY", "_KEYS")
_TOKENS = ("access_token", "refresh_token", "previous_refresh_token")


def environment_of(data: Path) -> dict[str, str]:
    """What `dagster.env` exports."""
    exported = [shlex.split(line)[1] for line in (data / "dagster.env").read_text().splitlines()]
    return {name: value for name, _, value in (each.partition("=") for each in exported)}


def secrets_of(data: Path, server: EmbeddedPostgres) -> dict[str, str]:
    """Every secret of the demo by name: those of its environment, and the tokens sealed in its database."""
    environment = environment_of(data)
    secrets = {name: value for name, value in environment.items() if name.endswith(_SECRET)}
    for item in environment["PLAID_ITEMS"].split(","):
        name, _, token = item.partition("=")
        secrets[f"PLAID_ITEMS {name}"] = token
    keys = Keyring.kept_in(data)
    engine = create_engine(server.url(PIPELINE_DATABASE))
    with engine.connect() as connection:
        for row in storage.every_connection(connection):
            token_set = storage.read(connection, row.vendor, row.account)
            assert token_set is not None
            for column in _TOKENS:
                if getattr(token_set, column) is not None:
                    secrets[f"{row.vendor} {column}"] = token_set.opened(keys, column).get_secret_value()
    engine.dispose()
    return secrets


def places(data: Path, server: EmbeddedPostgres) -> Iterator[tuple[str, str]]:
    """Everything that the demo left, by where it is. The sandboxes' own databases are the vendors'."""
    for file in sorted(data.rglob("*")):
        ours = file.relative_to(data)
        if file.is_file() and ours.parts[0] != "postgres" and ".sqlite" not in file.name:
            if ours.as_posix() in PRIVATE:
                continue
            yield str(ours), file.read_bytes().decode(errors="replace")
    for database in (PIPELINE_DATABASE, DAGSTER_DATABASE):
        url = server.url(database, "postgresql")
        dumped = subprocess.run([str(program("pg_dump")), url], capture_output=True, check=True)  # noqa: S603
        yield f"the database {database}", dumped.stdout.decode()
    # The dump has them compressed.
    with psycopg.connect(server.url(DAGSTER_DATABASE, "postgresql")) as connection:
        for (snapshot,) in connection.execute("SELECT snapshot_body FROM snapshots"):
            yield "a snapshot in Dagster", zlib.decompress(snapshot).decode()


def leaks(secrets: Mapping[str, str], where: Iterator[tuple[str, str]]) -> list[str]:
    """`STRIPE_API_KEY in worker.log`; a secret as it is, or as PostgreSQL shows bytes."""
    return [
        f"{name} in {place}"
        for place, text in where
        for name, secret in secrets.items()
        if secret in text or secret.encode().hex() in text
    ]


class _Refusing(BaseHTTPRequestHandler):
    """401 to everything, with all that was sent in the answer."""

    def _refuse(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = f"you sent {self.path} {self.headers} ".encode() + sent
        self.send_response(401)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _refuse  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing of it is ours."""


@contextmanager
def refusing_vendor() -> Generator[str]:
    """The address of a vendor that refuses every call and repeats what it was sent."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
