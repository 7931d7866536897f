"""The latencies as a picture: a histogram of each series over one logarithmic axis, sensor-only beneath."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.latency.figures import GOAL_MS, PROMISE_MS
from benchmarks.latency.report import Report
from benchmarks.latency.series import Series

# Matplotlib's keyword arguments have no types.
Axes = Any
Figure = Any

_WIDTH, _ROW_HEIGHT, _FRAME_HEIGHT = 10.0, 1.15, 1.5
"""Inches."""
_BINS_PER_DECADE = 24
_REALTIME, _SENSOR, _GOAL, _PROMISE = "#4477aa", "#ccbb44", "#228833", "#aa3377"
"""Paul Tol's bright scheme: told apart by colour-blind people, and in grey."""


def draw(report: Report, *files: Path) -> None:
    """Write the picture to each of `files`, as SVG or PNG by its suffix."""
    # Imported here: it takes half a second, and a broken installation should not cost a measurement.
    from matplotlib import (
        rc_context,  # pyright: ignore[reportUnknownVariableType] - its parameters have types in part
    )
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as NewFigure

    rows = [(each, _REALTIME) for each in report.series]
    if report.sensor_only is not None:
        rows.append((report.sensor_only, _SENSOR))
    least = min(series.each_ms[0] for series, _ in rows)
    most = max(PROMISE_MS, *(series.each_ms[-1] for series, _ in rows))
    with rc_context({"svg.hashsalt": "latency", "font.family": "DejaVu Sans", "font.size": 9}):
        size = (_WIDTH, _FRAME_HEIGHT + _ROW_HEIGHT * len(rows))
        figure: Figure = NewFigure(figsize=size, dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False).ravel().tolist()
        bins = _bins(least, most)
        for each, (series, colour) in zip(axes, rows, strict=True):
            _draw_series(each, series, colour, bins)
        axes[-1].set_xlim(bins[0], bins[-1])
        axes[-1].set_xlabel("from the webhook's sending to settled in the books, milliseconds (logarithmic)")
        axes[-1].xaxis.set_major_formatter("{x:,.0f}")
        axes[0].annotate(
            " 50 ms", (GOAL_MS, 1.0), xycoords=("data", "axes fraction"), color=_GOAL, va="bottom"
        )
        axes[0].annotate(
            " 500 ms", (PROMISE_MS, 1.0), xycoords=("data", "axes fraction"), color=_PROMISE, va="bottom"
        )
        figure.suptitle(_title(report), fontsize=11)
        for file in files:
            metadata = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, format=file.suffix[1:], metadata=metadata)


def _draw_series(axes: Axes, series: Series, colour: str, bins: Sequence[float]) -> None:
    weights = [100 / len(series.each_ms)] * len(series.each_ms)
    axes.hist(series.each_ms, bins=bins, weights=weights, color=colour)
    axes.set_xscale("log")
    axes.axvline(GOAL_MS, color=_GOAL, linewidth=1.2)
    axes.axvline(PROMISE_MS, color=_PROMISE, linewidth=1.2)
    spread = series.latencies_ms.webhook_to_books
    axes.set_ylabel("% of deals")
    axes.set_title(
        f"{series.name}: {series.deals:,} deals, p50 {spread.p50:,.0f} ms, p99 {spread.p99:,.0f} ms",
        loc="right",
        fontsize=9,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)


def _bins(least: float, most: float) -> list[float]:
    """Edges of equal width on a logarithmic axis, which the range fits into."""
    ratio = 10 ** (1 / _BINS_PER_DECADE)
    edges = [max(1.0, 0.8 * least)]
    while edges[-1] < 1.25 * most:
        edges.append(edges[-1] * ratio)
    return edges


def _title(report: Report) -> str:
    sustained = report.highest_rate_sustained
    rate = sustained.deals_per_second if sustained else None
    processors = report.machine.get("processors")
    highest = f"; {rate:,.0f} deals/s sustained" if rate else ""
    return f"Webhook to books, on {processors} processors that CRM, load and database share{highest}"
