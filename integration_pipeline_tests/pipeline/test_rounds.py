from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from integration_pipeline.crm.records import Association, ObjectType
from integration_pipeline.pipeline.extract import extract, extract_deals, extract_records
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import COMPANY, CONTACT, DEAL, LINE_ITEM, Portal

WHATEVER_IS_KNOWN = timedelta.max


def versions(office: Office) -> dict[tuple[str, str], int]:
    rows = office.rows("SELECT object_type, external_id, count(*) FROM raw.records GROUP BY 1, 2")
    return {(row["object_type"], row["external_id"]): row["count"] for row in rows}


def links(office: Office, kind: ObjectType, external_id: str) -> Any:
    return office.value(
        """
        SELECT record.associations
        FROM raw.heads AS head INNER JOIN raw.records AS record ON record.id = head.record_id
        WHERE head.object_type = :kind AND head.external_id = :id
        """,
        kind=kind.value,
        id=external_id,
    )


def rounds(portal: Portal) -> list[dict[ObjectType, tuple[str, ...]]]:
    """What was asked for together, since the last time this was looked at."""
    asked, portal.rounds = portal.rounds, []
    return [dict(each) for each in asked]


@pytest.fixture
def customer(portal: Portal) -> Portal:
    """Deal 1 of company 7 and its contact 31, with line item 11."""
    portal.company("7")
    portal.contact("31", company="7", email="ada@acme.example")
    portal.deal("1", contacts=["31"])
    portal.line_item("11", deal="1")
    return portal


class TestRounds:
    def test_of_a_deal_nobody_knows_are_two(self, office: Office, customer: Portal) -> None:
        extract_deals(office.pipeline, customer, ["1"])

        assert rounds(customer) == [
            {DEAL: ("1",)},
            {COMPANY: ("7",), CONTACT: ("31",), LINE_ITEM: ("11",)},
        ]

    def test_of_a_deal_that_is_known_are_one(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)

        extract_deals(office.pipeline, customer, ["1"])

        assert rounds(customer) == [{DEAL: ("1",), COMPANY: ("7",), CONTACT: ("31",), LINE_ITEM: ("11",)}]

    def test_of_a_known_deal_beside_a_new_one_are_shared(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)
        customer.deal("2", company="8")

        extract_deals(office.pipeline, customer, ["1", "2"])

        assert rounds(customer) == [
            {DEAL: ("1", "2")},
            {COMPANY: ("7", "8"), CONTACT: ("31",), LINE_ITEM: ("11",)},
        ]

    def test_are_three_for_the_company_of_a_new_contact(self, office: Office, portal: Portal) -> None:
        portal.company("7")
        portal.contact("31", company="7")
        portal.deal("1", company=None, contacts=["31"])

        extract_deals(office.pipeline, portal, ["1"])

        assert rounds(portal) == [{DEAL: ("1",)}, {CONTACT: ("31",)}, {COMPANY: ("7",)}]

    def test_of_a_known_deal_with_something_new_are_two(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)
        customer.line_item("12", deal="1")

        extract_deals(office.pipeline, customer, ["1"], related_max_age=WHATEVER_IS_KNOWN)

        assert rounds(customer) == [{DEAL: ("1",), LINE_ITEM: ("11",)}, {LINE_ITEM: ("12",)}]

    def test_for_an_unknown_id_ask_once_and_land_nothing(self, office: Office, portal: Portal) -> None:
        report = extract_deals(office.pipeline, portal, ["404"])

        assert rounds(portal) == [{DEAL: ("404",)}]
        assert dict(report.counts) == {}
        assert versions(office) == {}

    def test_for_nothing_are_none(self, office: Office, portal: Portal) -> None:
        assert extract_records(office.pipeline, portal, {})[1] == []
        assert rounds(portal) == []


