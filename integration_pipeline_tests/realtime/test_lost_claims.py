"""Claims and posters that are lost halfway, and deals that change before somebody else comes to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import psycopg
import pytest

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.pipeline.extract import extract
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import AFTER_EXTRACTION
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal
from integration_pipeline_tests.realtime.conftest import Inbox, working


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
