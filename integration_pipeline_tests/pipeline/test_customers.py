from __future__ import annotations

import random
from dataclasses import replace

import pytest

from integration_pipeline.mapping.document import Candidate
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.extract import extract, extract_deals
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline_tests.pipeline.conftest import Office
from integration_pipeline_tests.pipeline.portal import COMPANY, CONTACT, Portal


def customer_of(office: Office, external_id: str, object_type: str = "company") -> str | None:
    """The name of the customer a company or contact is linked to."""
    rows = office.rows(
        """
        SELECT customer.name
        FROM crm.customer_links AS link
        INNER JOIN crm.customers AS customer ON customer.id = link.customer_id
        WHERE link.external_id = :id AND link.object_type = :object_type
        """,
        id=external_id,
        object_type=object_type,
    )
    return rows[0]["name"] if rows else None


def evidence(office: Office, external_id: str) -> tuple[str, dict[str, str]]:
    [row] = office.rows("SELECT * FROM crm.customer_links WHERE external_id = :id", id=external_id)
    return row["rule"], row["evidence"]


def candidates(office: Office) -> list[tuple[str, str, str, str]]:
    """Company, rule, decision and the customer in question."""
    rows = office.rows(
        """
        SELECT candidate.*, customer.name
        FROM crm.customer_candidates AS candidate
        INNER JOIN crm.customers AS customer ON customer.id = candidate.customer_id
        ORDER BY candidate.id
        """
    )
    return [(row["external_id"], row["rule"], row["decision"], row["name"]) for row in rows]


def read_and_link(office: Office) -> dict[str, int]:
    extract(office.pipeline, office.portal)
    counts = link_customers(office.pipeline).counts
    return {name: count for name, count in counts.items() if count}


