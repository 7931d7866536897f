"""Copies of a deal, won at the same moment, in the hands of two workers."""

from __future__ import annotations

from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import Portal
from integration_pipeline_tests.realtime.conftest import Inbox, working


def test_of_copies_won_at_once_one_is_billed(office: Office, portal: Portal, inbox: Inbox) -> None:
    portal.company("7")
    pairs = [(str(2 * number), str(2 * number + 1)) for number in range(1, 21)]
    for first, second in pairs:
        for each in (first, second):
            portal.deal(each, dealname=f"Deal {first}")
    with working(inbox, portal, workers=2):
        # Apart from each other, so that two workers get them.
        for first, second in pairs:
            inbox.announce(first)
            inbox.announce(second)
        inbox.wait_until_settled()
    assert len(office.posted()) == 20
    assert len(office.quarantined()) == 20


def test_a_run_over_everything_and_a_worker_bill_one_of_copies(
    office: Office, portal: Portal, inbox: Inbox
) -> None:
    portal.company("7")
    for number in range(1, 61):
        portal.deal(str(number), dealname=f"Deal {number}")
    office.sync(Scope.deals(["hubspot:1"]))
    for number in range(1, 61):
        portal.deal(str(100 + number), dealname=f"Deal {number}")
    with working(inbox, portal):
        for number in range(1, 61):
            inbox.announce(str(number) if number % 2 else str(100 + number))
        office.sync()
        inbox.wait_until_settled()
    office.sync()
    assert len(office.posted()) == 60
