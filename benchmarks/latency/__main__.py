"""`python -m benchmarks.latency`: the series, one after another, and what comes of them."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

from sqlalchemy import text

from benchmarks.latency import chart, machine, statements
from benchmarks.latency.report import Proof, Report
from benchmarks.latency.sensor_only import sensor_only
from benchmarks.latency.series import NotSettled, Order, Series, make_history, prepare, run
from benchmarks.latency.stand import HUBSPOT_LIMIT, NO_LIMIT, ROOT, Stand, stand
from benchmarks.latency.sustained import Sustained, highest
from integration_pipeline.pipeline.standing import status, verify
from integration_pipeline.runtime import pipeline_on

_NEWCOMERS = 0.1
_ROOM_SECONDS = 15
_CLIMB_SECONDS = 30.0
_CLIMB_STEPS = 6
_BACKLOG_PATIENCE_SECONDS = 300.0
_WARM_UP = Order("warm-up", 10.0, 5.0, _NEWCOMERS)


@dataclass(slots=True)
class Campaign:
    """All series of one run on one stand."""

    stand: Stand
    stacks: Path | None
    statements: bool
    documents_before: int
    closed: int = 0
    series: list[Series] = field(default_factory=list[Series])
    limited: list[Series] = field(default_factory=list[Series])

    def without_limits(self, rates: Sequence[float], seconds: float, climb: int) -> Sustained | None:
        """A series at each rate, then the search for the highest, `climb` attempts at most."""
        with self.stand.working(NO_LIMIT, self.stacks) as worker:
            programs = {"worker": worker.pid}
            self._measured(_WARM_UP, programs)
            for rate in rates:
                self.series.append(self._measured(_order(rate, seconds), programs))
            if not climb:
                return None
            found = highest(
                self.series,
                lambda rate: self._measured(_order(rate, min(seconds, _CLIMB_SECONDS)), programs),
                climb,
            )
            # Each deal's latency is for the picture, which these are not in.
            return replace(found, tried=[replace(each, each_ms=()) for each in found.tried])

    def under_hubspot_limits(self, rates: Sequence[float], seconds: float) -> None:
        """A series at each rate, with the calls that HubSpot grants an app.

        The sandbox counts the load's calls too, which in life are other people's: they come on top, with room
        for their unevenness. What keeps the worker to its share is its own limiter.
        """
        for rate in rates:
            with self.stand.working(HUBSPOT_LIMIT) as worker:
                order = _order(rate, seconds)
                deals = prepare(self.stand, order)
                self.stand.portal.limit(HUBSPOT_LIMIT + ceil(_ROOM_SECONDS * rate * (1 + _NEWCOMERS)))
                self.limited.append(run(self.stand, order, deals, {"worker": worker.pid}))
                self.stand.portal.limit(None)
                self._done(self.limited[-1])

    def sensor_only(self, deals: int) -> Series:
        series = sensor_only(self.stand, deals)
        # And one to warm up.
        self.closed += 1
        self._done(series)
        return series

    def proof(self) -> Proof:
        """That the books hold every deal that was closed, once, and nothing else."""
        pipeline = pipeline_on(self.stand.engine, self.stand.settings)
        with self.stand.engine.connect() as connection:
            documents = connection.execute(text("SELECT count(*) FROM ledger.documents")).scalar_one()
            standing = status(connection, pipeline)
            found = verify(connection, pipeline)
        return Proof(
            self.documents_before,
            self.closed,
            documents,
            found.checked["journal_entries"],
            standing.trial_balance_minor,
            tuple(found.problems),
        )

    def _measured(self, order: Order, programs: dict[str, int]) -> Series:
        deals = prepare(self.stand, order)
        logged = self.stand.database_log.stat().st_size
        series = run(self.stand, order, deals, programs)
        self._done(series)
        if self.statements:
            costs = statements.read_log(self.stand.database_log, logged)
            sys.stdout.write(statements.table(costs, series.deals))
        return series

    def _done(self, series: Series) -> None:
        self.closed += series.deals
        spread = series.latencies_ms.webhook_to_books
        sys.stderr.write(
            f"{datetime.now(UTC):%H:%M:%S} {series.name}: {series.deals} deals, "
            f"p50 {spread.p50:.0f} ms, p99 {spread.p99:.0f} ms, max {spread.max:.0f} ms\n"
        )


def main() -> int:
    chosen = _arguments()
    with (
        tempfile.TemporaryDirectory() as scratch,
        stand(chosen.home or Path(scratch), statements.LOG_SETTINGS if chosen.statements else {}) as running,
    ):
        history = make_history(running, chosen.history) if chosen.history else 0
        campaign = Campaign(running, chosen.stacks, chosen.statements, history)
        machine_found = machine.described(running.database_url)
        sustained, baseline, failure = None, None, None
        try:
            sustained = campaign.without_limits(chosen.rates, chosen.seconds, chosen.climb)
            campaign.under_hubspot_limits(chosen.limited_rates, chosen.seconds)
            baseline = campaign.sensor_only(chosen.sensor_deals) if chosen.sensor_deals else None
        except NotSettled as problem:
            # What was measured before is reported all the same.
            failure = str(problem)
        report = Report(
            measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=_commit(),
            machine=machine_found,
            series=campaign.series,
            under_hubspot_limits=campaign.limited,
            sensor_only=baseline,
            highest_rate_sustained=sustained,
            failure=failure,
            proof=campaign.proof(),
        )
    report.write(chosen.to / "latency.json")
    (chosen.to / "latency.md").write_text(report.markdown())
    if report.series:
        chart.draw(report, chosen.to / "latency.svg", chosen.to / "latency.png")
    sys.stdout.write(f"{report.text()}\n{', '.join(sorted(map(str, chosen.to.glob('latency.*'))))}\n")
    if failure is not None:
        sys.stderr.write(f"the benchmark was not finished: {failure}\n")
    elif not report.proof.holds:
        sys.stderr.write(f"the books do not hold what was closed: {report.proof}\n")
    return 0 if failure is None and report.proof.holds else 1


def _order(rate: float, seconds: float) -> Order:
    return Order(f"{rate:g} deals/s", rate, seconds, _NEWCOMERS, patience=_BACKLOG_PATIENCE_SECONDS)


def _commit() -> str | None:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 20, 50, 100], help="deals a second")
    parser.add_argument("--seconds", type=float, default=60, help="of each rate")
    parser.add_argument(
        "--limited-rates", type=float, nargs="*", default=[1, 20, 50], help="under HubSpot's limits"
    )
    parser.add_argument("--sensor-deals", type=int, default=8, help="without real time; 0 leaves it out")
    parser.add_argument("--climb", type=int, default=_CLIMB_STEPS, help="attempts to find the highest rate")
    parser.add_argument("--history", type=int, default=2000, help="deals in the books before it begins")
    parser.add_argument("--quick", action="store_true", help="two rates of ten seconds and nothing else")
    parser.add_argument("--to", type=Path, default=Path(".data/latency"), help="folder of the report")
    parser.add_argument("--home", type=Path, help="an empty folder to work in, which stays")
    parser.add_argument("--stacks", type=Path, help="where to write what the worker's threads were seen at")
    parser.add_argument("--statements", action="store_true", help="show what the database spends time on")
    chosen = parser.parse_args()
    if chosen.quick:
        quick = {"rates": [5.0, 20.0], "seconds": 10.0, "limited_rates": [], "sensor_deals": 0, "climb": 0}
        parser.set_defaults(**quick)
        chosen = parser.parse_args(sys.argv[1:])
    return chosen


if __name__ == "__main__":
    sys.exit(main())
