"""Lists: filters, order, pages, and what has changed since."""

from __future__ import annotations

from decimal import Decimal

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import Admin, Api, Json, line, sale


@pytest.fixture
def three(api: Api) -> list[Json]:
    """Three invoices over 10, 20 and 30 of as many contacts."""
    elements = [
        sale(
            InvoiceNumber=f"N-{number}",
            Reference=f"deal-{number}",
            Contact={"Name": f"Customer {number}"},
            Date=f"2026-11-0{number}",
            Status="DRAFT" if number == 1 else "AUTHORISED",
            LineItems=[line(f"{number}0.00")],
        )
        for number in (1, 2, 3)
    ]
    return api.put("Invoices", *elements).body["Invoices"]


def numbers(api: Api, **query: str) -> list[str]:
    return [invoice["InvoiceNumber"] for invoice in api.get("/Invoices", **query).body["Invoices"]]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ('Status=="AUTHORISED"', ["N-2", "N-3"]),
        ('status == "draft"', ["N-1"]),
        ('InvoiceNumber=="N-2" OR InvoiceNumber=="N-3"', ["N-2", "N-3"]),
        ('(Status=="DRAFT" || Reference=="deal-3") && Type=="ACCREC"', ["N-1", "N-3"]),
        ('Reference!="deal-2"', ["N-1", "N-3"]),
        ('!(Reference=="deal-2")', ["N-1", "N-3"]),
        ('Reference.Contains("DEAL") AND InvoiceNumber.EndsWith("1")', ["N-1"]),
        ('InvoiceNumber.StartsWith("N-") AND Total>=20.00', ["N-2", "N-3"]),
        ("AmountDue<20", ["N-1"]),
        ("Date>=DateTime(2026,11,02) AND Date<DateTime(2026, 11, 03)", ["N-2"]),
        ('Date>DateTime.Parse("2026-11-02T00:00:00")', ["N-3"]),
        ('Contact.Name=="Customer 3"', ["N-3"]),
        ("DueDate==null", []),
        ('Reference.Contains("%")', []),
    ],
)
def test_where_filters(api: Api, three: list[Json], where: str, found: list[str]) -> None:
    assert numbers(api, where=where) == found


def test_where_finds_by_the_contacts_id(api: Api, three: list[Json]) -> None:
    contact = three[1]["Contact"]["ContactID"]
    assert numbers(api, where=f'Contact.ContactID==guid("{contact.upper()}")') == ["N-2"]


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ('Statu=="AUTHORISED"', "No property or field 'Statu' exists in type 'Invoice'"),
        ("Status=='AUTHORISED'", "Character literal must contain exactly one character"),
        ('Status=="AUTHORISED" AND ()', "Expression expected"),
        ('Status=="AUTHORISED" Type', "Syntax error"),
        ("Total>=DateTime(2026,13,1)", "No applicable constructor exists in type 'DateTime'"),
        ('Total=="10"', "Operator incompatible with operand types"),
        ("(" * 200, "The expression is nested too deeply"),
    ],
)
def test_a_filter_that_does_not_parse_is_refused(api: Api, where: str, message: str) -> None:
    refused = api.get("/Invoices", where=where)

    assert (refused.status, refused.body["ErrorNumber"]) == (400, 16)
    assert refused.body == {"ErrorNumber": 16, "Type": "QueryParseException", "Message": message}


def test_lists_are_ordered_as_asked(api: Api, three: list[Json]) -> None:
    assert numbers(api, order="Total DESC") == ["N-3", "N-2", "N-1"]
    assert numbers(api, order="Type ASC, InvoiceNumber desc") == ["N-3", "N-2", "N-1"]
    assert api.get("/Invoices", order="Total SIDEWAYS").status == 400


def test_lists_come_by_their_last_change(api: Api, three: list[Json]) -> None:
    api.post("Invoices", {"InvoiceID": three[0]["InvoiceID"], "Reference": "new"}).one("Invoices")
    assert numbers(api) == ["N-2", "N-3", "N-1"]


def test_lists_can_name_what_they_want(api: Api, three: list[Json]) -> None:
    assert numbers(api, InvoiceNumbers="N-1,N-3,N-9") == ["N-1", "N-3"]
    assert numbers(api, IDs=f"{three[0]['InvoiceID']},{three[1]['InvoiceID']}") == ["N-1", "N-2"]
    assert numbers(api, ContactIDs=three[2]["Contact"]["ContactID"]) == ["N-3"]
    assert numbers(api, Statuses="DRAFT,PAID") == ["N-1"]


