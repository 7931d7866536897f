"""Which of two readings of a record counts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integration_pipeline.crm.records import CrmRecord
from integration_pipeline.pipeline.landing import land
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import DEAL, Portal

_LINKS = """
    SELECT record.associations
    FROM raw.heads AS head
    INNER JOIN raw.records AS record ON record.id = head.record_id
    WHERE head.object_type = 'deal'
"""


def _before_and_after(portal: Portal) -> tuple[CrmRecord, CrmRecord]:
    """A deal before and after it gets a line item, which leaves its modification time alone."""
    before = portal.records[DEAL, portal.deal("1")]
    portal.line_item("11", "1")
    return before, portal.records[DEAL, "1"]


def _land(office: Office, record: CrmRecord, read_at: datetime) -> None:
    with office.pipeline.engine.begin() as connection:
        land(connection, [record], read_at)


def test_of_two_readings_at_once_the_one_that_began_later_counts(office: Office, portal: Portal) -> None:
    before, after = _before_and_after(portal)
    now = datetime.now(UTC)
    _land(office, after, now)
    _land(office, before, now - timedelta(milliseconds=1))
    assert "line_item" in office.value(_LINKS)


def test_the_one_that_began_later_counts_if_it_lands_later_too(office: Office, portal: Portal) -> None:
    before, after = _before_and_after(portal)
    now = datetime.now(UTC)
    _land(office, before, now)
    _land(office, after, now + timedelta(milliseconds=1))
    assert "line_item" in office.value(_LINKS)


def test_finding_nothing_new_makes_what_began_earlier_late(office: Office, portal: Portal) -> None:
    before, after = _before_and_after(portal)
    now = datetime.now(UTC)
    _land(office, before, now - timedelta(minutes=1))
    _land(office, before, now)
    _land(office, after, now - timedelta(seconds=1))
    assert "line_item" not in office.value(_LINKS)


def test_a_newer_modification_counts_whenever_its_reading_began(office: Office, portal: Portal) -> None:
    before, _ = _before_and_after(portal)
    now = datetime.now(UTC)
    _land(office, before, now)
    portal.change(DEAL, "1", amount="5.00")
    _land(office, portal.records[DEAL, "1"], now - timedelta(seconds=1))
    assert "line_item" in office.value(_LINKS)
