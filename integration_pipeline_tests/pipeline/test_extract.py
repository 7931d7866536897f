from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from integration_pipeline.crm.records import CrmRecord, ObjectType
from integration_pipeline.mapping.document import Candidate
from integration_pipeline.pipeline.extract import extract, extract_deals
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import COMPANY, CONTACT, DEAL, LINE_ITEM, Portal


def versions(office: Office, kind: ObjectType, external_id: str) -> int:
    return office.value(
        "SELECT count(*) FROM raw.records WHERE object_type = :kind AND external_id = :id",
        kind=kind.value,
        id=external_id,
    )


def newest(office: Office, kind: ObjectType, external_id: str, column: str = "properties") -> Any:
    return office.value(
        f"""
        SELECT record.{column}
        FROM raw.heads AS head INNER JOIN raw.records AS record ON record.id = head.record_id
        WHERE head.object_type = :kind AND head.external_id = :id
        """,  # noqa: S608 - our own column names
        kind=kind.value,
        id=external_id,
    )


def linked(office: Office, kind: ObjectType, external_id: str, target: ObjectType) -> list[str]:
    links = newest(office, kind, external_id, "associations")
    return [link["id"] for link in links.get(target.value, [])]


class TestLanding:
    def test_lands_every_record_once_with_its_links(self, office: Office, portal: Portal) -> None:
        portal.contact("31", company="7", email="ada@acme.example")
        portal.deal("1", contacts=["31"])

        report = extract(office.pipeline, portal)

        assert {name: count for name, count in report.counts.items() if name.startswith("new_")} == {
            "new_company": 1,
            "new_contact": 1,
            "new_deal": 1,
        }
        assert linked(office, DEAL, "1", CONTACT) == ["31"]

    def test_lands_nothing_for_records_read_again_unchanged(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        extract(office.pipeline, portal)

        again = extract(office.pipeline, portal)

        assert again.counts["read_deal"] == 1
        assert (again.counts["new_deal"], again.counts["new_company"]) == (0, 0)
        assert versions(office, DEAL, "1") == 1

    def test_keeps_every_version_and_points_at_the_newest(self, office: Office, portal: Portal) -> None:
        portal.deal("1", dealname="first")
        extract(office.pipeline, portal)
        portal.change(DEAL, "1", dealname="second")
        extract(office.pipeline, portal)

        assert versions(office, DEAL, "1") == 2
        assert "second" in str(newest(office, DEAL, "1"))

    def test_keeps_an_older_version_that_arrives_late_and_moves_no_head(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", dealname="old")
        late = portal.records[DEAL, "1"]
        for name in ("new", "newest"):
            portal.change(DEAL, "1", dealname=name)
            newer = portal.records[DEAL, "1"]
            extract(office.pipeline, portal)
            portal.records[DEAL, "1"] = late
            extract_deals(office.pipeline, portal, ["1"])
            portal.records[DEAL, "1"] = newer

        assert versions(office, DEAL, "1") == 3
        assert newest(office, DEAL, "1")["dealname"] == "newest"

    def test_takes_a_version_for_late_that_an_unchanged_newer_reading_has_overtaken(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", dealname="right")
        extract(office.pipeline, portal)
        portal.change(DEAL, "1", dealname="wrong")
        between = portal.records[DEAL, "1"]
        portal.change(DEAL, "1", dealname="right")
        extract(office.pipeline, portal)
        assert versions(office, DEAL, "1") == 1

        portal.records[DEAL, "1"] = between
        extract_deals(office.pipeline, portal, ["1"])

        assert "right" in str(newest(office, DEAL, "1"))

    def test_notices_links_that_return_to_what_they_were_without_a_new_modification_time(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("8")
        portal.deal("1", company="7")
        for company in ("8", "7"):
            extract(office.pipeline, portal)
            portal.link(DEAL, "1", COMPANY, company)
        extract(office.pipeline, portal)

        assert linked(office, DEAL, "1", COMPANY) == ["7"]
        assert versions(office, DEAL, "1") == 3

    @pytest.mark.parametrize(
        ("hostile", "stored"),
        [
            ("a\x00b", "a\ufffdb"),
            ("half \ud83d", "half \ufffd"),
            ("\\u0000", "\\u0000"),
            ("👩🏽‍💻", "👩🏽‍💻"),
        ],
    )
    def test_stores_text_that_postgresql_cannot_hold_as_a_replacement_character(
        self, office: Office, portal: Portal, hostile: str, stored: str
    ) -> None:
        portal.deal("1", dealname=hostile)
        extract(office.pipeline, portal)

        assert newest(office, DEAL, "1")["dealname"] == stored
        assert extract(office.pipeline, portal).counts["new_deal"] == 0


class TestReferences:
    def test_fetches_records_that_are_referred_to_and_were_created_after_their_type_was_read(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", company=None, lines=["11"])
        hidden = Portal()
        hidden.line_item("11")
        record = hidden.records[LINE_ITEM, "11"]

        class Meanwhile(Portal):
            def changed_since(
                self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
            ) -> Iterator[list[CrmRecord]]:
                yield from super().changed_since(object_type, since, properties)
                if object_type is LINE_ITEM:
                    self.records[LINE_ITEM, "11"] = record

        source = Meanwhile()
        source.records = portal.records
        extract(office.pipeline, source)

        assert source.fetched == [(LINE_ITEM, ("11",))]
        assert versions(office, LINE_ITEM, "11") == 1

    def test_reads_a_deal_again_that_got_a_line_item_without_being_modified(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", lines=[])
        portal.deal("2")
        extract(office.pipeline, portal)
        # So much later that the deal is outside what is read again anyway.
        portal.deal("3")
        extract(office.pipeline, portal)
        portal.line_item("11", deal="1")

        extract(office.pipeline, portal)

        assert portal.fetched == [(DEAL, ("1",))]
        assert linked(office, DEAL, "1", LINE_ITEM) == ["11"]

    def test_reads_such_a_deal_after_a_run_that_broke_off_too(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        portal.deal("2")
        extract(office.pipeline, portal)
        portal.line_item("11", deal="1")

        class Unreachable(Portal):
            def fetch(
                self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
            ) -> list[CrmRecord]:
                raise ConnectionError(object_type, ids, properties)

        broken = Unreachable()
        broken.records = portal.records
        with pytest.raises(ConnectionError):
            extract(office.pipeline, broken)
        extract(office.pipeline, portal)

        assert linked(office, DEAL, "1", LINE_ITEM) == ["11"]

    def test_asks_for_no_deal_whose_line_items_are_known(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        portal.line_item("11", deal="1")
        extract(office.pipeline, portal)
        portal.change(LINE_ITEM, "11", quantity="5")
        extract(office.pipeline, portal)

        assert portal.fetched == []

    def test_reads_certain_deals_with_all_they_link_to_whatever_the_cursors_say(
        self, office: Office, portal: Portal
    ) -> None:
        portal.line_item("11")
        portal.contact("31", email="ada@acme.example")
        portal.deal("1", contacts=["31"], lines=["11"])
        portal.deal("2")

        report = extract_deals(office.pipeline, portal, ["1"])

        assert dict(portal.fetched) == {
            DEAL: ("1",),
            COMPANY: ("7",),
            CONTACT: ("31",),
            LINE_ITEM: ("11",),
        }
        assert report.counts["new_deal"] == 1


class TestCursors:
    def cursor(self, office: Office, kind: ObjectType) -> object:
        rows = office.rows("SELECT watermark FROM ops.cursors WHERE object_type = :kind", kind=kind.value)
        return rows[0]["watermark"] if rows else None

    def test_stand_at_the_newest_record_of_their_type(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        extract(office.pipeline, portal)
        portal.deal("2")
        extract(office.pipeline, portal)

        assert self.cursor(office, DEAL) == portal.records[DEAL, "2"].modified_at
        assert portal.asked[-1] == (DEAL, portal.records[DEAL, "1"].modified_at)

    def test_do_not_move_when_a_type_breaks_off_and_what_landed_stays(self, office: Office) -> None:
        class Breaking(Portal):
            def changed_since(
                self, object_type: ObjectType, since: datetime | None, properties: Sequence[str]
            ) -> Iterator[list[CrmRecord]]:
                yield from super().changed_since(object_type, since, properties)
                if object_type is DEAL:
                    raise ConnectionError

        source = Breaking()
        source.deal("1")
        with pytest.raises(ConnectionError):
            extract(office.pipeline, source)

        assert self.cursor(office, COMPANY) == source.records[COMPANY, "7"].modified_at
        assert self.cursor(office, DEAL) is None
        assert versions(office, DEAL, "1") == 1

    def test_are_not_moved_by_an_archiving(self, office: Office, portal: Portal) -> None:
        # A deal changed after its type was read, and before another's archiving was.
        portal.deal("1")
        portal.deal("2")
        extract(office.pipeline, portal)
        before = self.cursor(office, DEAL)
        portal.archive(DEAL, "2")
        extract(office.pipeline, portal)

        assert self.cursor(office, DEAL) == before
        assert newest(office, DEAL, "2", "archived") is True

    def test_begin_anew_when_the_mapping_reads_a_property_nobody_asked_for(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1", account_manager="Ada")
        extract(office.pipeline, portal)
        owner = {"owner": (Candidate(field="account_manager"),)}
        deal = office.pipeline.mapping.deal.model_copy(update=owner)
        mapping = office.pipeline.mapping.model_copy(update={"deal": deal})
        other = replace(office.pipeline, mapping=mapping)
        for _ in range(2):
            extract(other, portal)

        assert newest(office, DEAL, "1")["account_manager"] == "Ada"
        watermark = portal.records[DEAL, "1"].modified_at
        assert [since for kind, since in portal.asked if kind is DEAL] == [None, None, watermark]

    def test_stay_when_nothing_was_read(self, office: Office, portal: Portal) -> None:
        extract(office.pipeline, portal)

        assert office.rows("SELECT * FROM ops.cursors") == []


class TestArchivedRecords:
    def test_that_were_never_read_are_no_business_of_ours(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        portal.archive(DEAL, "1")
        extract(office.pipeline, portal)

        assert versions(office, DEAL, "1") == 0

    def test_land_when_they_were_read_by_a_first_run_that_broke_off(
        self, office: Office, portal: Portal
    ) -> None:
        portal.deal("1")
        extract(office.pipeline, portal)
        office.execute("DELETE FROM ops.cursors")
        portal.archive(DEAL, "1")

        extract(office.pipeline, portal)

        assert newest(office, DEAL, "1", "archived") is True

    def test_land_once(self, office: Office, portal: Portal) -> None:
        portal.deal("1")
        portal.deal("2")
        extract(office.pipeline, portal)
        portal.archive(DEAL, "1")
        extract(office.pipeline, portal)
        extract(office.pipeline, portal)

        assert versions(office, DEAL, "1") == 2


def test_a_record_read_twice_in_one_page_lands_in_its_newest_version(office: Office, portal: Portal) -> None:
    portal.deal("1", dealname="newest")
    record = portal.records[DEAL, "1"]
    older = replace(
        record, properties={"dealname": "older"}, modified_at=record.modified_at - timedelta(days=1)
    )

    class Twice(Portal):
        def fetch(
            self, object_type: ObjectType, ids: Sequence[str], properties: Sequence[str]
        ) -> list[CrmRecord]:
            assert properties
            return [record, older] if (object_type, ids) == (DEAL, ["1"]) else []

    extract_deals(office.pipeline, Twice(), ["1"])

    assert versions(office, DEAL, "1") == 1
    assert "newest" in str(newest(office, DEAL, "1"))
