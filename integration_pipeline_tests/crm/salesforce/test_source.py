"""What the connector reads from an org, over real HTTP."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from integration_pipeline.crm.records import Association, ObjectType, Wanted
from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline.transport.failures import Rejected
from integration_pipeline_tests.crm.salesforce.conftest import Connect, Org, read

DEAL, COMPANY, CONTACT = ObjectType.DEAL, ObjectType.COMPANY, ObjectType.CONTACT
LINE_ITEM, PRODUCT = ObjectType.LINE_ITEM, ObjectType.PRODUCT
AHEAD_OF_TIME = True
BOTH_WAYS = pytest.mark.parametrize("bulk_from", [0, 1_000_000], ids=["bulk", "queries"])


class TestRecords:
    @BOTH_WAYS
    def test_have_every_field_asked_for_as_text(self, org: Org, connect: Connect, bulk_from: int) -> None:
        org.define(object="Opportunity", name="Ramp__c", type="textarea", length=2_000)
        org.define(object="Opportunity", name="Signed__c", type="datetime")
        account = org.create("Account", Name="Acme, Inc.", AnnualRevenue=Decimal("12345678.9"))
        deal = org.deal(
            AccountId=account,
            Amount=Decimal("1250.50"),
            Ramp__c='months 1-3: 50%\nmonths 4+: "full"',
            Signed__c="2026-03-10T13:00:00+01:00",
            Probability=100,
        )
        names = (
            "Name", "Amount", "CloseDate", "IsWon", "Ramp__c", "Signed__c", "Probability", "NextStep",
            "Account.Name", "Account.AnnualRevenue", "CurrencyIsoCode",
        )  # fmt: skip

        [record] = read(connect(bulk_from=bulk_from), DEAL, *names)

        assert record.external_id == deal
        assert record.properties == {
            "Name": "Acme licences",
            "Amount": "1250.5",
            "CloseDate": "2026-03-10",
            "IsWon": "true",
            "Ramp__c": 'months 1-3: 50%\nmonths 4+: "full"',
            "Signed__c": "2026-03-10T12:00:00.000Z",
            "Probability": "100",
            "NextStep": None,
            "Account.Name": "Acme, Inc.",
            "Account.AnnualRevenue": "12345678.9",
            "CurrencyIsoCode": "USD",
        }

    @BOTH_WAYS
    def test_of_deals_come_with_company_contacts_and_line_items(
        self, org: Org, connect: Connect, bulk_from: int
    ) -> None:
        account = org.create("Account", Name="Acme")
        ada, bob = (org.create("Contact", LastName=name, AccountId=account) for name in ("Ada", "Bob"))
        deal = org.deal(AccountId=account)
        org.create("OpportunityContactRole", OpportunityId=deal, ContactId=ada, Role="Buyer", IsPrimary=True)
        org.create("OpportunityContactRole", OpportunityId=deal, ContactId=bob)
        items = sorted(org.line_item(deal, name) for name in ("Seats", "Setup"))
        source = connect(bulk_from=bulk_from)

        [record] = read(source, DEAL, "Name")

        assert record.associations == {
            COMPANY: (Association(account),),
            CONTACT: (Association(ada, ("Buyer", "primary")), Association(bob)),
            LINE_ITEM: tuple(Association(item) for item in items),
        }
        assert {each.external_id: each.associations for each in read(source, CONTACT)} == {
            ada: {COMPANY: (Association(account),)},
            bob: {COMPANY: (Association(account),)},
        }
        assert {each.external_id: each.associations for each in read(source, LINE_ITEM)} == {
            item: {DEAL: (Association(deal),)} for item in items
        }

    def test_are_the_same_whichever_way_they_are_read(self, org: Org, connect: Connect) -> None:
        account = org.create("Account", Name="Acme")
        deal = org.deal(AccountId=account, Amount=Decimal("99999999.99"), Description="a\r\nb")
        org.line_item(deal, Quantity=Decimal("2.5"), UnitPrice=Decimal("0.05"))
        names = ("Name", "Amount", "Description", "CreatedDate", "IsClosed", "Owner.Email")

        by_query = read(connect(bulk_from=1_000_000), DEAL, *names)
        by_bulk = read(connect(bulk_from=0), DEAL, *names)
        by_id = connect().fetch(DEAL, [deal], names)

        assert by_query == by_bulk == by_id
        assert len({each.content_hash() for each in (*by_query, *by_bulk, *by_id)}) == 1

    def test_name_the_field_that_the_org_does_not_let_be_read(
        self, org: Org, source: SalesforceSource
    ) -> None:
        org.deal()

        with pytest.raises(Rejected, match=r"No such column 'Ramp__c'.*field-level security"):
            read(source, DEAL, "Name", "Ramp__c")

    def test_refuse_an_address_as_a_whole(self, source: SalesforceSource) -> None:
        with pytest.raises(ValueError, match="cannot be a field"):
            read(source, COMPANY, "Name FROM User --")


class TestChangedSince:
    def test_gives_each_record_once_over_many_pages(self, org: Org, connect: Connect) -> None:
        ids = org.create_many("Account", [{"Name": f"Acme {place}"} for place in range(450)])

        found = read(connect(page_size=200, bulk_from=1_000_000), COMPANY, "Name")

        assert [each.external_id for each in found] == ids
        assert [each.properties["Name"] for each in found] == [f"Acme {place}" for place in range(450)]

    def test_gives_records_of_one_second_once_although_pages_end_within_it(
        self, org: Org, connect: Connect
    ) -> None:
        ids = org.create_many("Account", [{"Name": f"Acme {place}"} for place in range(9)])

        found = read(connect(page_size=2, bulk_from=1_000_000), COMPANY)

        assert [each.external_id for each in found] == ids

    def test_gives_what_changed_and_the_overlap(self, org: Org, connect: Connect) -> None:
        old, newer, newest = (org.create("Account", Name=name) for name in ("Old", "Newer", "Newest"))
        source = connect(overlap_minutes=5)
        org.wait(3_600)
        org.update("Account", newer, Name="Newer still")
        org.wait(60)
        org.update("Account", newest, Name="Newest of all")
        [last] = [each for each in read(source, COMPANY) if each.external_id == newest]

        found = read(source, COMPANY, "Name", since=last.modified_at)

        assert [each.external_id for each in found] == [newer, newest]
        assert old not in {each.external_id for each in found}

    def test_gives_all_children_of_a_deal_that_has_more_than_a_page_of_them(
        self, org: Org, source: SalesforceSource
    ) -> None:
        deal = org.deal()
        org.line_item(deal)
        entry = org.http.get("/query", params={"q": "SELECT Id FROM PricebookEntry"}).json()["records"][0]
        line = {"OpportunityId": deal, "PricebookEntryId": entry["Id"], "Quantity": 1, "UnitPrice": 1}
        org.create_many("OpportunityLineItem", [line] * 209)

        [record] = read(source, DEAL)

        assert len(record.associations[LINE_ITEM]) == 210
        assert source.fetch(DEAL, [deal], ())[0] == record

    def test_gives_a_deal_whose_contacts_changed_though_the_deal_did_not(
        self, org: Org, connect: Connect
    ) -> None:
        account = org.create("Account", Name="Acme")
        ada = org.create("Contact", LastName="Ada", AccountId=account)
        deal = org.deal(AccountId=account)
        source = connect(overlap_minutes=0)
        org.wait(60)
        since = org.now() - timedelta(seconds=30)
        role = org.create("OpportunityContactRole", OpportunityId=deal, ContactId=ada)

        [record] = read(source, DEAL, since=since)
        assert record.associations[CONTACT] == (Association(ada),)
        org.delete("OpportunityContactRole", role)
        [record] = read(source, DEAL, since=since)
        assert CONTACT not in record.associations

    def test_gives_deals_of_an_account_that_was_merged_into_another(self, org: Org, connect: Connect) -> None:
        kept, lost = (org.create("Account", Name=name) for name in ("Acme", "ACME Inc"))
        deal = org.deal(AccountId=lost)
        source = connect(overlap_minutes=0)
        [before] = read(source, DEAL)
        org.wait(60)
        org.admin("POST", "/merge", {"object": "Account", "master": kept, "other": lost})

        [after] = read(source, DEAL, since=before.modified_at + timedelta(seconds=1))

        assert after.external_id == deal
        assert after.associations[COMPANY] == (Association(kept),)

    def test_gives_every_page_of_a_bulk_job(self, org: Org, connect: Connect) -> None:
        ids = org.create_many("Account", [{"Name": f"Acme {place}"} for place in range(3)])
        # The newest is on the first page: what is missing of the others would not be found as changes.
        org.wait(60)
        org.update("Account", ids[0], Name="Acme renamed")

        found = read(connect(bulk_from=0, bulk_page=1, overlap_minutes=0), COMPANY)

        assert [each.external_id for each in found] == ids

    def test_gives_what_changed_while_a_bulk_job_ran(self, org: Org, connect: Connect) -> None:
        ids = org.create_many("Account", [{"Name": f"Acme {place}"} for place in range(3)])
        pages = connect(bulk_from=0, bulk_page=1).changed_since(COMPANY, None, ["Name"])
        first = next(pages)
        org.wait(1)
        org.update("Account", ids[0], Name="Acme renamed")

        rest = [each for records in pages for each in records]

        assert [each.properties["Name"] for each in (*first, *rest)] == [
            "Acme 0",
            "Acme 1",
            "Acme 2",
            "Acme renamed",
        ]


class TestArchivedSince:
    def test_gives_what_is_in_the_recycle_bin_and_what_has_left_it(self, org: Org, connect: Connect) -> None:
        purged, binned, restored, kept = org.create_many("Account", [{"Name": name} for name in "abcd"])
        since = org.now()
        org.delete("Account", purged)
        org.admin("POST", "/purge")
        org.delete("Account", binned)
        org.delete("Account", restored)
        org.admin("POST", "/undelete", {"ids": [restored]})

        with time_machine.travel(org.now() + timedelta(minutes=2)):
            pages = connect().archived_since(COMPANY, since, ["Name"])
            found = {each.external_id: each for records in pages for each in records}

        assert set(found) == {purged, binned}
        assert found[binned].properties == {"Name": "b"}
        assert found[purged].properties == {"Name": None}
        assert all(each.archived and not each.associations for each in found.values())
        assert kept not in found

    def test_takes_line_items_of_a_deleted_deal_along(self, org: Org, source: SalesforceSource) -> None:
        deal = org.deal()
        item = org.line_item(deal)
        org.delete("Opportunity", deal)

        deleted = [each for records in source.archived_since(LINE_ITEM, None, ()) for each in records]

        assert [each.external_id for each in deleted] == [item]
        assert read(source, LINE_ITEM) == []


class TestFetching:
    def test_all_that_a_deal_needs_costs_one_request(self, org: Org, source: SalesforceSource) -> None:
        account = org.create("Account", Name="Acme")
        contact = org.create("Contact", LastName="Ada", AccountId=account)
        deal = org.deal(AccountId=account)
        item = org.line_item(deal)
        source.fetch(COMPANY, [account], ())
        org.watch()

        found = source.fetch_together(
            [
                Wanted(DEAL, [deal], ["Name"]),
                Wanted(COMPANY, [account], ["Name"]),
                Wanted(CONTACT, [contact], ["LastName"]),
                Wanted(LINE_ITEM, [item], ["Quantity"], with_links=False),
            ]
        )

        assert {each.external_id: each.properties for each in found} == {
            deal: {"Name": "Acme licences"},
            account: {"Name": "Acme"},
            contact: {"LastName": "Ada"},
            item: {"Quantity": "1"},
        }
        assert {each.external_id: set(each.associations) for each in found}[item] == set()
        assert [each["path"] for each in org.requests()] == ["/services/data/v67.0/composite"]

    def test_a_thousand_of_a_type_costs_one_request(self, org: Org, source: SalesforceSource) -> None:
        ids = org.create_many("Account", [{"Name": "Acme"}] * 1_000)
        source.fetch(COMPANY, ids[:1], ())
        org.watch()

        assert {each.external_id for each in source.fetch(COMPANY, ids, ["Name"])} == set(ids)
        assert len(org.requests()) == 1

    def test_deleted_records_come_as_deleted_and_unknown_ones_not_at_all(
        self, org: Org, source: SalesforceSource
    ) -> None:
        deal = org.deal(AccountId=org.create("Account", Name="Acme"))
        org.delete("Opportunity", deal)

        found = source.fetch(DEAL, [deal, "006Wx00000zzzzz", "12345", "x' OR Name != '"], ["Name"])

        assert [(each.external_id, each.archived, each.associations) for each in found] == [(deal, True, {})]

    def test_deleted_line_items_are_no_longer_those_of_their_deal(
        self, org: Org, source: SalesforceSource
    ) -> None:
        deal = org.deal()
        kept, deleted = org.line_item(deal, "Seats"), org.line_item(deal, "Setup")
        org.delete("OpportunityLineItem", deleted)

        [record] = source.fetch(DEAL, [deal], ())

        assert record.associations == {LINE_ITEM: (Association(kept),)}

    def test_a_merged_account_comes_with_the_one_that_is_left(
        self, org: Org, source: SalesforceSource
    ) -> None:
        kept, lost = (org.create("Account", Name=name) for name in ("Acme", "ACME Inc"))
        org.admin("POST", "/merge", {"object": "Account", "master": kept, "other": lost})

        found = source.fetch(COMPANY, [lost], ["Name"])

        assert {each.external_id: each.archived for each in found} == {lost: True, kept: False}

    def test_everything_of_a_type_has_to_be_read_as_changes(self, source: SalesforceSource) -> None:
        with pytest.raises(ValueError, match="read what changed"):
            source.fetch(DEAL, ["*"], ())


class TestMetadata:
    def test_tells_of_custom_fields_with_their_options(self, org: Org, source: SalesforceSource) -> None:
        org.define(object="Opportunity", name="Renewal__c", type="picklist", values=["Fixed", "Evergreen"])

        fields = {each.name: each for each in source.property_names(DEAL)}

        assert fields["Renewal__c"].custom
        assert [each.value for each in fields["Renewal__c"].options] == ["Fixed", "Evergreen"]
        assert fields["AccountId"].refers_to == "Account"

    def test_tells_which_stages_are_won(self, source: SalesforceSource) -> None:
        stages = source.deal_stages()

        assert [each.label for each in stages if each.is_won] == ["Closed Won"]
        assert [each.label for each in stages if each.is_closed] == ["Closed Won", "Closed Lost"]

    def test_tells_of_users(self, source: SalesforceSource) -> None:
        [owner] = source.owners()

        assert owner.properties["Email"] == "integration@acme.example"
