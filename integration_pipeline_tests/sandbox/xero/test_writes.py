"""Writes of several elements: wrappers, what one bad element means, bodies that cannot be read."""

from __future__ import annotations

import httpx
import pytest

from integration_pipeline_tests.sandbox.xero.conftest import ROOT, Admin, Api, line, sale

BAD = sale(InvoiceNumber="BAD", LineItems=[line(AccountCode="999")])


def listed(api: Api) -> list[str]:
    return [invoice["InvoiceNumber"] for invoice in api.get("/Invoices").body["Invoices"]]


def test_one_bad_element_refuses_them_all(api: Api) -> None:
    refused = api.put("Invoices", sale(InvoiceNumber="GOOD"), BAD)

    assert (refused.status, refused.body["ErrorNumber"]) == (400, 10)
    assert [element["InvoiceNumber"] for element in refused.body["Elements"]] == ["BAD"]
    assert listed(api) == []


@pytest.mark.parametrize("written", ["false", "False"])
def test_errors_that_are_not_summarised_leave_the_good_ones(api: Api, written: str) -> None:
    answer = api.put("Invoices", sale(InvoiceNumber="GOOD"), BAD, summarizeErrors=written)

    good, bad = answer.body["Invoices"]
    assert (answer.status, good["StatusAttributeString"], good["HasErrors"]) == (200, "OK", False)
    assert (bad["StatusAttributeString"], bad["HasErrors"]) == ("ERROR", True)
    assert bad["InvoiceID"] == "00000000-0000-0000-0000-000000000000"
    assert bad["ValidationErrors"] == [
        {"Message": "Account code '999' is not a valid code for this document."}
    ]
    assert listed(api) == ["GOOD"]


def test_a_refused_element_leaves_nothing_behind(api: Api) -> None:
    api.put("Invoices", sale(Contact={"Name": "Ghost"}, LineItems=[]), summarizeErrors="false")
    assert api.get("/Contacts").body["Contacts"] == []


def test_a_number_is_unique_within_a_request_too(api: Api) -> None:
    same = sale(InvoiceNumber="TWICE")
    answer = api.put("Invoices", same, same, summarizeErrors="false")

    assert [one["StatusAttributeString"] for one in answer.body["Invoices"]] == ["OK", "ERROR"]


def test_the_wrapper_may_be_written_small_or_left_out(api: Api) -> None:
    assert api.call("PUT", "/Invoices", {"invoices": [sale()]}).status == 200
    assert api.call("PUT", "/Invoices", sale()).status == 200


def test_answers_come_in_an_envelope(api: Api) -> None:
    body = api.put("Invoices", sale()).body
    assert (body["Status"], body["ProviderName"]) == ("OK", "web")
    assert body["DateTimeUTC"].startswith("/Date(")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"Invoices": {}}',
        b'{"Invoices": []}',
        b'{"Invoices": [1]}',
        b'{"Invoices": [{"Type": "ACCREC", "Contact": {"Name": "A"}, "Date": "tomorrow"}]}',
        b'{"Invoices": [{"Type": "ACCREC", "Contact": {"Name": "A"}, "LineItems": [{"Description": "x", '
        b'"UnitAmount": "ten"}]}]}',
        b'{"Invoices": [{"Type": "ACCREC", "Contact": {"Name": "A"}, "LineItems": [{"Description": "x", '
        b'"UnitAmount": 1e999999999}]}]}',
        b'{"Invoices": [{"InvoiceID": "1"}]}',
        rb'{"Invoices": [{"Type": "ACCREC", "Contact": {"Name": "\ud800"}}]}',
    ],
)
def test_a_body_that_cannot_be_read_is_refused(client: httpx.Client, api: Api, body: bytes) -> None:
    answer = client.post(f"{ROOT}/Invoices", content=body, headers=api.headers)
    assert (answer.status_code, answer.json()["Type"]) == (400, "PostDataInvalidException")


def test_a_body_may_not_be_too_large(admin: Admin, api: Api) -> None:
    admin("PUT", "/limits", {"per_minute": None, "request_bytes": 2_000})

    assert api.put("Invoices", sale(Reference="x")).status == 200
    assert api.put("Invoices", *[sale()] * 20).status == 413


def test_unknown_paths_are_not_found(api: Api) -> None:
    answer = api.call("GET", "/Nonsense")
    assert (answer.status, answer.body) == (404, "The resource you're looking for cannot be found")