class TestWhatIsKnown:
    @pytest.fixture
    def known(self, office: Office, customer: Portal) -> Portal:
        extract(office.pipeline, customer)
        return customer

    def test_of_companies_and_contacts_is_not_read_again_while_it_is_fresh(
        self, office: Office, known: Portal
    ) -> None:
        extract_deals(office.pipeline, known, ["1"], related_max_age=timedelta(hours=1))

        assert rounds(known) == [{DEAL: ("1",), LINE_ITEM: ("11",)}]

    def test_serves_a_new_deal_of_the_same_customer(self, office: Office, known: Portal) -> None:
        known.deal("2", contacts=["31"])

        extract_deals(office.pipeline, known, ["2"], related_max_age=timedelta(hours=1))

        assert rounds(known) == [{DEAL: ("2",)}]

    @pytest.mark.parametrize("news", ["landing", "reading all"])
    def test_is_read_again_when_there_was_no_news_of_it_for_too_long(
        self, office: Office, known: Portal, news: str
    ) -> None:
        ago = "UPDATE {0} SET {1} = {1} - interval '2 hours'"
        for table, column in (("raw.heads", "read_at"), ("ops.cursors", "updated_at")):
            office.execute(ago.format(table, column))
        extract_deals(office.pipeline, known, ["1"], related_max_age=timedelta(hours=1))
        assert rounds(known)[0].keys() == {DEAL, COMPANY, CONTACT, LINE_ITEM}

        if news == "landing":
            for kind, each in ((COMPANY, "7"), (CONTACT, "31")):
                known.change(kind, each, name="Acme Ltd", email="ada@acme-ltd.example")
            extract_deals(office.pipeline, known, ["1"])
        else:
            extract(office.pipeline, known)
        rounds(known)
        extract_deals(office.pipeline, known, ["1"], related_max_age=timedelta(hours=1))

        assert rounds(known)[0].keys() == {DEAL, LINE_ITEM}

    def test_is_read_again_when_a_property_is_wanted_that_it_was_read_without(
        self, office: Office, known: Portal
    ) -> None:
        office.execute(
            "UPDATE raw.records SET properties = properties - 'name' WHERE object_type = 'company'"
        )

        extract_deals(office.pipeline, known, ["1"], related_max_age=WHATEVER_IS_KNOWN)

        assert rounds(known) == [{DEAL: ("1",), COMPANY: ("7",), LINE_ITEM: ("11",)}]

    def test_to_be_archived_is_doubted_when_a_deal_refers_to_it(self, office: Office, known: Portal) -> None:
        known.archive(COMPANY, "7")
        extract(office.pipeline, known)

        extract_deals(office.pipeline, known, ["1"], related_max_age=WHATEVER_IS_KNOWN)

        assert rounds(known) == [{DEAL: ("1",), COMPANY: ("7",), LINE_ITEM: ("11",)}]

    def test_follows_a_deal_to_another_company(self, office: Office, known: Portal) -> None:
        known.company("8")
        known.link(DEAL, "1", COMPANY, "8")

        extract_deals(office.pipeline, known, ["1"], related_max_age=WHATEVER_IS_KNOWN)

        assert rounds(known)[1:] == [{COMPANY: ("8",)}]


class TestLineItems:
    def same_both_ways(self, office: Office, portal: Portal) -> None:
        """Reading a deal, then everything, then the deal, lands no version that differs by the way."""
        extract_deals(office.pipeline, portal, ["1"])
        before = versions(office)
        extract(office.pipeline, portal)
        extract_deals(office.pipeline, portal, ["1"])
        now = versions(office)
        assert {ref: now[ref] for ref in before} == before

    def test_read_with_their_deal_are_the_version_that_reading_all_lands(
        self, office: Office, customer: Portal
    ) -> None:
        self.same_both_ways(office, customer)

        assert links(office, LINE_ITEM, "11") == {"deal": [{"id": "1", "labels": []}]}

    def test_of_two_deals_come_to_rest_at_both(self, office: Office, customer: Portal) -> None:
        customer.deal("2", lines=["11"])
        customer.link(LINE_ITEM, "11", DEAL, "1", "2")
        for _ in range(2):
            extract_deals(office.pipeline, customer, ["1"])
            extract(office.pipeline, customer)

        assert versions(office)["line_item", "11"] == 2
        assert links(office, LINE_ITEM, "11") == {"deal": [{"id": each, "labels": []} for each in "12"]}

    def test_that_moved_to_another_deal_are_asked_for_their_deal(
        self, office: Office, customer: Portal
    ) -> None:
        extract(office.pipeline, customer)
        customer.link(DEAL, "1", LINE_ITEM)
        customer.deal("2", lines=["11"])
        customer.link(LINE_ITEM, "11", DEAL, "2")

        extract_deals(office.pipeline, customer, ["2"], related_max_age=WHATEVER_IS_KNOWN)

        assert links(office, LINE_ITEM, "11") == {"deal": [{"id": "2", "labels": []}]}

    def test_with_a_label_are_asked_for_it(self, office: Office, customer: Portal) -> None:
        for one, other, label in (
            ((DEAL, "1"), (LINE_ITEM, "11"), "Renewal"),
            ((LINE_ITEM, "11"), (DEAL, "1"), "Renewed by"),
        ):
            labelled = {other[0]: (Association(other[1], (label,)),)}
            customer.records[one] = replace(customer.records[one], associations=labelled)

        extract_deals(office.pipeline, customer, ["1"])

        assert links(office, LINE_ITEM, "11") == {"deal": [{"id": "1", "labels": ["Renewed by"]}]}

    def test_that_their_deal_let_go_of_are_left_alone(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)
        customer.link(DEAL, "1", LINE_ITEM)
        customer.change(LINE_ITEM, "11", price="99.00")

        extract_deals(office.pipeline, customer, ["1"])

        assert versions(office)["line_item", "11"] == 1
        assert links(office, DEAL, "1").get("line_item") is None

    def test_that_are_archived_land_so_although_their_deal_still_names_them(
        self, office: Office, customer: Portal
    ) -> None:
        extract(office.pipeline, customer)
        customer.archive(LINE_ITEM, "11")

        extract_deals(office.pipeline, customer, ["1"])

        assert links(office, LINE_ITEM, "11") == {}
        assert versions(office)["line_item", "11"] == 2


