"""A contract on paper: what `preview` and `schema contract` print."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from integration_pipeline.cli.app import app

CONTRACT: dict[str, Any] = {
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


def test_a_contract_shows_its_invoices_and_where_to_see_how_they_were_computed(tmp_path: Path) -> None:
    contract = tmp_path / "contract.json"
    contract.write_text(json.dumps(CONTRACT))

    shown = CliRunner().invoke(app, ["preview", str(contract)])
    assert shown.exit_code == 0
    assert "72.75 USD" in shown.output
    assert "3 invoices, 1,004.53 USD in total" in shown.output
    assert "--explain" in shown.output

    explained = CliRunner().invoke(app, ["preview", str(contract), "--explain"])
    assert "12 seats × 19.99 USD × (100 − 10) % = 215.89 USD" in explained.output
    assert "× 31/92 days of 2026-07-31..2026-10-31 = 72.75 USD" in explained.output


def test_the_contract_of_the_documentation_bills_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    examples = Path(__file__).parents[2] / "docs" / "examples"
    monkeypatch.chdir(examples)
    assert "20,538.51 USD in total" in CliRunner().invoke(app, ["preview", "contract.yaml"]).output
    simulated = ["simulate", "contract.yaml", "--usage", "usage.csv", "--until", "2025-03-01"]
    assert "25,427.53 USD = revenue 25,427.53 USD" in CliRunner().invoke(app, simulated).output


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


def _preview(tmp_path: Path, contract: object, *options: str, suffix: str = ".json") -> Result:
    file = tmp_path / f"contract{suffix}"
    file.write_text(contract if isinstance(contract, str) else json.dumps(contract))
    return CliRunner().invoke(app, ["preview", str(file), *options])


def test_an_explanation_has_the_inputs_with_their_origin_the_rule_the_formula_and_the_rounding(
    tmp_path: Path,
) -> None:
    source = {
        "object_type": "line_item",
        "record_id": "77",
        "field": "price",
        "value": "$19.99",
        "transform": "amount_text",
    }
    seats = {**CONTRACT["charges"][0], "sources": {"unit_price": source}}

    shown = _preview(tmp_path, {**CONTRACT, "charges": [seats]}, "--explain").output

    assert re.search(r'unit_price +19\.99 +from line_item 77, price "\$19\.99", read as amount_text', shown)
    assert "quarterly in advance: invoiced on the first day of the service period" in shown
    assert "(default/2)" in shown
    assert "× 31/92 days of 2026-07-31..2026-10-31 = 72.75 USD" in shown
    assert "215.892 USD → 215.89 USD, half up" in shown
    assert re.search("inputs +as on line 1 of document 1", shown)


def test_an_explanation_shows_each_tax_with_its_base_and_its_formula(tmp_path: Path) -> None:
    rates = [{"name": "GST", "percent": "5"}, {"name": "QST", "percent": "9.975", "on": ["GST"]}]

    shown = _preview(tmp_path, {**CONTRACT, "tax": {"rates": rates}}, "--explain").output

    assert "GST 5 % of 215.89 USD: 10.79 USD, its share of the document's" in shown
    assert "QST 9.975 % of 226.68 USD: 22.61 USD, its share of the document's" in shown
    assert "5 % of 715.89 USD = 35.7945 USD → 35.79 USD, half up" in shown
    assert "9.975 % of 751.6845 USD (net + GST) = 74.98052887… USD → 74.98 USD, half up" in shown
    assert "3 invoices, 1,004.53 USD in total, 155.43 USD tax, 1,159.96 USD payable" in shown


def test_a_contract_in_yaml_gives_what_it_gives_in_json(tmp_path: Path) -> None:
    yaml = """
        contract_id: acme-2026
        customer: Acme
        entity: us
        currency: USD
        start: 2026-01-31
        term_months: 7
        payment_terms: {net_days: 30}
        charges:
          - {charge_id: seats, description: Seats, quantity: 12, unit_price: 19.99, frequency: quarterly}
    """
    as_file = _preview(tmp_path, yaml, "--json", suffix=".yaml")
    as_input = CliRunner().invoke(app, ["preview", "-", "--json"], input=yaml)

    assert json.loads(as_file.output)["invoices"][0]["total"] == {"minor": 23988, "currency": "USD"}
    assert as_input.output == as_file.output


def test_another_profile_bills_by_its_own_conventions(tmp_path: Path) -> None:
    arguments = ("--json", "--profile", "lago")

    assert json.loads(_preview(tmp_path, CONTRACT, *arguments).output)["policies"]["version"] == "lago/1"


def test_a_profile_that_nobody_knows_is_refused_with_those_there_are(tmp_path: Path) -> None:
    refused = _preview(tmp_path, CONTRACT, "--profile", "nonsense")

    assert refused.exit_code == 2
    assert "kill_bill" in refused.stderr


def test_an_open_ended_contract_asks_until_when_and_is_planned_until_then(tmp_path: Path) -> None:
    evergreen = {
        **CONTRACT,
        "term_months": None,
        "evergreen": True,
        "charges": [{**CONTRACT["charges"][0], "frequency": "monthly"}],
    }

    refused = _preview(tmp_path, evergreen)
    planned = _preview(tmp_path, evergreen, "--until", "2026-05-01")

    assert refused.exit_code == 2
    assert "--until" in refused.stderr
    assert "4 invoices" in planned.output


def test_every_problem_of_impossible_terms_has_a_line_with_its_field(tmp_path: Path) -> None:
    broken = {**CONTRACT["charges"][0], "quantity": "-1", "discount_percent": "101"}

    refused = _preview(tmp_path, {**CONTRACT, "charges": [broken]})

    assert refused.exit_code == 2
    problems = dict(line.split(None, 1) for line in refused.stderr.splitlines())
    assert problems["charges[0].quantity"].startswith("-1 is negative; credit with a negative unit_price")
    assert problems["charges[0].discount_percent"].strip() == "101 is outside 0..100"


def test_a_file_that_is_not_there_is_named() -> None:
    refused = CliRunner().invoke(app, ["preview", "nothing.json"])

    assert refused.exit_code == 2
    assert "nothing.json" in refused.stderr
