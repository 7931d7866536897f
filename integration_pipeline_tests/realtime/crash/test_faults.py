"""A CRM that fails a fifth of all reads; webhooks that come twice, late, in disorder, or from strangers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from integration_pipeline_tests.realtime.crash.load import Office
from integration_pipeline_tests.realtime.crash.rig import Rig

SEED = 31
_CHANGES = 180
_FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "throttle"},
    {"kind": "error", "status": 500},
    {"kind": "unauthorized"},
    {"kind": "hang", "max_ms": 300},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "truncate"},
    {"kind": "garbage", "form": "text"},
    {"kind": "garbage", "form": "record"},
    {"kind": "delay", "ms": [20, 200]},
)
# The first rule that is due has the request: ten of them together strike a fifth of all.
_SHARE = "0.022"
_DELIVERY = {"duplicate_share": 0.3, "disorder": 0.3, "forged_share": 0.3, "late_ms": 300}
_READS = (("GET", "/crm/*"), ("POST", "*/batch/read"))


@pytest.fixture
def faulty(rig: Rig) -> Iterator[Rig]:
    """The rig with a CRM that fails and webhooks that go astray, until the end of the test."""
    rules = [
        {"name": f"{number} {method}", "method": method, "path": path, "share": _SHARE, "fault": fault}
        for number, fault in enumerate(_FAULTS)
        for method, path in _READS
    ]
    rig.call("PUT", "/_sandbox/faults", {"seed": SEED, "rules": rules})
    rig.call("PUT", "/_sandbox/webhooks", {"faults": {"seed": SEED, **_DELIVERY}})
    yield rig
    rig.call("DELETE", "/_sandbox/faults")
    rig.call("PUT", "/_sandbox/webhooks", {"faults": {}})


def test_deals_are_booked_once_whatever_goes_wrong_on_the_way(faulty: Rig, people: Office) -> None:
    rig, closed = faulty, len(people.closed)
    with psycopg.connect(rig.database_url) as connection:
        newest = connection.execute("SELECT coalesce(max(id), 0) FROM inbox.events").fetchone()
    for _ in range(_CHANGES):
        people.do_something()
    rig.wait_until_settled()

    rig.hold_to_promises()
    assert len(people.closed) - closed >= 100
    fired = sum(rule["fired"] for rule in rig.call("GET", "/_sandbox/faults")["rules"])
    forged = rig.call("GET", "/_sandbox/webhooks/queue")["forged"]
    assert fired > 0
    assert forged["sent"] > 0
    assert forged["accepted"] == 0
    with psycopg.connect(rig.database_url) as connection:
        assert connection.execute(_FORGED).fetchone() == (0,)
        assert connection.execute(_REPEATED, newest).fetchone() == (True,)


_FORGED = "SELECT count(*) FROM inbox.events WHERE body ->> 'changeSource' = 'FORGED'"
_REPEATED = "SELECT sum(deliveries) > count(*) FROM inbox.events WHERE id > %s"
