"""A contract on paper: what `preview` and `schema contract` print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from integration_pipeline.cli.app import app

CONTRACT = {
    "contract_id": "acme-2026",
    "customer": "Acme",
    "entity": "us",
    "currency": "USD",
    "start": "2026-01-31",
    "term_months": 7,
    "payment_terms": {"net_days": 30},
    "charges": [
        {
            "charge_id": "seats",
            "description": "Seats",
            "quantity": "12",
            "unit_price": "19.99",
            "discount_percent": "10",
            "frequency": "quarterly",
            "unit": "seats",
        },
        {
            "charge_id": "setup",
            "description": "Set-up",
            "quantity": 1,
            "unit_price": "500",
            "frequency": "one_time",
        },
    ],
}


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_contract_shows_its_invoices_with_the_calculation_of_every_line(tmp_path: Path) -> None:
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps(CONTRACT))

    shown = CliRunner().invoke(app, ["preview", str(contract)])

    assert shown.exit_code == 0
    assert "12 seats × 19.99 USD × (100 − 10) % = 215.89 USD" in shown.output
    assert "× 31/92 days of 2026-07-31..2026-10-31 = 72.75 USD" in shown.output
    assert "3 invoices, 1,004.53 USD in total" in shown.output


def test_the_schedule_as_json_holds_integer_minor_units() -> None:
    shown = CliRunner().invoke(app, ["preview", "-", "--json"], input=json.dumps(CONTRACT))

    totals = [invoice["total"] for invoice in json.loads(shown.output)["invoices"]]
    assert totals == [
        {"minor": 71589, "currency": "USD"},
        {"minor": 21589, "currency": "USD"},
        {"minor": 7275, "currency": "USD"},
    ]


def test_the_schema_describes_the_contract_that_preview_reads() -> None:
    schema = json.loads(CliRunner().invoke(app, ["schema", "contract"]).output)

    assert set(CONTRACT) <= set(schema["properties"])
    assert "charges" in schema["required"]


def test_an_impossible_contract_is_one_sentence_that_names_the_field(tmp_path: Path) -> None:
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps({**CONTRACT, "currency": "XXZ"}))

    refused = subprocess.run(  # noqa: S603 - this interpreter, our own command
        [str(Path(sys.executable).parent / "integration-pipeline"), "preview", str(contract)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert refused.returncode == 2
    assert "currency" in refused.stderr
    assert "XXZ" in refused.stderr
    assert "Traceback" not in refused.stderr
