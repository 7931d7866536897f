"""The months to come: what `simulate` prints and draws, of files and of the database."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner, Result

from integration_pipeline.cli.app import app
from integration_pipeline_tests.cli.conftest import Command


def contract(**changes: Any) -> dict[str, Any]:
    """A year at 100.00 a month plus 10 % tax, due after 30 days."""
    return {
        "contract_id": "C-1",
        "customer": "acme",
        "entity": "us",
        "currency": "USD",
        "start": "2026-01-01",
        "term_months": 12,
        "payment_terms": {"net_days": 30},
        "tax": {"rates": [{"name": "Tax", "percent": "10"}]},
        "charges": [
            {"charge_id": "seats", "description": "Seats", "unit_price": "100", "frequency": "monthly"}
        ],
        **changes,
    }


@pytest.fixture(autouse=True)
def _no_settings_of_the_developer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - autouse
    monkeypatch.chdir(tmp_path)


def simulate(*contracts: dict[str, Any], options: tuple[str, ...] = ()) -> Result:
    """The command on a file per contract, until the end of 2026."""
    names = [f"{number}.json" for number in range(len(contracts))]
    for name, document in zip(names, contracts, strict=True):
        Path(name).write_text(json.dumps(document))
    return CliRunner().invoke(app, ["simulate", *names, "--until", "2026-12-31", *options])


def test_the_table_shows_months_totals_and_that_they_tie() -> None:
    shown = simulate(contract())

    assert shown.exit_code == 0
    rows = [line.split() for line in shown.output.splitlines()]
    assert ["2026-01", "100.00", "10.00", "110.00", "100.00", "0.00"] in rows
    assert ["total", "1,200.00", "120.00", "1,320.00", "1,200.00", "0.00"] in rows
    assert (
        "✓ invoiced 1,200.00 USD + tax 120.00 USD = due 1,320.00 USD + due after 2026-12-31" in shown.output
    )
    assert "✓ invoiced 1,200.00 USD = revenue 1,200.00 USD + deferred on 2026-12-31 0.00 USD" in shown.output


def test_the_csv_is_all_there_is_on_standard_output() -> None:
    shown = simulate(contract(), contract(contract_id="C-2", currency="EUR"), options=("--format", "csv"))

    rows = list(csv.DictReader(io.StringIO(shown.stdout)))
    assert len(rows) == 24
    assert {row["currency"] for row in rows} == {"EUR", "USD"}
    assert rows[0]["invoiced"] == "100.00"


def test_metered_charges_are_planned_without_usage_and_the_output_says_so() -> None:
    metered = contract(
        charges=[
            {
                "charge_id": "api",
                "description": "Calls",
                "unit_price": "1",
                "frequency": "monthly",
                "metric": {"metric": "calls"},
            }
        ]
    )
    Path("usage.csv").write_text(
        "event_id,customer,metric,occurred_at,quantity\n"
        "e1,acme,calls,2026-02-01T04:00:00Z,50\n"  # still January in New York
        "e2,other,calls,2026-02-03T00:00:00Z,5\n"
    )

    without = simulate(metered)
    with_usage = simulate(metered, options=("--usage", "usage.csv", "--format", "json"))

    assert "without usage" in without.output
    found = json.loads(with_usage.stdout)
    billed = {each["month"]: each["invoiced_minor"] for each in found["currencies"][0]["months"]}
    assert billed["2026-02"] == 5000
    assert sum(billed.values()) == 5000
    assert found["notes"] == ["1 usage event left out: no contract here bills them"]


def test_usage_that_nobody_can_read_is_refused_by_event_and_field() -> None:
    Path("usage.jsonl").write_text('{"event_id": "e1"}\n')

    refused = simulate(contract(), options=("--usage", "usage.jsonl"))

    assert refused.exit_code == 2
    assert "[0] (event 'e1').metric" in refused.stderr


def test_the_problems_of_all_files_are_listed_at_once() -> None:
    refused = simulate(contract(currency="XXZ"), contract(), contract(term_months=-1))

    assert refused.exit_code == 2
    assert "0.json" in refused.stderr
    assert "2.json" in refused.stderr
    assert "1.json" not in refused.stderr


def test_a_chart_is_drawn_beside_the_figures_where_its_name_is_that_of_a_picture() -> None:
    drawn = simulate(contract(), options=("--chart", "chart.svg"))
    refused = simulate(contract(), options=("--chart", "chart.pdf"))

    assert drawn.exit_code == 0
    assert Path("chart.svg").read_text().startswith("<?xml")
    assert refused.exit_code == 2
    assert ".svg or .png" in refused.stderr


def test_without_files_the_deals_of_the_database_are_simulated_as_they_were_planned(
    command: Command, database: str
) -> None:
    (planned,) = _ask(database, _PLANNED_BEFORE_2026)

    simulated = json.loads(command("simulate", "--until", "2026-01-01", "--format", "json").stdout)

    found = {each["currency"]: each["totals"]["invoiced_minor"] for each in simulated["currencies"]}
    assert found == planned[0]
    assert simulated["ties"] is True


def test_a_simulation_of_the_database_writes_nothing(command: Command, database: str) -> None:
    before = _ask(database, _WRITTEN)

    assert command("simulate", "--until", "2035-01-01").exit_code == 0

    assert _ask(database, _WRITTEN) == before


def _ask(database: str, question: str) -> list[tuple[Any, ...]]:
    engine = create_engine(database)
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(question))]
    engine.dispose()
    return found


_PLANNED_BEFORE_2026 = """
    SELECT jsonb_object_agg(currency, net) FROM (
        SELECT currency, sum(CASE kind WHEN 'credit_note' THEN -net_minor ELSE net_minor END) AS net
        FROM billing.documents
        WHERE state <> 'superseded' AND issue_date < '2026-01-01'
        GROUP BY currency
    ) AS by_currency
"""
# Statistics of the server itself: rows written to any table, by any statement that was committed or not.
_WRITTEN = """
    SELECT schemaname, relname, n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables ORDER BY 1, 2
"""
