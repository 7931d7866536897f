from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import Association, CrmRecord, ObjectType, Wanted

if TYPE_CHECKING:
    from integration_pipeline_tests.crm.hubspot.conftest import Connect, Impostor, Portal

DEAL, COMPANY, CONTACT, LINE_ITEM = (
    ObjectType.DEAL,
    ObjectType.COMPANY,
    ObjectType.CONTACT,
    ObjectType.LINE_ITEM,
)
DEAL_CONTACT, DEAL_COMPANY, OTHER_COMPANY, DEAL_LINE_ITEM, CONTACT_COMPANY = 3, 5, 341, 19, 1
READ_DEAL = "/crm/v3/objects/deals/7"
NOTHING: list[object] = []
COMPANIES_OF_DEALS = "/crm/v4/associations/deals/companies/batch/read"


def customer(portal: Portal) -> list[tuple[str, int]]:
    """Links to a company of the deal's own and another, a contact of the first, and two line items."""
    own, other = portal.create("companies", 2, name="Acme")
    [contact] = portal.create("contacts", email=f"ada@{own}.example", to=[(own, CONTACT_COMPANY)])
    items = portal.create("line_items", 2, name="Seats")
    lines = [(item, DEAL_LINE_ITEM) for item in items]
    return [(own, DEAL_COMPANY), (other, OTHER_COMPANY), (contact, DEAL_CONTACT), *lines]


def requests(source: HubSpotSource) -> dict[str, int]:
    return {name: totals.requests for name, totals in source.metrics.by_operation().items()}


def by_id(records: list[CrmRecord]) -> list[CrmRecord]:
    return sorted(records, key=lambda record: (record.object_type, int(record.external_id)))