class TestConcernedDeals:
    def test_of_a_company_are_those_that_refer_to_it_or_to_its_contacts(
        self, office: Office, customer: Portal
    ) -> None:
        customer.deal("2", company=None, contacts=["31"])
        customer.deal("3", company="8")
        extract(office.pipeline, customer)
        customer.change(COMPANY, "7", name="Acme Ltd")

        report, deals = extract_records(office.pipeline, customer, {COMPANY: ["7"]})

        assert deals == ["1", "2"]
        assert (report.counts["new_company"], report.counts["read_deal"]) == (1, 0)
        assert rounds(customer) == [{COMPANY: ("7",)}]

    def test_are_judged_by_newest_versions(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)
        customer.company("8")
        customer.link(DEAL, "1", COMPANY, "8")
        customer.link(DEAL, "1", CONTACT)
        extract(office.pipeline, customer)

        assert extract_records(office.pipeline, customer, {COMPANY: ["7"]})[1] == []
        assert extract_records(office.pipeline, customer, {COMPANY: ["8"]})[1] == ["1"]

    def test_of_a_contact_are_its_own(self, office: Office, customer: Portal) -> None:
        customer.deal("2")
        extract(office.pipeline, customer)

        assert extract_records(office.pipeline, customer, {CONTACT: ["31"]})[1] == ["1"]

    def test_of_a_line_item_are_read_with_it_although_they_do_not_count_as_changed(
        self, office: Office, customer: Portal
    ) -> None:
        extract(office.pipeline, customer)
        customer.line_item("12", deal="1")

        _, deals = extract_records(
            office.pipeline, customer, {LINE_ITEM: ["12"]}, related_max_age=WHATEVER_IS_KNOWN
        )

        assert deals == ["1"]
        assert rounds(customer) == [{LINE_ITEM: ("12",)}, {DEAL: ("1",)}, {LINE_ITEM: ("11",)}]
        assert [each["id"] for each in links(office, DEAL, "1")["line_item"]] == ["11", "12"]

    def test_of_a_known_line_item_come_in_the_same_round(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)
        customer.change(LINE_ITEM, "11", price="99.00")

        report, deals = extract_records(
            office.pipeline, customer, {LINE_ITEM: ["11"]}, related_max_age=WHATEVER_IS_KNOWN
        )

        assert deals == ["1"]
        assert rounds(customer) == [{DEAL: ("1",), LINE_ITEM: ("11",)}]
        assert (report.counts["new_line_item"], report.counts["new_deal"]) == (1, 0)

    def test_of_an_archived_line_item_are_those_that_named_it(self, office: Office, customer: Portal) -> None:
        extract(office.pipeline, customer)
        customer.archive(LINE_ITEM, "11")
        customer.link(DEAL, "1", LINE_ITEM)

        assert extract_records(office.pipeline, customer, {LINE_ITEM: ["11"]})[1] == ["1"]
        assert links(office, DEAL, "1").get("line_item") is None

    def test_come_once_however_often_they_are_named(self, office: Office, customer: Portal) -> None:
        wanted = {DEAL: ["1", "1"], LINE_ITEM: ["11"], CONTACT: ["31"], COMPANY: ["7"]}

        report, deals = extract_records(office.pipeline, customer, wanted)

        assert deals == ["1"]
        assert {name: count for name, count in report.counts.items() if name.startswith("read_")} == {
            "read_deal": 1,
            "read_line_item": 1,
            "read_contact": 1,
            "read_company": 1,
        }
