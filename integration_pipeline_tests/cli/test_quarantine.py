"""What a finance person does about deals that were held back."""

from __future__ import annotations

import json
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from integration_pipeline_tests.cli.conftest import Account, Command


def _held(command: Command, rule: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = json.loads(command("quarantine", "list", "--rule", rule, "--json").output)
    return rows[0]


def _change_deal(account: Account, deal_id: str, **properties: str) -> None:
    answer = httpx.patch(
        f"{account.sandbox.base_url}/crm/v3/objects/deals/{deal_id}",
        json={"properties": properties},
        headers=account.sandbox.headers,
    )
    answer.raise_for_status()


def test_the_list_names_the_deal_the_fault_and_the_next_step(command: Command) -> None:
    row = _held(command, "fields_can_be_mapped")
    shown = command("quarantine", "list").output

    assert row["external_id"] in shown
    assert row["value"] is None or row["value"] in row["reason"]
    assert "Associate a company with the deal in the CRM" in shown


def test_one_row_shows_the_crm_record_behind_it(command: Command) -> None:
    row = _held(command, "deal_has_a_company")

    shown = command("quarantine", "show", str(row["id"])).output

    assert "CRM field dealname" in shown
    assert row["record_name"].strip().splitlines()[0][:40] in shown


def test_a_second_copy_that_is_meant_is_released_and_billed(command: Command) -> None:
    row = _held(command, "deal_is_not_a_copy")

    released = json.loads(
        command(
            "quarantine", "release", str(row["id"]), "--reason", "two orders", "--by", "ann", "--json"
        ).output
    )

    assert released["state"] == "released"
    assert released["documents_posted"] > 0
    assert command("verify").exit_code == 0


def test_a_release_is_kept_in_the_audit_log(command: Command, database: str) -> None:
    row = _held(command, "deal_is_not_a_copy")
    command("quarantine", "release", str(row["id"]), "--reason", "two orders", "--by", "ann")

    engine = create_engine(database)
    with engine.connect() as connection:
        entry = connection.execute(text("SELECT actor, details ->> 'reason' FROM ops.audit_log")).one()
    engine.dispose()

    assert tuple(entry) == ("ann", "two orders")


def test_a_deal_without_a_company_cannot_be_released_before_it_has_one(command: Command) -> None:
    row = _held(command, "deal_has_a_company")

    refused = command("quarantine", "release", str(row["id"]), "--reason", "please")

    assert refused.exit_code == 1
    assert "Associate a company" in refused.output


def test_a_deal_that_was_corrected_in_the_crm_is_billed_on_release(
    command: Command, account: Account
) -> None:
    row = _held(command, "deal_has_a_close_date")
    _change_deal(account, row["external_id"], closedate="2025-05-05T12:00:00Z")

    released = json.loads(
        command("quarantine", "release", str(row["id"]), "--reason", "date was missing", "--json").output
    )

    assert released["state"] == "resolved"
    assert released["documents_posted"] > 0


def test_an_unknown_row_is_said_to_be_unknown(command: Command) -> None:
    missing = command("quarantine", "show", "999999")

    assert missing.exit_code == 2
    assert "no quarantined row 999999" in missing.output
