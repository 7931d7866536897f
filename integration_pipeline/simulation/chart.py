"""A simulation as a chart: bars for what is invoiced and due, lines for what is earned and deferred.

Belongs here: drawing with matplotlib, into a file. Does not belong here: figures; amounts become floats here
and nowhere else, as coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from math import ceil
from pathlib import Path
from typing import Any

from integration_pipeline.billing.currencies import minor_unit_exponent
from integration_pipeline.billing.money import Money
from integration_pipeline.simulation.figures import CurrencyFigures, Simulation

# Matplotlib's keyword arguments have no types.
Axes = Any
Figure = Any

SUFFIXES = (".svg", ".png")
WIDTH, HEIGHT = 1200, 700
"""Pixels; more than four currencies make it higher."""
_DPI = 100
_MOST_TICKS = 18
_INVOICED, _TAX, _DUE, _REVENUE, _DEFERRED = "#4477aa", "#99bbdd", "#ccbb44", "#228833", "#aa3377"
"""Paul Tol's bright scheme: told apart by colour-blind people, and in grey."""


def draw(simulation: Simulation, path: Path) -> None:
    """Write the chart; equal simulations give equal SVG files. The suffix of `path` is one of `SUFFIXES`.

    Raises `ValueError` for another suffix or a simulation without any month, `OSError` if `path` cannot be
    written.
    """
    if path.suffix.lower() not in SUFFIXES or not simulation.currencies:
        raise ValueError(
            f"{path.name}: needs months to draw, and a name that ends in {' or '.join(SUFFIXES)}"
        )
    # Imported here: it takes half a second that no other command should take.
    from matplotlib import (
        rc_context,  # pyright: ignore[reportUnknownVariableType] - its parameters have types in part
    )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    count = len(simulation.currencies)
    columns = 1 if count <= 2 else 2
    rows = ceil(count / columns)
    height = max(HEIGHT, rows * HEIGHT // 2)
    with rc_context({"svg.hashsalt": "integration-pipeline", "font.family": "DejaVu Sans", "font.size": 10}):
        figure: Figure = NewFigure(figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
        for each, of_currency in zip(axes, simulation.currencies, strict=False):
            _draw_currency(each, of_currency)
        for unused in axes[count:]:
            unused.set_visible(False)
        _entitle(figure, simulation, axes[:count])
        is_svg = path.suffix.lower() == ".svg"
        figure.savefig(path, format=path.suffix.lower()[1:], metadata={"Date": None} if is_svg else None)


def _draw_currency(axes: Axes, figures: CurrencyFigures) -> None:
    months = figures.months
    places = list(range(len(months)))
    left, right = [place - 0.2 for place in places], [place + 0.2 for place in places]
    net, tax = _units(month.invoiced for month in months), _units(month.tax for month in months)
    axes.bar(left, net, 0.4, color=_INVOICED, label="invoiced, net (by issue date)")
    if any(tax):
        axes.bar(left, tax, 0.4, bottom=net, color=_TAX, label="tax on it")
    axes.bar(
        right, _units(month.cash_due for month in months), 0.4, color=_DUE, label="cash due (by due date)"
    )
    line: dict[str, Any] = {"marker": "o", "markersize": 3, "linewidth": 1.8}
    axes.plot(places, _units(month.revenue for month in months), color=_REVENUE, label="revenue", **line)
    deferred = _units(month.deferred for month in months)
    axes.plot(places, deferred, color=_DEFERRED, label="deferred revenue at month end", **line)
    step = ceil(len(months) / _MOST_TICKS)
    axes.set_xticks(places[::step], _month_names([month.month for month in months][::step]))
    axes.set_xlim(-0.7, len(months) - 0.3)
    axes.set_ylabel(f"{figures.currency} per month, or at month end")
    axes.set_xlabel("month")
    axes.yaxis.set_major_formatter("{x:,.10g}")
    axes.set_title(
        f"{figures.currency}: {_counted(figures.contracts, 'contract')}, "
        f"{_counted(figures.invoices, 'invoice')}, {_counted(figures.credit_notes, 'credit note')}",
        loc="left",
        fontsize=11,
    )
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)
    axes.axhline(0, color="#444444", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _entitle(figure: Figure, simulation: Simulation, axes: Sequence[Axes]) -> None:
    months = simulation.currencies[0].months
    span = f"{months[0].month:%b %Y} to {months[-1].month:%b %Y}"
    figure.suptitle(f"Invoices, cash and revenue by month, {span}", fontsize=14)
    drawn: dict[str, Any] = {}
    for each in axes:
        handles, labels = each.get_legend_handles_labels()
        drawn |= dict(zip(labels, handles, strict=True))
    figure.legend(
        drawn.values(), drawn.keys(), loc="outside lower center", ncols=len(drawn), frameon=False, fontsize=10
    )


def _units(amounts: Iterable[Money]) -> list[float]:
    """Amounts as coordinates, in currency units."""
    return [amount.minor / 10 ** minor_unit_exponent(amount.currency) for amount in amounts]


def _month_names(months: Sequence[date]) -> list[str]:
    """`Jan`, with the year below the first month named of each year."""
    names: list[str] = []
    year = None
    for month in months:
        names.append(f"{month:%b}" if month.year == year else f"{month:%b}\n{month.year}")
        year = month.year
    return names


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
