"""How long after a webhook an invoice is in QuickBooks, or in Xero; JSON out.

Everything real and in processes of its own: a sandbox HubSpot that sends webhooks, gateway, worker,
PostgreSQL that syncs to disk, sandboxes of QuickBooks and Xero, connected as a person connects them. Each
call to a vendor takes 80 ms. Deals of the American entity go to QuickBooks, European ones to Xero; customers
are known everywhere. From the webhook sent to the booking in the own ledger, and to the moment at which the
vendor's answer is stored. Vendors refuse nobody for his rate, unless `--documented-limits` is given.

    python -m benchmarks.accounting.latency [--rates 1 5 20] [--seconds 30] [--ms 80]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import yaml
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks.accounting.vendors import CLIENT_ID, CLIENT_SECRET, NAMES, Vendor, VendorName, sandbox
from benchmarks.latency.figures import Spread
from benchmarks.latency.portal import OpenDeal, closing_day
from benchmarks.latency.series import Order, make_history, prepare, run
from benchmarks.latency.stand import NO_LIMIT, Stand, stand
from integration_pipeline.credentials import Connections, new_key
from integration_pipeline.credentials import Vendor as Issuer
from integration_pipeline.credentials.connecting import connect
from integration_pipeline.credentials.consent import read_callback, request_consent
from integration_pipeline.credentials.keys import Keyring
from integration_pipeline.credentials.settings import CredentialsSettings
from integration_pipeline.realtime.process import worker_process
from integration_pipeline.runtime import pipeline_on

_ENTITY: Mapping[VendorName, str] = {"quickbooks": "us", "xero": "eu"}
# Nobody listens there: the person's browser is played by `_consent`.
_CALLBACK = "http://localhost:8801/callback"
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Posted:
    """Of the deals of one series that go to one vendor. Durations in milliseconds, from the webhook on.

    `calls` by method and kind of record; `documents_a_call` says how many went together under load.
    """

    documents: int
    webhook_to_posted: Spread
    booked_to_posted: Spread
    longest_call: float
    calls: Mapping[str, int]
    documents_a_call: float


@dataclass(frozen=True, slots=True)
class Figures:
    """One series."""

    deals_per_second: float
    deals: int
    webhook_to_books: Spread
    hubspot_calls_per_deal: float
    """Those of telling the deal afterwards included."""
    posted: Mapping[str, Posted]
    load_average: float


def measured(
    rates: Sequence[float],
    seconds: float,
    ms: int,
    history: int,
    *,
    limited: bool = False,
    warm_up_seconds: float = 4.0,
) -> list[Figures]:
    """A series at each rate, after one that is not counted."""
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as running:
        home = Path(scratch)
        here = running.enter_context(stand(home / "stand", {}))
        vendors: dict[VendorName, Vendor] = {
            name: Vendor(name, running.enter_context(sandbox(name, home / name, limited=limited)))
            for name in NAMES
        }
        if history:
            make_history(here, history)
        warm_up = Order("warm-up", 5.0, warm_up_seconds, 0.0)
        orders = [warm_up, *(Order(f"{rate:g} deals/s", rate, seconds, 0.0, 300.0) for rate in rates)]
        prepared = [(order, prepare(here, order)) for order in orders]
        for vendor in vendors.values():
            vendor.introduce(pipeline_on(here.engine, here.settings))
        _slow_down(here, vendors.values(), ms)
        figures: list[Figures] = []
        with _worker(here, home, vendors, limited=limited) as pid:
            for order, deals in prepared:
                figures.append(_series(here, vendors, order, deals, pid))
                _say(figures[-1])
        return figures[1:]


def _series(
    here: Stand, vendors: Mapping[VendorName, Vendor], order: Order, deals: Sequence[OpenDeal], worker: int
) -> Figures:
    for vendor in vendors.values():
        vendor.process.admin("PUT", "/requests", {"on": True})
    series = run(here, order, deals, {"worker": worker})
    ids = {deal.id for deal in deals}
    ways = _ways(here, ids)
    sent = _webhooks_sent(here, ids)
    return Figures(
        deals_per_second=order.rate,
        deals=len(deals),
        webhook_to_books=series.latencies_ms.webhook_to_books,
        hubspot_calls_per_deal=series.crm_calls_per_deal,
        posted={name: _posted(vendor, ways, sent) for name, vendor in vendors.items()},
        load_average=series.load_average,
    )


def _posted(vendor: Vendor, ways: Sequence[Any], sent: Mapping[str, float]) -> Posted:
    own = [way for way in ways if way.target == vendor.name]
    calls = Counter(
        f"{each['method']} {each['path'].rpartition('/')[2]}"
        for each in vendor.process.admin("GET", "/requests")["requests"]
    )
    writes = sum(count for name, count in calls.items() if not name.startswith("GET"))
    return Posted(
        documents=len(own),
        webhook_to_posted=Spread.of(1e3 * (way.posted_at.timestamp() - sent[way.deal]) for way in own),
        booked_to_posted=Spread.of(1e3 * (way.posted_at - way.booked_at).total_seconds() for way in own),
        longest_call=round(max(1e3 * (way.posted_at - way.sent_at).total_seconds() for way in own), 1),
        calls=dict(calls.most_common()),
        documents_a_call=round(len(own) / max(1, writes), 2),
    )


def _ways(here: Stand, deals: set[str]) -> Sequence[Any]:
    """Of each deal's invoice: when it was booked, sent, and its acceptance stored. Waits for the last."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        with here.engine.connect() as connection:
            found = [row for row in connection.execute(text(_WAYS)).all() if row.deal in deals]
        if len({row.deal for row in found}) == len(deals):
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{len(found)} of {len(deals)} invoices were posted; see worker.log in {here.home}"
            )
        time.sleep(_POLL_SECONDS)


