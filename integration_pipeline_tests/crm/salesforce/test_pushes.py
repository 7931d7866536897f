"""What an org pushes, over real HTTP, as the connector reads it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.crm.webhooks import EVERY_RECORD, WebhookEvent
from integration_pipeline_tests.crm.salesforce.conftest import Org
from integration_pipeline_tests.crm.salesforce.receiver import Receiver

ORGANIZATION, SECRET = "00DWx0000000001", "sandbox-relay-secret"
AHEAD_OF_TIME = True
DEAL, COMPANY, LINE_ITEM = ObjectType.DEAL, ObjectType.COMPANY, ObjectType.LINE_ITEM


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver(ORGANIZATION, SECRET) as running:
        yield running


@pytest.fixture
def outbound(org: Org, receiver: Receiver) -> Receiver:
    org.admin("PUT", "/outbound", {"url": f"{receiver.url}/outbound"})
    return receiver


@pytest.fixture
def changes(org: Org, receiver: Receiver) -> Receiver:
    org.admin("PUT", "/changes", {"url": f"{receiver.url}/changes"})
    return receiver


def concerned(events: list[WebhookEvent]) -> set[tuple[ObjectType, str]]:
    return {(each.object_type, one) for each in events if each.object_type for one in each.external_ids}


class TestOutboundMessages:
    def test_name_every_record_that_was_written(self, org: Org, outbound: Receiver) -> None:
        account = org.create("Account", Name="Acme & Sons <Ltd>")
        deal = org.deal(AccountId=account)
        item = org.line_item(deal)

        wanted = {(COMPANY, account), (DEAL, deal), (LINE_ITEM, item)}
        events = outbound.until(lambda events: wanted <= concerned(events))

        assert {each.source for each in events} == {"salesforce"}
        assert all(each.occurred_at.tzinfo is not None for each in events)

    def test_are_sent_again_under_the_same_key_until_they_are_acknowledged(
        self, org: Org, outbound: Receiver
    ) -> None:
        outbound.acknowledges = False
        org.create("Account", Name="Acme")
        for attempts, seconds in ((1, 30), (2, 60)):
            org.until_delivered("outbound", attempts)
            org.wait(seconds)
        outbound.acknowledges = True
        org.until_delivered("outbound", 3)

        deliveries = org.admin("GET", "/outbound/deliveries")["deliveries"]
        assert [(each["status"], each["accepted"]) for each in deliveries] == [
            (200, False),
            (200, False),
            (200, True),
        ]
        assert len(outbound.events) == 3
        assert len({each.key for each in outbound.events}) == 1

    def test_of_another_organization_are_forged(self, org: Org, outbound: Receiver) -> None:
        org.admin("PUT", "/outbound", {"faults": {"forged_share": "1"}})
        org.create("Account", Name="Acme")
        org.until_delivered("outbound", 2)

        assert (len(outbound.events), outbound.forged) == (1, 1)

    def test_that_come_twice_have_one_key(self, org: Org, outbound: Receiver) -> None:
        org.admin("PUT", "/outbound", {"faults": {"duplicate_share": "1"}})
        org.create("Account", Name="Acme")
        org.until_delivered("outbound", 1)
        org.wait(2)

        events = outbound.until(lambda events: len(events) == 2)

        assert len({each.key for each in events}) == 1


class TestChangeEvents:
    def test_name_every_record_that_changed(self, org: Org, changes: Receiver) -> None:
        account = org.create("Account", Name="Acme")
        deal = org.deal(AccountId=account)
        org.update("Opportunity", deal, NextStep="Call")
        org.delete("Opportunity", deal)

        def all_of_the_deal(events: list[WebhookEvent]) -> bool:
            return {each.kind for each in events if (deal,) == each.external_ids} == {
                "Opportunity.CREATE",
                "Opportunity.UPDATE",
                "Opportunity.DELETE",
            }

        events = changes.until(all_of_the_deal)
        assert (COMPANY, account) in concerned(events)
        assert len({each.key for each in events}) == len(events)

    def test_of_like_changes_in_one_request_are_one_event_with_all_records(
        self, org: Org, changes: Receiver
    ) -> None:
        deals = [org.deal() for _ in range(3)]
        records = [{"attributes": {"type": "Opportunity"}, "Id": deal, "NextStep": "Call"} for deal in deals]
        org.http.patch("/composite/sobjects", json={"records": records}).raise_for_status()

        events = changes.until(lambda events: any(each.kind == "Opportunity.UPDATE" for each in events))

        [merged] = [each for each in events if each.kind == "Opportunity.UPDATE"]
        assert set(merged.external_ids) == set(deals)

    def test_of_a_contact_role_concern_its_deal(self, org: Org, changes: Receiver) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="Ada", AccountId=account)
        deal = org.deal(AccountId=account)
        role = org.create("OpportunityContactRole", OpportunityId=deal, ContactId=contact)
        org.update("OpportunityContactRole", role, Role="Buyer")

        events = changes.until(lambda events: any(each.kind.endswith("Role.UPDATE") for each in events))

        roles = [each for each in events if each.kind.startswith("OpportunityContactRole")]
        assert [(each.object_type, each.external_ids) for each in roles] == [
            (DEAL, (deal,)),
            (DEAL, (EVERY_RECORD,)),
        ]

    def test_of_our_own_writing_are_our_own(
        self, org: Org, source: SalesforceSource, changes: Receiver
    ) -> None:
        deal = org.deal()
        source.update_deals({deal: {"NextStep": "Invoiced"}})
        source.update_deals({deal: {"NextStep": "Paid", "Amount": "7"}})

        events = changes.until(lambda events: sum(each.kind.endswith("UPDATE") for each in events) == 2)

        own, with_others = [each for each in events if each.kind == "Opportunity.UPDATE"]
        assert (own.is_own, own.external_ids) == (True, (deal,))
        assert (with_others.is_own, with_others.external_ids) == (False, (deal,))

    def test_with_gaps_name_the_records_to_be_read(self, org: Org, changes: Receiver) -> None:
        org.admin("PUT", "/changes/mode", {"mode": "gaps"})
        deal = org.deal()

        [event] = changes.until(bool)

        assert event.kind == "Opportunity.GAP_CREATE"
        assert (event.object_type, event.external_ids) == (DEAL, (deal,))

    def test_that_overflowed_concern_every_record(self, org: Org, changes: Receiver) -> None:
        org.admin("PUT", "/changes/mode", {"mode": "overflow"})
        org.deal()
        changes.until(bool)
        org.admin(
            "POST",
            "/changes/gap",
            {"entity": "Account", "change_type": "UPDATE", "record_ids": ["001*"]},
        )

        events = changes.until(lambda events: len(events) == 2)

        assert {(each.object_type, each.external_ids) for each in events} == {
            (DEAL, (EVERY_RECORD,)),
            (COMPANY, (EVERY_RECORD,)),
        }

    def test_that_nobody_with_the_secret_signed_are_forged(self, org: Org, changes: Receiver) -> None:
        org.admin("PUT", "/changes", {"faults": {"forged_share": "1"}})
        org.deal()
        org.until_delivered("changes", 2)

        assert (len(changes.events), changes.forged) == (1, 1)

    def test_that_were_refused_come_again_with_the_same_key(self, org: Org, changes: Receiver) -> None:
        changes.failing = 1
        org.deal()
        org.until_delivered("changes", 1)
        org.wait(1)

        [event] = changes.until(bool)

        assert event.kind == "Opportunity.CREATE"
