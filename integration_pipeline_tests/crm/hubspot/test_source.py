from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import Association, CrmRecord, ObjectType

if TYPE_CHECKING:
    from integration_pipeline_tests.crm.hubspot.conftest import Connect, Portal

DEAL_CONTACT, DEAL_COMPANY, DEAL_LINE_ITEM, CONTACT_COMPANY = 3, 5, 19, 1
LINE_ITEM_DEAL = 20
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
NAMES = ("dealname", "amount", "dealstage")


def read(
    source: HubSpotSource, since: datetime | None, kind: ObjectType = ObjectType.DEAL
) -> list[CrmRecord]:
    names = NAMES if kind is ObjectType.DEAL else ("name",)
    return [record for group in source.changed_since(kind, since, names) for record in group]


def ids(records: list[CrmRecord]) -> list[str]:
    return sorted(record.external_id for record in records)


class TestFirstLoad:
    def test_gives_every_record_with_exactly_the_properties_asked_for(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        [deal] = portal.create("deals", dealname="Acme", dealstage="closedwon", pipeline="default")

        [record] = read(source, None)

        assert record.external_id == deal
        assert (record.source, record.object_type, record.archived) == ("hubspot", ObjectType.DEAL, False)
        assert record.properties == {"dealname": "Acme", "amount": None, "dealstage": "closedwon"}

    def test_follows_all_pages(self, portal: Portal, source: HubSpotSource) -> None:
        made = portal.create("products", 250, name="Seat")

        assert ids(read(source, None, ObjectType.PRODUCT)) == sorted(made)

    def test_uses_no_search_but_the_one_that_catches_up(self, portal: Portal, source: HubSpotSource) -> None:
        portal.create("deals", 101, dealname="Acme")
        read(source, None)

        sent = {operation: totals.requests for operation, totals in source.metrics.by_operation().items()}
        assert (sent["deal.list"], sent["deal.search"]) == (2, 1)

    def test_reads_what_changed_behind_its_back(self, portal: Portal, source: HubSpotSource) -> None:
        made = portal.create("deals", 3_100, dealname="old")
        groups = source.changed_since(ObjectType.DEAL, None, NAMES)
        received = next(groups)
        # The list has been read past these, and goes on behind them.
        changed = received[0].external_id
        portal.update("deals", changed, dealname="new")
        [created] = portal.create("deals", dealname="created meanwhile")
        for group in groups:
            received += group

        assert set(ids(received)) == {*made, created}
        versions = [record for record in received if record.external_id == changed]
        assert [version.properties["dealname"] for version in versions] == ["old", "new"]

    def test_reads_by_search_when_the_properties_would_not_fit_a_url(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        portal.limit(url_length=8_000)
        made = portal.create("deals", 3, dealname="Acme")
        many = ["dealname", *(f"a_custom_property_with_a_long_name_{n}" for n in range(300))]

        [group] = source.changed_since(ObjectType.DEAL, None, many)

        assert ids(group) == sorted(made)
        assert {record.properties["dealname"] for record in group} == {"Acme"}

    def test_refuses_owners_who_are_no_crm_objects(self, source: HubSpotSource) -> None:
        with pytest.raises(ValueError, match="read owners with owners"):
            source.changed_since(ObjectType.OWNER, None, [])


class TestIncrementalRead:
    def test_gives_what_was_modified_since_then(self, portal: Portal, connect: Connect) -> None:
        source = connect(overlap_minutes=0)
        portal.create("deals", dealname="before")
        [later] = portal.create("deals", dealname="later")
        [moment] = [record.modified_at for record in read(source, LONG_AGO) if record.external_id == later]

        assert ids(read(source, moment)) == [later]
        assert read(source, moment + timedelta(milliseconds=1)) == []

    def test_overlaps_so_that_late_indexed_records_are_not_lost(
        self, portal: Portal, connect: Connect
    ) -> None:
        [deal] = portal.create("deals", dealname="indexed late")
        watermark = datetime.now(UTC) + timedelta(minutes=4)

        assert ids(read(connect(overlap_minutes=5), watermark)) == [deal]
        assert read(connect(overlap_minutes=3), watermark) == []

    def test_asks_for_all_properties_on_every_page(self, portal: Portal, connect: Connect) -> None:
        for _ in range(5):
            portal.create("deals", dealname="Acme", amount="10")

        records = read(connect(search_page_size=2), LONG_AGO)

        assert [record.properties["amount"] for record in records] == ["10"] * 5

    @pytest.mark.parametrize("size", [1, 2, 3, 7])
    def test_gives_records_of_one_millisecond_once_each(
        self, portal: Portal, connect: Connect, size: int
    ) -> None:
        made = portal.create("deals", 2, dealname="before")
        made += portal.create("deals", 7, dealname="import")
        made += portal.create("deals", 3, dealname="after")

        records = read(connect(search_page_size=size), LONG_AGO)

        imported = {record.modified_at for record in records if record.properties["dealname"] == "import"}
        assert len(imported) == 1
        assert Counter(ids(records)) == Counter(made)

    def test_goes_past_the_number_of_results_a_search_may_page_to(
        self, portal: Portal, connect: Connect
    ) -> None:
        portal.limit(search_results=4)
        made = [identifier for _ in range(6) for identifier in portal.create("deals", 3, dealname="Acme")]

        assert Counter(ids(read(connect(search_page_size=4), LONG_AGO))) == Counter(made)

    def test_filters_contacts_by_their_own_modification_property(
        self, portal: Portal, connect: Connect
    ) -> None:
        source = connect(overlap_minutes=0)
        portal.create("contacts", email="a@acme.example")
        [later] = portal.create("contacts", email="b@acme.example")
        everybody = read(source, LONG_AGO, ObjectType.CONTACT)
        [moment] = [record.modified_at for record in everybody if record.external_id == later]

        assert ids(read(source, moment, ObjectType.CONTACT)) == [later]

    @pytest.mark.usefixtures("portal")
    def test_of_nothing_gives_no_group(self, source: HubSpotSource) -> None:
        assert list(source.changed_since(ObjectType.DEAL, LONG_AGO, NAMES)) == []

    def test_keeps_to_the_limits_by_itself(self, portal: Portal, connect: Connect) -> None:
        portal.limit(searches_per_second=5, requests_per_ten_seconds=190)
        made = [portal.create("products", name="Seat")[0] for _ in range(11)]
        source = connect(search_page_size=2, searches_per_second=5, requests_per_ten_seconds=190)

        assert ids(read(source, LONG_AGO, ObjectType.PRODUCT)) == sorted(made)
        assert source.metrics.totals().throttled == 0


class TestAssociations:
    def test_of_a_deal_are_its_companies_contacts_and_line_items(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        [company] = portal.create("companies", name="Acme")
        [contact] = portal.create("contacts", email="a@acme.example")
        [line] = portal.create("line_items", name="Seats")
        links = [(company, DEAL_COMPANY), (contact, DEAL_CONTACT), (line, DEAL_LINE_ITEM)]
        portal.create("deals", dealname="Acme", to=links)

        [record] = read(source, None)

        assert record.associations == {
            ObjectType.COMPANY: (Association(company, ("primary",)),),
            ObjectType.CONTACT: (Association(contact),),
            ObjectType.LINE_ITEM: (Association(line),),
        }

    def test_of_a_contact_are_its_companies(self, portal: Portal, source: HubSpotSource) -> None:
        [company] = portal.create("companies", name="Acme")
        portal.create("contacts", email="a@acme.example", to=[(company, CONTACT_COMPANY)])

        [record] = read(source, LONG_AGO, ObjectType.CONTACT)

        assert record.associations == {ObjectType.COMPANY: (Association(company, ("primary",)),)}

    def test_are_complete_beyond_one_page_of_them(self, portal: Portal, source: HubSpotSource) -> None:
        [deal] = portal.create("deals", dealname="Acme")
        lines = portal.create("line_items", 501, name="Seat", to=[(deal, LINE_ITEM_DEAL)])

        [record] = source.fetch(ObjectType.DEAL, [deal], NAMES)

        assert sorted(link.external_id for link in record.associations[ObjectType.LINE_ITEM]) == sorted(lines)

    def test_cost_one_call_a_kind_for_a_thousand_records(self, portal: Portal, source: HubSpotSource) -> None:
        portal.create("deals", 1_000, dealname="Acme")

        read(source, None)

        assert source.metrics.by_operation()["deal.associations.line_item"].requests == 1


class TestFetch:
    def test_gives_complete_records_by_id(self, portal: Portal, source: HubSpotSource) -> None:
        [company] = portal.create("companies", name="Acme")
        [deal] = portal.create("deals", dealname="Acme", to=[(company, DEAL_COMPANY)])

        [record] = source.fetch(ObjectType.DEAL, [deal], NAMES)

        assert record.properties["dealname"] == "Acme"
        assert [link.external_id for link in record.associations[ObjectType.COMPANY]] == [company]

    def test_reads_any_number_of_ids_once_each(self, portal: Portal, source: HubSpotSource) -> None:
        lines = portal.create("line_items", 250, name="Seat")

        records = source.fetch(ObjectType.LINE_ITEM, [*lines, *lines[:5]], ("name",))

        assert [record.external_id for record in records] == lines

    def test_leaves_out_ids_hubspot_does_not_know(self, portal: Portal, source: HubSpotSource) -> None:
        [deal] = portal.create("deals", dealname="Acme")

        assert ids(source.fetch(ObjectType.DEAL, ["999999999999", deal], NAMES)) == [deal]

    def test_of_no_ids_asks_nothing(self, source: HubSpotSource) -> None:
        assert source.fetch(ObjectType.DEAL, [], NAMES) == []
        assert source.metrics.totals().requests == 0

    def test_gives_the_same_content_as_both_ways_of_reading_all(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        [company] = portal.create("companies", name="Acme")
        [deal] = portal.create("deals", dealname="Acme", amount="7", to=[(company, DEAL_COMPANY)])

        listed, searched = read(source, None), read(source, LONG_AGO)
        alone = source.fetch(ObjectType.DEAL, [deal], NAMES)
        in_a_batch = source.fetch(ObjectType.DEAL, [deal, "901", "902", "903"], NAMES)

        assert listed == searched == alone == in_a_batch


class TestArchived:
    def test_a_deleted_deal_comes_as_an_archived_record(self, portal: Portal, source: HubSpotSource) -> None:
        deleted, _ = portal.create("deals", 2, dealname="Acme")
        [before] = source.fetch(ObjectType.DEAL, [deleted], NAMES)
        portal.archive("deals", deleted)

        [[record]] = source.archived_since(ObjectType.DEAL, None, NAMES)

        assert (record.external_id, record.archived) == (deleted, True)
        assert record.properties["dealname"] == "Acme"
        assert record.modified_at >= before.modified_at
        assert deleted not in ids(read(source, None))

    def test_those_of_long_ago_are_left_out(self, portal: Portal, source: HubSpotSource) -> None:
        [deleted] = portal.create("deals", dealname="Acme")
        portal.archive("deals", deleted)
        tomorrow = datetime.now(UTC) + timedelta(days=1)

        assert list(source.archived_since(ObjectType.DEAL, tomorrow, NAMES)) == []

    def test_fetch_finds_them_too(self, portal: Portal, source: HubSpotSource) -> None:
        deleted, kept = portal.create("deals", 2, dealname="Acme")
        portal.archive("deals", deleted)

        records = source.fetch(ObjectType.DEAL, [deleted, kept], NAMES)

        assert {record.external_id: record.archived for record in records} == {deleted: True, kept: False}


class TestMetadata:
    def test_lists_custom_properties_with_their_options(self, portal: Portal, source: HubSpotSource) -> None:
        portal.define(
            "deals",
            name="billing_timing",
            label="Billing timing",
            type="enumeration",
            fieldType="select",
            groupName="dealinformation",
            options=[{"label": "In advance", "value": "advance", "displayOrder": 0, "hidden": False}],
        )

        found = {each.name: each for each in source.property_names(ObjectType.DEAL)}

        timing = found["billing_timing"]
        assert (timing.label, timing.type, timing.calculated) == ("Billing timing", "enumeration", False)
        assert [(option.value, option.label) for option in timing.options] == [("advance", "In advance")]
        assert found["hs_is_closed_won"].calculated

    def test_tells_won_stages_from_lost_and_open_ones(self, source: HubSpotSource) -> None:
        stages = {stage.id: (stage.pipeline, stage.is_closed, stage.is_won) for stage in source.deal_stages()}

        assert stages["closedwon"] == ("default", True, True)
        assert stages["closedlost"] == ("default", True, False)
        assert stages["contractsent"] == ("default", False, False)

    def test_gives_owners_as_records(self, portal: Portal, source: HubSpotSource) -> None:
        portal.hire(id="1001", email="ann@acme.example", firstName="Ann", lastName="Lee")

        [owner] = source.owners()

        assert (owner.object_type, owner.external_id) == (ObjectType.OWNER, "1001")
        assert owner.properties["email"] == "ann@acme.example"


class TestDatedVersion:
    def test_reads_the_same(self, portal: Portal, connect: Connect) -> None:
        [company] = portal.create("companies", name="Acme")
        [deal] = portal.create("deals", dealname="Acme", to=[(company, DEAL_COMPANY)])
        dated, numbered = connect(api_version="2026-09"), connect()

        assert read(dated, None) == read(numbered, None)
        assert read(dated, LONG_AGO) == read(numbered, LONG_AGO)
        assert dated.fetch(ObjectType.DEAL, [deal], NAMES) == numbered.fetch(ObjectType.DEAL, [deal], NAMES)
        assert dated.deal_stages() == numbered.deal_stages()
        assert dated.owners() == numbered.owners()
        assert dated.property_names(ObjectType.DEAL) == numbered.property_names(ObjectType.DEAL)