def _webhooks_sent(here: Stand, deals: set[str]) -> Mapping[str, float]:
    """When the first webhook of each deal's closing was sent, epoch seconds."""
    sent: dict[str, float] = {}
    after = 0
    with httpx.Client(
        base_url=here.portal.base_url, headers={"Authorization": f"Bearer {here.portal.token}"}
    ) as client:
        while True:
            page = (
                client.get("/_sandbox/webhooks/deliveries", params={"after": after}).raise_for_status().json()
            )
            for each in page["results"]:
                after, deal = each["id"], str(each["object_id"])
                if deal in deals and each["type"] == "deal.propertyChange":
                    sent[deal] = min(each["sent_at"] / 1e6, sent.get(deal, float("inf")))
            if "paging" not in page:
                return sent


def _slow_down(here: Stand, vendors: Any, ms: int) -> None:
    for vendor in vendors:
        vendor.process.admin("PUT", "/latency", {"ms": ms})
    rule = {"name": "network", "path": "/crm/*", "fault": {"kind": "delay", "ms": ms}}
    httpx.put(
        f"{here.portal.base_url}/_sandbox/faults",
        json={"rules": [rule]},
        headers={"Authorization": f"Bearer {here.portal.token}"},
    ).raise_for_status()


@contextmanager
def _worker(
    here: Stand, home: Path, vendors: Mapping[VendorName, Vendor], *, limited: bool
) -> Generator[int]:
    """The worker as it is shipped, with both targets; its process id."""
    entries = [
        vendor.entry(limited=limited, entities=[_ENTITY[name]], since=closing_day().isoformat())
        for name, vendor in vendors.items()
    ]
    file = home / "targets.yaml"
    file.write_text(yaml.safe_dump({"targets": entries}))
    keys = new_key()
    environment = {"CREDENTIALS_KEYS": keys.get_secret_value(), "TARGETS_FILE": str(file)}
    for name, vendor in vendors.items():
        environment |= _app(name, vendor.process.base_url)
    _connect(here, keys, environment)
    settings = here.environment(realtime=True) | environment
    settings["HUBSPOT_REQUESTS_PER_TEN_SECONDS"] = str(NO_LIMIT)
    with worker_process(settings, here.home / "worker.log") as worker:
        yield worker.pid


def _app(name: VendorName, base_url: str) -> dict[str, str]:
    authorize, token, revoke = {
        "quickbooks": ("/connect/oauth2", "/oauth2/v1/tokens/bearer", "/v2/oauth2/tokens/revoke"),
        "xero": ("/identity/connect/authorize", "/connect/token", "/connect/revocation"),
    }[name]
    prefix = name.upper()
    return {
        f"{prefix}_CLIENT_ID": CLIENT_ID,
        f"{prefix}_CLIENT_SECRET": CLIENT_SECRET.get_secret_value(),
        f"{prefix}_AUTHORIZE_URL": f"{base_url}{authorize}",
        f"{prefix}_TOKEN_URL": f"{base_url}{token}",
        f"{prefix}_REVOKE_URL": f"{base_url}{revoke}",
        f"{prefix}_API_URL": base_url,
    }


def _connect(here: Stand, keys: SecretStr, environment: Mapping[str, str]) -> None:
    """Consent to both apps; the sandboxes' pages consent at once, and redirect."""
    given = {name.lower(): value for name, value in environment.items()}
    apps = CredentialsSettings.model_validate(given).apps()
    connections = Connections(here.engine, Keyring.parse(keys), apps)
    for issuer in Issuer:
        tools = connections.refresher
        app, now = tools.app(issuer), datetime.now(UTC)
        asked = request_consent(app, tools.keys, _CALLBACK, now)
        answer = httpx.get(asked.url, timeout=30)
        connect(connections, issuer, read_callback(app, tools.keys, answer.headers["Location"], now))


def _say(figures: Figures) -> None:
    there = ", ".join(
        f"{name} p50 {each.webhook_to_posted.p50:.0f} p99 {each.webhook_to_posted.p99:.0f} ms"
        for name, each in figures.posted.items()
    )
    sys.stderr.write(f"{figures.deals_per_second:g} deals/s: {there}\n")


_WAYS = """
    SELECT
        split_part(document.deal_key, ':', 2) AS deal, intent.target,
        pg_xact_commit_timestamp(entry.xmin) AS booked_at, attempt.started_at AS sent_at,
        intent.updated_at AS posted_at
    FROM posting.intents AS intent
    INNER JOIN billing.documents AS document ON document.id = intent.document_id
    INNER JOIN posting.ledger_intents AS own ON own.document_id = document.id
    INNER JOIN ledger.journal_entries AS entry ON entry.intent_id = own.id
    INNER JOIN posting.attempts AS attempt ON attempt.intent_id = intent.id AND attempt.outcome = 'posted'
    WHERE intent.target <> 'ledger' AND intent.state = 'posted'
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accounting.latency", description=__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[1, 5, 20], help="deals a second")
    parser.add_argument("--seconds", type=float, default=30, help="of each rate")
    parser.add_argument("--ms", type=int, default=80, help="that every call to a vendor takes")
    parser.add_argument("--history", type=int, default=2000, help="deals in the books before it begins")
    parser.add_argument("--documented-limits", action="store_true", help="of QuickBooks and Xero")
    given = parser.parse_args()
    found = measured(given.rates, given.seconds, given.ms, given.history, limited=given.documented_limits)
    report = {
        "ms_per_call": given.ms,
        "documented_limits": given.documented_limits,
        "load_average": round(os.getloadavg()[0], 1),
        "series": [asdict(each) for each in found],
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
