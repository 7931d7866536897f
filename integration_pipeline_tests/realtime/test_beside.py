"""What runs beside the worker follows the targets file."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.realtime.beside import beside
from integration_pipeline.settings import Settings
from integration_pipeline_tests.realtime.conftest import Inbox

# Nobody listens there, and nothing is due.
_NOWHERE = "http://127.0.0.1:9"


def write(path: Path, *names: str) -> None:
    """A targets file of so many accounts at Xero."""
    targets = [
        {
            "name": name,
            "vendor": "xero",
            "account": f"45e4708e-d862-4111-ab3a-dd8cd03913e{place}",
            "entities": ["us"],
            "since": "2026-01-01",
            "base_url": _NOWHERE,
        }
        for place, name in enumerate(names)
    ]
    replace(path, json.dumps({"targets": targets}))


def replace(path: Path, text: str) -> None:
    """At once: nobody reads half of it."""
    written = path.with_suffix(".new")
    written.write_text(text)
    written.replace(path)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def deliveries() -> set[str]:
    """The targets that this process delivers to."""
    return {
        each.name.removeprefix("delivery to ")
        for each in threading.enumerate()
        if each.name.startswith("delivery to ")
    }


def test_another_targets_file_is_in_force_without_a_restart_and_a_broken_one_changes_nothing(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XERO_CLIENT_ID", "app")
    monkeypatch.setenv("XERO_CLIENT_SECRET", "secret")
    file = tmp_path / "targets.yaml"
    write(file, "first")
    crm = {"hubspot_token": "token", "hubspot_base_url": _NOWHERE}
    settings = Settings.model_validate({"data_dir": tmp_path, "targets_file": file, **crm})
    Keyring.kept_in(tmp_path)
    pipeline, stop = inbox.office.pipeline, threading.Event()

    with beside(lambda: pipeline, settings, inbox.url, stop, look_again_seconds=0.02):
        assert deliveries() == {"first"}
        write(file, "first", "second")
        wait_for(lambda: deliveries() == {"first", "second"})
        with caplog.at_level(logging.ERROR):
            replace(file, "targets: 1")
            wait_for(lambda: "the old one stays" in caplog.text)
        assert deliveries() == {"first", "second"}
        write(file, "second")
        wait_for(lambda: deliveries() == {"second"})

    assert deliveries() == set()
