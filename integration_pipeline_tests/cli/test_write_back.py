"""What a person sees of deals being told about their invoices."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration_pipeline_tests.cli.conftest import Account, Command
from integration_pipeline_tests.mapping.test_document import with_changes

FIELDS = ("invoice_status", "latest_invoice", "amount_due")


def _held(account: Account, deal: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{account.sandbox.base_url}/crm/v3/objects/deals/{deal}",
        params={"properties": ",".join(FIELDS)},
        headers=account.sandbox.headers,
    )
    return {name: answer.json()["properties"][name] for name in FIELDS}


def _change(account: Account, deal: str, **properties: str) -> None:
    httpx.patch(
        f"{account.sandbox.base_url}/crm/v3/objects/deals/{deal}",
        json={"properties": properties},
        headers=account.sandbox.headers,
    ).raise_for_status()


def test_deals_are_told_once_and_restored_by_a_check(command: Command, account: Account) -> None:
    first = json.loads(command("write-back", "--json").output)
    assert first["counts"]["deals_written"] == first["counts"]["deals_looked_at"] > 100
    assert (first["refused"], first["missing_fields"]) == ([], [])
    invoiced = next(
        row for row in json.loads(command("quarantine", "list", "--json").output) if row["external_id"]
    )["external_id"]
    assert _held(account, invoiced)["invoice_status"]

    again = json.loads(command("write-back", "--json").output)
    assert "deals_written" not in again["counts"]

    _change(account, invoiced, invoice_status="Paid")
    shown = command("write-back", "--check", "--deal", invoiced).output
    assert f"Deal {invoiced}: invoice_status was Paid, changed by somebody" in shown


def test_fields_that_are_missing_are_named_made_and_then_written(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = with_changes(tmp_path, {"write_back.amount_due": {"field": "still_to_be_paid"}})
    monkeypatch.setenv("MAPPING_FILE", str(other))

    before = command("write-back", "properties", "--json")
    run = command("write-back")
    made = command("write-back", "properties", "--create")
    after = json.loads(command("write-back", "--json").output)

    missing = [row["name"] for row in json.loads(before.output) if not row["exists"]]
    assert (missing, before.exit_code) == (["still_to_be_paid"], 1)
    assert "Deals in the CRM have no field still_to_be_paid that takes a value" in run.output
    assert made.exit_code == 0
    assert after["missing_fields"] == []
    assert after["counts"]["deals_written"] > 100


def test_a_mapping_that_tells_nothing_says_so(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPPING_FILE", str(with_changes(tmp_path, {"write_back": None})))
    said = command("write-back")
    assert said.exit_code == 1
    assert "no section write_back" in said.output