class TestFewRecords:
    @pytest.mark.parametrize("version", ["v3", "2026-09"])
    def test_come_in_a_call_each_and_say_what_a_batch_says(
        self, portal: Portal, connect: Connect, version: str
    ) -> None:
        deals = [portal.create("deals", dealname="Acme", to=customer(portal))[0] for _ in range(4)]
        bare = portal.create("deals", dealname="nobody's")
        one_by_one, batched = connect(api_version=version), connect(api_version=version)

        found = one_by_one.fetch(DEAL, deals[:3], ("dealname", "amount"))
        found += one_by_one.fetch(DEAL, [deals[3], *bare], ("dealname", "amount"))

        assert found == batched.fetch(DEAL, [*deals, *bare], ("dealname", "amount"))
        assert [len(record.associations) for record in found] == [3, 3, 3, 3, 0]
        assert requests(one_by_one) == {"deal.read": 5}
        assert requests(batched)["deal.batch_read"] == 1

    def test_that_are_contacts_bring_their_companies(self, portal: Portal, source: HubSpotSource) -> None:
        [company] = portal.create("companies", name="Acme")
        [contact] = portal.create("contacts", email="a@acme.example", to=[(company, CONTACT_COMPANY)])

        [record] = source.fetch(CONTACT, [contact], ("email",))

        assert record.associations == {COMPANY: (Association(company, ("primary",)),)}
        assert requests(source) == {"contact.read": 1}

    def test_that_are_archived_or_unknown_cost_a_second_call(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        [deleted] = portal.create("deals", dealname="Acme")
        portal.archive("deals", deleted)

        [record] = source.fetch(DEAL, [deleted, "999999999999"], ("dealname",))

        assert (record.external_id, record.archived, record.associations) == (deleted, True, {})
        assert requests(source) == {"deal.read": 2, "deal.batch_read": 2}

    def test_are_read_in_a_batch_when_the_properties_would_not_fit_a_url(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        portal.limit(url_length=8_000)
        deals = portal.create("deals", dealname="Acme")
        many = ["dealname", *(f"a_custom_property_with_a_long_name_{n}" for n in range(300))]

        [record] = source.fetch(DEAL, deals, many)

        assert record.properties["dealname"] == "Acme"


class TestTogether:
    def test_records_of_all_types_come_from_one_request_for_them(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        links = customer(portal)
        [deal] = portal.create("deals", dealname="Acme", to=links)
        items = [target for target, kind in links if kind == DEAL_LINE_ITEM]

        found = source.fetch_together(
            [
                Wanted(DEAL, [deal], ("dealname",)),
                Wanted(LINE_ITEM, items, ("name",)),
                Wanted(COMPANY, [], ()),
            ]
        )

        separately = source.fetch(DEAL, [deal], ("dealname",)) + source.fetch(LINE_ITEM, items, ("name",))
        assert by_id(found) == by_id(separately)

    def test_records_wanted_without_links_cost_no_call_for_them(
        self, portal: Portal, source: HubSpotSource
    ) -> None:
        [deal] = portal.create("deals", dealname="Acme")
        items = portal.create("line_items", 2, name="Seats", to=[(deal, 20)])

        found = source.fetch_together([Wanted(LINE_ITEM, items, ("name",), with_links=False)])

        assert [record.associations for record in found] == [{}, {}]
        assert requests(source) == {"line_item.batch_read": 1}


class TestEmbeddedLinks:
    """What a record's own answer says of its links, in words the sandbox has not learnt."""

    @pytest.fixture
    def strange(self, connect: Connect, impostor: Impostor) -> HubSpotSource:
        types = [
            {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
            {"category": "USER_DEFINED", "typeId": 28, "label": "Payer"},
        ]
        impostor.answers(
            COMPANIES_OF_DEALS,
            {"results": [{"from": {"id": "7"}, "to": [{"toObjectId": 70, "associationTypes": types}]}]},
        )
        return connect(base_url=impostor.url)

    def deal(self, **associations: object) -> dict[str, object]:
        at = "2026-01-01T00:00:00.000Z"
        return {
            "id": "7",
            "properties": {"dealname": "Acme", "hs_lastmodifieddate": at},
            "updatedAt": at,
            "archived": False,
            "associations": associations,
        }

    @pytest.mark.parametrize(
        "companies",
        [
            {"results": [{"id": "70", "type": "deal_to_company_unlabeled"}, {"id": "70", "type": "payer"}]},
            {
                "results": [{"id": "69", "type": "deal_to_company"}],
                "paging": {"next": {"after": "69"}},
            },
        ],
        ids=["with a label of the account's own", "with more on another page"],
    )
    def test_that_do_not_say_everything_are_asked_for(
        self, strange: HubSpotSource, impostor: Impostor, companies: object
    ) -> None:
        impostor.answers(READ_DEAL, self.deal(companies=companies))

        [record] = strange.fetch(DEAL, ["7"], ("dealname",))

        assert record.associations == {COMPANY: (Association("70", ("Payer",)),)}
        assert requests(strange) == {"deal.read": 1, "deal.associations.company": 1}

    def test_under_a_name_nobody_knows_make_every_missing_type_doubtful(
        self, strange: HubSpotSource, impostor: Impostor
    ) -> None:
        lines = {"results": [{"id": "11", "type": "deal_to_line_item"}]}
        impostor.answers(READ_DEAL, self.deal(**{"line items": lines, "0-2": {"results": NOTHING}}))

        [record] = strange.fetch(DEAL, ["7"], ("dealname",))

        assert record.associations == {
            COMPANY: (Association("70", ("Payer",)),),
            LINE_ITEM: (Association("11"),),
        }
        assert "deal.associations.line_item" not in requests(strange)


class TestMergedRecords:
    def test_are_answered_by_the_one_that_survived_under_its_own_id_and_complete(
        self, connect: Connect, impostor: Impostor
    ) -> None:
        at = "2026-01-01T00:00:00.000Z"
        survivor = {"id": "8", "properties": {"dealname": "Acme"}, "updatedAt": at}
        impostor.answers("/crm/v3/objects/deals/batch/read", {"results": [survivor]})
        impostor.answers(
            "/crm/v3/objects/deals/8",
            survivor
            | {"associations": {"line items": {"results": [{"id": "11", "type": "deal_to_line_item"}]}}},
        )

        records = connect(base_url=impostor.url).fetch(DEAL, ["4", "5", "6", "7"], ("dealname",))

        assert [(each.external_id, each.associations) for each in records] == [
            ("8", {LINE_ITEM: (Association("11"),)})
        ]

    def test_that_are_never_answered_by_their_own_id_are_absent(
        self, connect: Connect, impostor: Impostor
    ) -> None:
        at = "2026-01-01T00:00:00.000Z"
        for asked, answered in (("7", "8"), ("8", "9"), ("9", "7")):
            other = {"id": answered, "properties": {"dealname": "Acme"}, "updatedAt": at}
            impostor.answers(f"/crm/v3/objects/deals/{asked}", other)

        assert connect(base_url=impostor.url).fetch(DEAL, ["7"], ("dealname",)) == []
