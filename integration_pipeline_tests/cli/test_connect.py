"""Connecting from the command line, as a person with a browser does it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import typer
from typer.testing import CliRunner, Result

from integration_pipeline.cli import connect as commands
from integration_pipeline.credentials import new_key
from integration_pipeline.credentials.consent import request_consent
from integration_pipeline.settings import MissingSetting
from integration_pipeline_tests.credentials.conftest import Rig, connected
from integration_pipeline_tests.credentials.vendor import (
    CLIENT_SECRET,
    QUICKBOOKS,
    TENANTS,
    XERO,
    Clock,
    FakeVendor,
)

Run = Callable[..., Result]

_PROGRAM = typer.Typer()
_PROGRAM.add_typer(commands.app, name="connect")
_PROGRAM.add_typer(commands.credentials, name="credentials")
_PROGRAM.command("disconnect")(commands.disconnect_account)

_CHILD = "from integration_pipeline.cli.connect import app; app()"


@pytest.fixture(params=[QUICKBOOKS, XERO], ids=lambda oauth: oauth.vendor.value)
def rig(
    request: pytest.FixtureRequest, new_database: Callable[[str], object], template: str
) -> Iterator[Rig]:
    clock = Clock()
    vendor = FakeVendor(request.param, clock)
    yield connected(vendor, new_database(template), clock)  # pyright: ignore[reportArgumentType] - an Engine
    vendor.close()


@pytest.fixture
def environment(rig: Rig) -> dict[str, str]:
    """The settings of a person whose app is registered with this vendor."""
    name = rig.name.value.upper()
    return {
        "DATABASE_URL": rig.engine.url.render_as_string(hide_password=False),
        "CREDENTIALS_KEYS": rig.key_text.get_secret_value(),
        "OAUTH_REDIRECT_URI": "http://127.0.0.1:0/callback",
        f"{name}_CLIENT_ID": "app-1",
        f"{name}_CLIENT_SECRET": CLIENT_SECRET,
        f"{name}_AUTHORIZE_URL": f"{rig.vendor.url}/authorize",
        f"{name}_TOKEN_URL": f"{rig.vendor.url}/token",
        f"{name}_REVOKE_URL": f"{rig.vendor.url}/revoke",
        f"{name}_API_URL": rig.vendor.url,
    }


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)  # no `.env` and no demo of the developer's counts

    def command(*arguments: str, given: str | None = None, **settings: str) -> Result:
        return CliRunner(env={**environment, **settings}).invoke(_PROGRAM, list(arguments), input=given)

    return command


def test_a_browser_that_comes_back_connects(rig: Rig, environment: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _CHILD, rig.name.value],
        env={**os.environ, **environment},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    ) as person:
        assert person.stdout is not None
        url = next(line.strip() for line in person.stdout if line.startswith("http"))
        assert httpx.get(url, follow_redirects=True).text.startswith("Thank you.")
        said = person.stdout.read()

    assert person.returncode == 0
    assert "Connected" in said
    assert rig.events() == ["connected"]


def test_an_address_that_is_pasted_connects(rig: Rig, run: Run) -> None:
    back = "https://books.example.com/back"
    asked = request_consent(rig.vendor.app, rig.keys, back, rig.clock.now())
    redirected = httpx.get(asked.url).headers["location"]

    result = run("connect", rig.name.value, given=f"{redirected}\n", OAUTH_REDIRECT_URI=back)

    assert result.exit_code == 0, result.output
    assert "Connected" in result.output
    assert "code-" not in result.output


def test_a_port_that_is_taken_is_named(rig: Rig, run: Run) -> None:
    taken = f"{rig.vendor.url}/callback"

    result = run("connect", rig.name.value, OAUTH_REDIRECT_URI=taken)

    assert result.exit_code == 2
    assert f"{taken} cannot be listened at: Address already in use" in result.output


def test_an_address_of_somebody_else_is_refused(rig: Rig, run: Run) -> None:
    result = run("connect", rig.name.value, "--paste", given="https://x/?code=1&state=2\n")

    assert result.exit_code == 2
    assert "not signed with our key" in result.output


def test_the_list_shows_state_and_ends_and_no_secret(rig: Rig, run: Run) -> None:
    shown = run("connect", "list").output
    listed = json.loads(run("connect", "list", "--json").output)

    assert [row["account"] for row in listed] == sorted(rig.accounts)
    assert "connected" in shown
    assert all(secret not in shown + json.dumps(listed) for secret in rig.vendor.issued)


def test_a_connection_that_ended_is_listed_with_the_reason(rig: Rig, run: Run) -> None:
    rig.vendor.end_consents()
    failed = run("connect", "test", rig.account)

    assert failed.exit_code != 0
    assert "the refresh token was refused" in run("connect", "list").output


def test_a_connection_that_works_is_named_as_the_vendor_knows_it(rig: Rig, run: Run) -> None:
    name = "Craig's Design" if rig.vendor.oauth is QUICKBOOKS else TENANTS[rig.account]

    assert run("connect", "test", name).output == f"{rig.name.value} knows {rig.account} as {name}.\n"


def test_a_name_nothing_is_called_by_is_refused(run: Run) -> None:
    result = run("connect", "test", "Acme")

    assert result.exit_code == 2
    assert "Nothing that is connected is called Acme" in result.output


def test_disconnecting_ends_it(rig: Rig, run: Run) -> None:
    for account in rig.accounts:
        assert run("disconnect", account).exit_code == 0

    assert run("connect", "list").output == "Nothing is connected.\n"
    assert rig.vendor.requests[-1][1] == "/revoke"


def test_tending_tells_what_was_renewed(run: Run) -> None:
    assert json.loads(run("connect", "tend", "--json").output) == {"renewed": [], "failed": []}


def test_a_new_key_is_put_in_force_without_a_gap(rig: Rig, run: Run) -> None:
    newest = run("credentials", "new-key").output.strip()
    both = f"{newest},{rig.key_text.get_secret_value()}"

    rotated = json.loads(run("credentials", "rotate", "--json", CREDENTIALS_KEYS=both).output)

    assert rotated["changed"] == 1
    assert run("connect", "test", rig.account, CREDENTIALS_KEYS=newest).exit_code == 0


def test_a_database_of_ones_own_wants_keys_of_ones_own(run: Run) -> None:
    result = run("connect", "list", CREDENTIALS_KEYS="")

    assert isinstance(result.exception, MissingSetting)
    assert "CREDENTIALS_KEYS is not set" in str(result.exception)


def test_keys_that_are_none_are_refused_without_being_shown(run: Run) -> None:
    result = run("connect", "list", CREDENTIALS_KEYS="hunter2")

    assert result.exit_code == 2
    assert "hunter2" not in result.output


def test_the_embedded_database_gets_a_key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    settings = {"DATA_DIR": str(tmp_path / "data"), "DATABASE_URL": "", "CREDENTIALS_KEYS": ""}

    result = CliRunner(env=settings).invoke(_PROGRAM, ["connect", "list"])

    assert result.output == "Nothing is connected.\n"
    assert (tmp_path / "data" / "credentials.key").stat().st_mode & 0o077 == 0
    assert len(new_key().get_secret_value()) == 44