class TestCompanies:
    def test_become_customers_with_what_they_are_known_by(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme", domain="WWW.Acme.example ", tax_id="de 12-34", country="DE")

        assert read_and_link(office) == {"customers_new": 1, "companies_linked": 1}

        [customer] = office.rows("SELECT * FROM crm.customers")
        assert (customer["name"], customer["domain"], customer["tax_id"], customer["country"]) == (
            "Acme",
            "acme.example",
            "DE1234",
            "DE",
        )

    def test_of_one_tax_id_are_one_customer_however_it_is_spaced(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme", tax_id="DE 616 781 013")
        portal.company("8", name="Acme Holding", tax_id="de616781013")

        assert read_and_link(office) == {
            "customers_new": 1,
            "companies_linked": 2,
            "companies_merged": 1,
        }
        assert customer_of(office, "8") == "Acme"
        assert evidence(office, "8") == ("same_tax_id", {"tax_id": "DE616781013", "customer": "Acme"})
        assert candidates(office) == [("8", "same_tax_id", "merged", "Acme")]

    def test_of_one_domain_are_one_customer(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme", domain="acme.example")
        portal.company("8", name="ACME Inc", domain="www.ACME.example")
        read_and_link(office)

        assert customer_of(office, "8") == "Acme"
        assert evidence(office, "8") == ("same_domain", {"domain": "acme.example", "customer": "Acme"})

    def test_of_one_domain_with_different_tax_ids_are_a_question_for_a_person(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme", domain="acme.example", tax_id="DE1")
        portal.company("8", name="Acme Japan", domain="acme.example", tax_id="JP2")

        assert read_and_link(office)["candidates_pending"] == 1
        assert customer_of(office, "8") == "Acme Japan"
        assert candidates(office) == [("8", "same_domain", "pending", "Acme")]

    def test_whose_tax_id_and_domain_point_at_two_customers_follow_the_first_rule_and_ask(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Tax", tax_id="DE1")
        portal.company("8", name="Domain", domain="acme.example")
        portal.company("9", name="Both", tax_id="DE1", domain="acme.example")
        read_and_link(office)

        assert customer_of(office, "9") == "Tax"
        assert candidates(office) == [
            ("9", "same_tax_id", "merged", "Tax"),
            ("9", "same_domain", "pending", "Domain"),
        ]

    def test_with_a_free_mail_domain_have_nothing_in_common(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Plumber", domain="gmail.com")
        portal.company("8", name="Painter", domain="gmail.com")
        read_and_link(office)

        assert (customer_of(office, "7"), customer_of(office, "8")) == ("Plumber", "Painter")
        assert candidates(office) == []

    def test_keep_their_customer_when_they_change_and_the_better_one_is_a_question(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme", domain="acme.example")
        portal.company("8", name="Other", domain="other.example")
        read_and_link(office)
        portal.change(COMPANY, "8", domain="acme.example")

        assert read_and_link(office) == {"candidates_pending": 1}
        assert customer_of(office, "8") == "Other"
        assert candidates(office) == [("8", "same_domain", "pending", "Acme")]
        assert read_and_link(office) == {}

    def test_that_a_customer_began_with_rename_it(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme", domain="acme.example")
        portal.company("8", name="Acme, too", domain="acme.example")
        read_and_link(office)
        portal.change(COMPANY, "7", name="Acme International", tax_id="DE1")
        portal.change(COMPANY, "8", name="Not asked")
        read_and_link(office)
        portal.company("9", name="By tax id", tax_id="DE1")
        read_and_link(office)

        assert {customer_of(office, each) for each in "789"} == {"Acme International"}

    def test_that_are_archived_get_no_customer(self, office: Office, portal: Portal) -> None:
        portal.company("7")
        extract(office.pipeline, portal)
        portal.archive(COMPANY, "7")

        assert read_and_link(office) == {}

    @pytest.mark.parametrize("field", ["domain", "tax_id"])
    def test_are_linked_whatever_nonsense_identifies_them(
        self, office: Office, portal: Portal, field: str
    ) -> None:
        # Too long for an index, and too random to be compressed.
        nonsense = "".join(random.Random(1).choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=20_000))  # noqa: S311
        portal.company("7", name="Acme", **{field: nonsense})
        portal.company("8", name="Acme", **{field: nonsense})

        assert read_and_link(office)["customers_new"] == 2

    def test_are_looked_at_again_once_the_mapping_reads_them_otherwise(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme", tax_id="58")
        read_and_link(office)

        company = office.pipeline.mapping.company.model_copy(
            update={"accounting_ids": {"quickbooks-us": (Candidate(field="tax_id"),)}}
        )
        mapping = office.pipeline.mapping.model_copy(update={"company": company})
        link_customers(replace(office.pipeline, mapping=mapping))

        [link] = office.rows("SELECT * FROM crm.customer_links")
        assert link["accounting_ids"] == {"quickbooks-us": {"field": "tax_id", "value": "58"}}


class TestContacts:
    def test_of_one_company_are_one_customer(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme")
        portal.contact("31", company="7", email="ada@gmail.com")
        portal.contact("32", company="7", email="bob@elsewhere.example")

        assert read_and_link(office)["contacts_linked"] == 2
        assert customer_of(office, "31", "contact") == customer_of(office, "32", "contact") == "Acme"

    def test_without_a_company_belong_to_the_customer_of_their_e_mail_domain(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme", domain="acme.example")
        portal.contact("31", email="Ada@ACME.example")
        read_and_link(office)

        assert customer_of(office, "31", "contact") == "Acme"
        assert evidence(office, "31") == ("same_email_domain", {"domain": "acme.example"})

    def test_of_a_free_mail_domain_belong_to_nobody(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Plumber", domain="gmail.com")
        portal.contact("31", email="ada@gmail.com")
        read_and_link(office)

        assert customer_of(office, "31", "contact") is None

    def test_of_a_domain_that_two_customers_share_belong_to_neither(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme", domain="acme.example", tax_id="DE1")
        portal.company("8", name="Acme Japan", domain="acme.example", tax_id="JP2")
        portal.contact("31", email="ada@acme.example")
        read_and_link(office)

        assert customer_of(office, "31", "contact") is None

    def test_find_their_customer_when_it_comes_later(self, office: Office, portal: Portal) -> None:
        portal.contact("31", email="ada@acme.example")
        assert read_and_link(office) == {}
        portal.company("7", name="Acme", domain="acme.example")
        read_and_link(office)

        assert customer_of(office, "31", "contact") == "Acme"

    def test_keep_their_customer_when_they_change_company(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme")
        portal.company("8", name="Next employer")
        portal.contact("31", company="7")
        read_and_link(office)
        portal.link(CONTACT, "31", COMPANY, "8")
        read_and_link(office)

        assert customer_of(office, "31", "contact") == "Acme"

    @pytest.mark.parametrize("email", [None, "", "@", "ada", "ada@", "@acme.example@", "a@b@c"])
    def test_with_an_address_that_is_none_belong_to_nobody(
        self, office: Office, portal: Portal, email: str | None
    ) -> None:
        portal.company("7", name="Acme", domain="acme.example")
        portal.contact("31", email=email)
        read_and_link(office)

        assert customer_of(office, "31", "contact") is None


class TestScopeOfCertainDeals:
    def test_links_what_the_deals_refer_to_and_the_companies_of_their_contacts(
        self, office: Office, portal: Portal
    ) -> None:
        portal.company("7", name="Acme")
        portal.company("8", name="Other")
        portal.contact("31", company="7")
        portal.deal("1", company=None, contacts=["31"])
        portal.deal("2", company="8")
        extract(office.pipeline, portal)

        link_customers(office.pipeline, Scope.deals(["hubspot:1"]))

        assert customer_of(office, "31", "contact") == customer_of(office, "7") == "Acme"
        assert customer_of(office, "8") is None

    def test_has_the_companies_of_contacts_read_with_the_deal(self, office: Office, portal: Portal) -> None:
        portal.company("7", name="Acme")
        portal.contact("31", company="7")
        portal.deal("1", company=None, contacts=["31"])
        extract_deals(office.pipeline, portal, ["1"])

        link_customers(office.pipeline, Scope.deals(["hubspot:1"]))

        assert customer_of(office, "31", "contact") == "Acme"


def test_a_second_run_links_nothing_again(office: Office, portal: Portal) -> None:
    portal.company("7", domain="acme.example")
    portal.company("8", domain="acme.example")
    portal.contact("31", company="7")
    read_and_link(office)

    assert read_and_link(office) == {}