def test_a_list_without_a_page_shows_no_lines(api: Api, three: list[Json]) -> None:
    whole = api.get("/Invoices").body
    paged = api.get("/Invoices", page="1").body

    assert "pagination" not in whole
    assert whole["Invoices"][0]["LineItems"] == []
    assert paged["Invoices"][0]["LineItems"][0]["LineAmount"] == Decimal("10.00")
    assert paged["pagination"] == {"page": 1, "pageSize": 100, "pageCount": 1, "itemCount": 3}


def test_pages_give_each_record_once(api: Api) -> None:
    for start in range(0, 250, 50):
        elements = [sale(InvoiceNumber=f"N-{start + place}") for place in range(50)]
        assert api.put("Invoices", *elements).status == 200

    pages = [numbers(api, page=str(page)) for page in (1, 2, 3, 4)]

    assert [len(page) for page in pages] == [100, 100, 50, 0]
    assert len({number for page in pages for number in page}) == 250
    assert len(numbers(api, page="1", pageSize="1000")) == 250
    assert api.get("/Invoices", page="2", pageSize="200").body["pagination"] == {
        "page": 2,
        "pageSize": 200,
        "pageCount": 2,
        "itemCount": 250,
    }


def test_a_summary_is_a_page_without_lines(api: Api, three: list[Json]) -> None:
    summary = api.get("/Invoices", summaryOnly="True").body
    assert summary["pagination"]["itemCount"] == 3
    assert summary["Invoices"][0]["LineItems"] == []


def test_a_page_must_be_a_number(api: Api) -> None:
    assert api.get("/Invoices", page="first").status == 400


def test_only_what_changed_since_is_listed(admin: Admin, api: Api, three: list[Json]) -> None:
    admin("PUT", "/clock", {"advance_seconds": 10})
    since = admin("GET", "/clock")["now"][:19]
    api.post("Invoices", {"InvoiceID": three[1]["InvoiceID"], "Reference": "new"}).one("Invoices")

    changed = api.call("GET", "/Invoices", If_Modified_Since=since)

    assert [invoice["InvoiceNumber"] for invoice in changed.body["Invoices"]] == ["N-2"]


def test_what_changed_since_is_asked_for_in_http_dates_too(api: Api, three: list[Json]) -> None:
    past, future = "Sat, 21 Nov 2020 10:00:00 GMT", "Sat, 21 Nov 2099 10:00:00 GMT"
    assert len(api.call("GET", "/Invoices", If_Modified_Since=past).body["Invoices"]) == 3
    assert api.call("GET", "/Invoices", If_Modified_Since=future).body["Invoices"] == []
    assert api.call("GET", "/Invoices", If_Modified_Since="yesterday").status == 400


def test_a_moved_due_date_of_a_part_paid_invoice_counts_as_no_change(
    admin: Admin, api: Api, three: list[Json]
) -> None:
    invoice = three[1]["InvoiceID"]
    api.put("Payments", {"Invoice": {"InvoiceID": invoice}, "Account": {"Code": "090"}, "Amount": 1}).one(
        "Payments"
    )
    admin("PUT", "/clock", {"advance_seconds": 10})
    since = admin("GET", "/clock")["now"][:19]

    moved = api.post("Invoices", {"InvoiceID": invoice, "DueDate": "2027-03-01"}).one("Invoices")

    assert moved["DueDateString"] == "2027-03-01T00:00:00"
    assert api.call("GET", "/Invoices", If_Modified_Since=since).body["Invoices"] == []


def test_an_app_can_ask_for_its_own(admin: Admin, api: Api, three: list[Json]) -> None:
    admin("POST", "/seed", {"Invoices": [{**_plain_sale(), "InvoiceNumber": "HAND-1"}]})

    assert len(numbers(api)) == 4
    assert numbers(api, createdByMyApp="true") == ["N-1", "N-2", "N-3"]


def test_a_search_looks_into_numbers_and_references(api: Api, three: list[Json]) -> None:
    assert numbers(api, searchTerm="EAL-3") == ["N-3"]


def _plain_sale() -> Json:
    return {
        "Type": "ACCREC",
        "Contact": {"Name": "Acme"},
        "LineItems": [{"Description": "By hand", "UnitAmount": "5.00", "AccountCode": "200"}],
    }
