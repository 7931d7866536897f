"""CSV, JSON and charts of a simulation."""

from __future__ import annotations

import struct
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from integration_pipeline.billing.money import Money
from integration_pipeline.billing.policies import DEFAULT
from integration_pipeline.simulation.chart import draw
from integration_pipeline.simulation.exports import as_csv, as_json, plain
from integration_pipeline.simulation.figures import CurrencyFigures, MonthFigures, Simulation


def _figures(currency: str, minor: int) -> CurrencyFigures:
    def money(amount: int) -> Money:
        return Money(amount, currency)

    months = tuple(
        MonthFigures(
            date(2026, month, 1),
            invoiced=money(invoiced),
            tax=money(invoiced // 10),
            cash_due=money(invoiced + invoiced // 10),
            revenue=money(revenue),
            deferred=money(deferred),
            contract_asset=money(0),
        )
        for month, invoiced, revenue, deferred in ((1, 2 * minor, minor, minor), (2, 0, minor, 0))
    )
    return CurrencyFigures(currency, months, 1, 1, 0, money(0))


@pytest.fixture
def simulation() -> Simulation:
    return Simulation(date(2026, 3, 1), DEFAULT, (_figures("JPY", 1250), _figures("USD", 123_456)))


def test_the_csv_has_stable_columns_and_amounts_that_programs_can_read(simulation: Simulation) -> None:
    assert as_csv(simulation) == (
        "month,currency,invoiced,tax,cash_due,revenue,deferred,contract_asset\n"
        "2026-01,JPY,2500,250,2750,1250,1250,0\n"
        "2026-02,JPY,0,0,0,1250,0,0\n"
        "2026-01,USD,2469.12,246.91,2716.03,1234.56,1234.56,0.00\n"
        "2026-02,USD,0.00,0.00,0.00,1234.56,0.00,0.00\n"
    )


@pytest.mark.parametrize(
    ("minor", "currency", "written"),
    [(-5, "USD", "-0.05"), (5, "KWD", "0.005"), (-1250, "JPY", "-1250"), (123_456_789, "EUR", "1234567.89")],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(
    minor: int, currency: str, written: str
) -> None:
    assert plain(Money(minor, currency)) == written


def test_the_json_holds_minor_units_totals_and_the_equations(simulation: Simulation) -> None:
    written = as_json(simulation)

    yen, dollars = written["currencies"]
    assert yen["months"][0]["invoiced_minor"] == 2500
    assert dollars["totals"]["revenue_minor"] == 246_912
    assert dollars["totals"]["deferred_minor"] == 0
    assert written["ties"] is True
    assert dollars["ties"][1]["formula"].startswith("invoiced 2,469.12 USD = revenue 2,469.12 USD + deferred")


def test_equal_simulations_give_equal_svg_with_a_panel_per_currency(
    simulation: Simulation, tmp_path: Path
) -> None:
    for name in ("first.svg", "second.svg"):
        draw(simulation, tmp_path / name)

    drawn = (tmp_path / "first.svg").read_text()
    assert drawn == (tmp_path / "second.svg").read_text()
    for words in ("Jan 2026 to Feb 2026", "JPY: 1 contract, 1 invoice", "USD: 1 contract", "cash due"):
        assert words in drawn


def test_a_png_has_the_size_of_a_slide(simulation: Simulation, tmp_path: Path) -> None:
    draw(simulation, tmp_path / "chart.PNG")

    header = (tmp_path / "chart.PNG").read_bytes()[:24]
    assert struct.unpack(">II", header[16:]) == (1200, 700)


def test_a_chart_of_another_kind_or_of_nothing_is_refused(simulation: Simulation, tmp_path: Path) -> None:
    nothing = Simulation(date(2026, 3, 1), DEFAULT, ())
    for drawn, name in ((simulation, "chart.pdf"), (nothing, "chart.svg")):
        with pytest.raises(ValueError, match=r"\.svg or \.png"):
            draw(drawn, tmp_path / name)


def test_matplotlib_is_imported_only_when_a_chart_is_drawn() -> None:
    script = "import sys, integration_pipeline.simulation.chart; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0  # noqa: S603 - our own
