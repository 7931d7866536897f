"""After everything that can go wrong, no token is in a log, an error, an object's text or the database."""

from __future__ import annotations

import gc
import logging
import subprocess
import traceback
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from prometheus_client import REGISTRY, generate_latest

from integration_pipeline.credentials import ConnectionAuth, Connections, Timing
from integration_pipeline.credentials.connecting import check, connect
from integration_pipeline.credentials.consent import Callback, read_callback, request_consent
from integration_pipeline.store.embedded import EmbeddedPostgres, program
from integration_pipeline.transport.client import RetryPolicy, VendorClient
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline_tests.credentials.conftest import Rig
from integration_pipeline_tests.credentials.vendor import CLIENT_SECRET, Answer

_PACKAGE = "integration_pipeline.credentials"


def consented(rig: Rig) -> Callback:
    """What a person's browser comes back with."""
    asked = request_consent(rig.vendor.app, rig.keys, "http://localhost:1/callback", rig.clock.now())
    redirected = httpx.get(asked.url).headers["location"]
    return read_callback(rig.vendor.app, rig.keys, redirected, rig.clock.now())


def everything_goes_wrong(rig: Rig, callback: Callback) -> list[BaseException]:
    """Consents, calls and renewals, refused and lost in every way, each error kept."""
    errors: list[BaseException] = []
    connections = rig.connections(Timing(refused_again=timedelta(0)))
    row = connections.every()[0]
    leak = '{"error": "invalid_request", "error_description": "%s", "access_token": ["%s"]}'

    def tried(what: Callable[[], object]) -> None:
        try:
            what()
        except Exception as error:
            errors.append(error)

    for _ in range(2):
        tried(lambda: connect(connections, rig.name, callback))
    token = " ".join(rig.vendor.issued[-2:])  # one that was sent and one that was not
    for answer in (
        Answer(500, leak % (token, token)),
        Answer(400, leak % (token, token)),
        Answer(401, leak % (token, token)),
        Answer(200, leak % (token, token)),
        Answer(200, token),
        Answer(302, token),
        Answer(None),
    ):
        rig.vendor.instead += [answer] * 3
        tried(lambda: connections.refresh(rig.name, rig.account))
        rig.vendor.instead.clear()
    with VendorClient(
        rig.name.value,
        rig.vendor.url,
        auth=ConnectionAuth(connections, rig.name, rig.account),
        retries=RetryPolicy(attempts=1),
    ) as client:
        rig.vendor.expire_access_tokens()
        client.read("GET", "/invoices", operation="invoices")
        rig.vendor.refuses_everything = True
        tried(lambda: client.write("POST", "/invoices", operation="invoices", json={}))
        rig.vendor.end_consents()
        tried(lambda: client.write("POST", "/invoices", operation="invoices", json={}))
    tried(lambda: check(connections, row))
    rig.execute("UPDATE ops.token_sets SET access_token = refresh_token")
    tried(lambda: rig.connections().access_token(rig.name, rig.account))
    return errors


def dump_of(rig: Rig, server: EmbeddedPostgres) -> str:
    """The whole database as text, binary columns as they were stored and as bytes."""
    url = server.url(str(rig.engine.url.database), "postgresql")
    dumped = subprocess.run([str(program("pg_dump")), url], capture_output=True, check=True)  # noqa: S603
    return dumped.stdout.decode()


def test_no_secret_leaves_the_memory(
    rig: Rig, postgres: EmbeddedPostgres, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    callback = consented(rig)  # the browser's log is not ours
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy.engine").setLevel(logging.DEBUG)
    try:
        errors = everything_goes_wrong(rig, callback)
    finally:
        logging.getLogger("sqlalchemy.engine").setLevel(logging.NOTSET)
    assert len(errors) >= 10
    assert all(isinstance(error, VendorFailure) for error in errors), errors

    secrets = [*rig.vendor.issued, CLIENT_SECRET, rig.key_text.get_secret_value()]
    out, err = capfd.readouterr()
    texts = {
        "the log": caplog.text,
        "the output": out + err,
        "the metrics": generate_latest(REGISTRY).decode(),
        "an error": "\n".join("".join(traceback.format_exception(error)) for error in errors),
        "an error's attributes": "\n".join(repr(vars(error)) for error in errors),
        "the database": dump_of(rig, postgres),
        "an object": "\n".join(_ours()),
    }
    assert "CREATE TABLE ops.token_sets" in texts["the database"]
    assert "UPDATE ops.token_sets" in texts["the log"]
    leaks = [(place, secret) for place, text in texts.items() for secret in secrets if _holds(text, secret)]
    assert leaks == []


def _holds(text: str, secret: str) -> bool:
    return secret in text or secret.encode().hex() in text


def _ours() -> list[str]:
    """What every living object of the package says of itself."""
    kinds = (each for each in gc.get_objects() if _PACKAGE in str(getattr(each.__class__, "__module__", "")))
    return [repr(each) for each in kinds]


def test_connections_say_nothing_of_what_they_hold(rig: Rig) -> None:
    connections: Connections = rig.connections()
    token = connections.access_token(rig.name, rig.account).get_secret_value()

    assert token not in repr(connections) + repr(connections.bearer(rig.name, rig.account)) + repr(
        vars(connections)
    )
