"""Contacts: unique names, what PUT and POST take for the same one, archiving."""

from __future__ import annotations

from integration_pipeline_tests.sandbox.xero.conftest import Api, sale

NAME_TAKEN = (
    "The contact name Acme is already assigned to another contact. "
    "The contact name must be unique across all active contacts."
)


def test_a_contact_is_shown_with_its_addresses_and_phones(api: Api) -> None:
    contact = api.put(
        "Contacts",
        {
            "Name": "Acme",
            "ContactNumber": "C-1",
            "EmailAddress": "pay@acme.example",
            "Addresses": [{"AddressType": "POBOX", "City": "Wellington"}],
        },
    ).one("Contacts")

    cities = {address["AddressType"]: address["City"] for address in contact["Addresses"]}
    assert cities == {"STREET": "", "POBOX": "Wellington"}
    assert [phone["PhoneType"] for phone in contact["Phones"]] == ["DEFAULT", "DDI", "FAX", "MOBILE"]
    assert api.get("/Contacts/C-1").one("Contacts")["ContactID"] == contact["ContactID"]


def test_put_refuses_a_name_that_is_taken(api: Api) -> None:
    api.put("Contacts", {"Name": "Acme"}).one("Contacts")
    assert api.put("Contacts", {"Name": "Acme"}).messages == [NAME_TAKEN]


def test_post_takes_the_name_for_the_contact_that_has_it(api: Api) -> None:
    made = api.put("Contacts", {"Name": "Acme"}).one("Contacts")
    changed = api.post("Contacts", {"Name": "ACME", "EmailAddress": "a@acme.example"}).one("Contacts")

    assert changed["ContactID"] == made["ContactID"]
    assert changed["EmailAddress"] == "a@acme.example"


def test_a_contact_cannot_be_renamed_to_a_name_that_is_taken(api: Api) -> None:
    api.put("Contacts", {"Name": "Acme"}).one("Contacts")
    other = api.put("Contacts", {"Name": "Other"}).one("Contacts")

    assert api.post("Contacts", {"ContactID": other["ContactID"], "Name": "Acme"}).messages == [NAME_TAKEN]


def test_a_contact_number_is_unique_too(api: Api) -> None:
    api.put("Contacts", {"Name": "Acme", "ContactNumber": "C-1"}).one("Contacts")
    assert "C-1" in api.put("Contacts", {"Name": "Other", "ContactNumber": "C-1"}).messages[0]


def test_an_archived_contact_frees_its_name_and_takes_no_documents(api: Api) -> None:
    made = api.put("Contacts", {"Name": "Acme"}).one("Contacts")
    archived = {"ContactID": made["ContactID"], "ContactStatus": "ARCHIVED"}
    api.post("Contacts", archived).one("Contacts")

    refused = api.put("Invoices", sale(Contact={"ContactID": made["ContactID"]}))
    assert refused.messages == ["The specified contact is archived and cannot be used for this transaction"]
    assert "Archived contacts cannot currently be edited" in api.post("Contacts", archived).messages[0]
    assert api.put("Contacts", {"Name": "Acme"}).one("Contacts")["ContactID"] != made["ContactID"]


def test_archived_contacts_are_listed_when_asked_for(api: Api) -> None:
    made = api.put("Contacts", {"Name": "Acme"}).one("Contacts")
    api.post("Contacts", {"ContactID": made["ContactID"], "ContactStatus": "ARCHIVED"}).one("Contacts")

    assert api.get("/Contacts").body["Contacts"] == []
    assert len(api.get("/Contacts", includeArchived="true").body["Contacts"]) == 1


def test_a_summary_leaves_addresses_out(api: Api) -> None:
    api.put("Contacts", {"Name": "Acme"}).one("Contacts")
    assert "Addresses" not in api.get("/Contacts", summaryOnly="true").one("Contacts")


def test_contacts_are_found_by_a_part_of_what_they_are_called(api: Api) -> None:
    api.put(
        "Contacts",
        {"Name": "Acme Rockets"},
        {"Name": "Other", "EmailAddress": "x@acme.example"},
        {"Name": "No"},
    )
    found = api.get("/Contacts", searchTerm="ACME").body["Contacts"]
    assert {contact["Name"] for contact in found} == {"Acme Rockets", "Other"}


def test_a_contact_needs_a_name(api: Api) -> None:
    assert api.put("Contacts", {"FirstName": "Ann"}).messages == ["The contact name must be specified."]
