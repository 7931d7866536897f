"""A simulation for programs: CSV with stable columns, JSON with stable names.

Belongs here: those two formats. Does not belong here: tables for people (`cli`).
"""

from __future__ import annotations

import csv
import io
from typing import Any

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import Money
from integration_pipeline.simulation.figures import CurrencyFigures, MonthFigures, Simulation

AMOUNTS = ("invoiced", "tax", "cash_due", "revenue", "deferred", "contract_asset")
"""The figures of a month, in the order in which every format lists them."""
COLUMNS = ("month", "currency", *AMOUNTS)
MONTH_FORMAT = "%Y-%m"


def as_csv(simulation: Simulation) -> str:
    """A row per currency and month (`2026-01`); amounts in currency units: `-1250.00`, `1250` for JPY."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(COLUMNS)
    for figures in simulation.currencies:
        for month in figures.months:
            amounts = [plain(getattr(month, name)) for name in AMOUNTS]
            writer.writerow([month.month.strftime(MONTH_FORMAT), figures.currency, *amounts])
    return written.getvalue()


def as_json(simulation: Simulation) -> dict[str, Any]:
    """Plain JSON values; amounts in minor units, under names that end in `_minor`."""
    return {
        "horizon": simulation.horizon.isoformat(),
        "policies": simulation.policies.version,
        "ties": simulation.ties,
        "currencies": [_currency(figures) for figures in simulation.currencies],
    }


def plain(amount: Money) -> str:
    """In currency units with the currency's decimals, for programs: `-1250.00`, `1250` for JPY."""
    exponent = minor_unit_exponent(amount.currency)
    whole, part = divmod(abs(amount.minor), 10**exponent)
    sign = "-" if amount.minor < 0 else ""
    return f"{sign}{whole}.{part:0{exponent}d}" if exponent else f"{sign}{whole}"


def _currency(figures: CurrencyFigures) -> dict[str, Any]:
    return {
        "currency": figures.currency,
        "contracts": figures.contracts,
        "invoices": figures.invoices,
        "credit_notes": figures.credit_notes,
        "months": [
            {"month": month.month.strftime(MONTH_FORMAT), **_minors(month)} for month in figures.months
        ],
        "totals": _minors(figures.totals),
        "due_later_minor": figures.due_later.minor,
        "ties": [{"formula": tie.formula, "holds": tie.holds} for tie in figures.ties],
    }


def _minors(month: MonthFigures) -> dict[str, int]:
    return {f"{name}_minor": getattr(month, name).minor for name in AMOUNTS}
