"""A CRM that fails a fifth of all reads; webhooks that come twice, late, in disorder, or from strangers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import psycopg
import pytest

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import AFTER_EXTRACTION
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal
from integration_pipeline_tests.realtime.conftest import Inbox, working
from integration_pipeline_tests.realtime.crash.load import Office as People
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
_READS = (("GET", "/crm/*"), ("POST", "*/batch/read"))


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig") / "home") as running:
        yield running


def test_deals_are_booked_once_whatever_goes_wrong_on_the_way(rig: Rig) -> None:
    rules = [
        {"name": f"{number} {method}", "method": method, "path": path, "share": _SHARE, "fault": fault}
        for number, fault in enumerate(_FAULTS)
        for method, path in _READS
    ]
    rig.call("PUT", "/_sandbox/faults", {"seed": SEED, "rules": rules})
    delivery = {"duplicate_share": 0.3, "disorder": 0.3, "forged_share": 0.3, "late_ms": 300}
    rig.call("PUT", "/_sandbox/webhooks", {"faults": {"seed": SEED, **delivery}})
    people = People(rig, SEED)
    for _ in range(_CHANGES):
        people.do_something()
    rig.wait_until_settled()

    rig.hold_to_promises()
    assert len(people.closed) >= 100
    fired = sum(rule["fired"] for rule in rig.call("GET", "/_sandbox/faults")["rules"])
    forged = rig.call("GET", "/_sandbox/webhooks/queue")["forged"]
    assert fired > 0
    assert forged["sent"] > 0
    assert forged["accepted"] == 0
    with psycopg.connect(rig.database_url) as connection:
        assert connection.execute(_FORGED).fetchone() == (0,)
        assert connection.execute(_REPEATED).fetchone() == (True,)


class Cut(Portal):
    """A CRM during whose next few answers every session breaks that holds a claim."""

    def __init__(self) -> None:
        super().__init__()
        self.cuts = 0
        self.cutter: psycopg.Connection | None = None

    def fetch(
        self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
    ) -> list[CrmRecord]:
        if self.cuts and self.cutter is not None:
            self.cuts -= 1
            self.cutter.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND state = 'idle in transaction'"
            )
        return super().fetch(object_type, ids, properties)


@pytest.fixture
def portal() -> Cut:
    return Cut()


def test_claims_lost_while_reading_are_left_to_whoever_claims_next(
    office: Office, portal: Cut, inbox: Inbox
) -> None:
    for number in range(1, 6):
        portal.deal(str(number), dealname=f"Deal {number}")
    with psycopg.connect(inbox.url, autocommit=True) as portal.cutter:
        portal.cuts = 8
        with working(inbox, portal):
            inbox.announce("1", "2", "3", "4", "5")
            inbox.wait_for("SELECT count(*) = 5 FROM inbox.events WHERE state = 'done'")
    assert len(office.posted()) == 5


def test_a_deal_that_changed_after_its_poster_died_is_billed_as_it_is_now(
    office: Office, portal: Cut, inbox: Inbox
) -> None:
    portal.deal("1")
    office.on(date(2026, 3, 9)).sync()
    # As a poster leaves it that is killed after its claim was committed.
    office.execute(
        "UPDATE posting.intents SET state = 'claimed', fencing_token = nextval('posting.fencing_tokens'), "
        "lease_until = clock_timestamp() + interval '2 minutes'"
    )
    portal.change(DEAL, "1", amount="1500.00")
    with working(inbox, portal):
        inbox.announce("1")
        inbox.wait_for("SELECT bool_and(attempts > 0) FROM inbox.events")
    assert [total for _, total, _ in office.posted()] == [150_000]
    assert inbox.states() == {"done": 1}


def test_a_correction_is_not_half_posted_when_the_deal_is_opened_again(office: Office, portal: Cut) -> None:
    portal.deal("1")
    office.sync()
    portal.change(DEAL, "1", amount="1500.00")
    extract(office.pipeline, portal)
    for name, stage in AFTER_EXTRACTION:
        if name != "post":
            stage(office.pipeline, Scope.everything())
    # Planned and not posted, whether its poster was killed or somebody else read the deal before it came.
    portal.change(DEAL, "1", dealstage="contractsent")
    office.sync()
    assert [total for _, total, _ in office.posted()] == [120_000]
    assert office.quarantined() == [("1", "nothing_was_invoiced")]


_FORGED = "SELECT count(*) FROM inbox.events WHERE body ->> 'changeSource' = 'FORGED'"
_REPEATED = "SELECT sum(deliveries) > count(*) FROM inbox.events"
