"""Writing once whatever is lost: `requestid`, and batches in which each item stands for itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from integration_pipeline_tests.sandbox.quickbooks.conftest import UK, Api, Connect, advance, lines


def _body(customer: str, amount: str = "1.00", **fields: object) -> dict[str, object]:
    return {"CustomerRef": {"value": customer}, "Line": lines(amount), **fields}


def test_a_request_id_repeats_the_first_answer(api: Api) -> None:
    customer = api.customer()
    first = api.post("Invoice", _body(customer), requestid="once")
    again = api.post("Invoice", _body(customer), requestid="once")
    assert again.body == first.body
    assert len(api.ids("SELECT * FROM Invoice")) == 1


def test_another_body_under_the_same_id_is_not_looked_at(api: Api) -> None:
    customer = api.customer()
    first = api.post("Invoice", _body(customer), requestid="once")
    assert api.post("Invoice", _body(customer, "2.00"), requestid="once").body == first.body


def test_the_first_answer_is_repeated_after_the_record_changed(api: Api) -> None:
    customer = api.customer()
    first = api.post("Invoice", _body(customer), requestid="once")
    change = {"Id": first.body["Invoice"]["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"}
    api.make("Invoice", change)
    assert api.post("Invoice", _body(customer), requestid="once").body == first.body


def test_a_refusal_is_not_repeated(api: Api) -> None:
    assert api.post("Invoice", _body("1"), requestid="once").code == "2500"
    customer = api.customer()
    assert api.post("Invoice", _body(customer), requestid="once").status == 200


def test_request_ids_are_of_one_company_and_outlive_a_day(api: Api, connect: Connect) -> None:
    first = api.post("Customer", {"DisplayName": "Acme"}, requestid="once")
    assert connect(UK).post("Customer", {"DisplayName": "Other"}, requestid="once").status == 200
    advance(api.sandbox, timedelta(days=2))
    assert connect(api.realm).post("Customer", {"DisplayName": "Acme"}, requestid="once").body == first.body


def test_a_request_id_has_fifty_characters_at_most(api: Api) -> None:
    assert api.post("Customer", {"DisplayName": "Acme"}, requestid="x" * 51).code == "2050"


def _items(*bodies: Mapping[str, object], **fields: object) -> dict[str, object]:
    return {
        "BatchItemRequest": [
            {"bId": f"b{place}", "operation": "create", **body, **fields} for place, body in enumerate(bodies)
        ]
    }


def _batch(api: Api, body: dict[str, object], **query: str) -> list[dict[str, Any]]:
    answer = api.call("POST", "/batch", body, **query)
    assert answer.status == 200, answer.body
    return answer.body["BatchItemResponse"]


def test_items_of_a_batch_succeed_and_fail_by_themselves(api: Api) -> None:
    customer = api.customer()
    bodies = [_body(customer, DocNumber=number) for number in ("A", "A", "B")]
    answers = _batch(api, _items(*({"Invoice": body} for body in bodies)))
    assert [each["bId"] for each in answers] == ["b0", "b1", "b2"]
    assert [next(iter(each)) for each in answers] == ["Invoice", "Fault", "Invoice"]
    assert answers[1]["Fault"]["Error"][0]["code"] == "6140"
    assert len(api.ids("SELECT * FROM Invoice")) == 2


def test_a_batch_may_update_query_and_delete(api: Api) -> None:
    customer = api.customer()
    made = api.invoice(customer, "1.00", DocNumber="A")
    version = {"Id": made["Id"], "SyncToken": "0"}
    answers = _batch(
        api,
        {
            "BatchItemRequest": [
                {
                    "bId": "1",
                    "operation": "update",
                    "Invoice": {**version, "sparse": True, "PrivateNote": "x"},
                },
                {"bId": "2", "Query": "SELECT * FROM Invoice WHERE DocNumber = 'A'"},
                {"bId": "3", "operation": "delete", "Invoice": version},
                {"bId": "4", "operation": "delete", "Invoice": {**version, "SyncToken": "1"}},
            ]
        },
    )
    assert answers[0]["Invoice"]["PrivateNote"] == "x"
    assert answers[1]["QueryResponse"]["Invoice"][0]["SyncToken"] == "1"
    assert answers[2]["Fault"]["Error"][0]["code"] == "5010"
    assert answers[3]["Invoice"]["status"] == "Deleted"


def test_a_batch_has_thirty_items_at_most(api: Api) -> None:
    bodies = [{"Customer": {"DisplayName": f"C {number}"}} for number in range(31)]
    assert api.call("POST", "/batch", _items(*bodies)).code == "6000"
    assert len(_batch(api, _items(*bodies[:30]))) == 30


def test_a_batch_is_repeated_by_its_request_id(api: Api) -> None:
    body = _items({"Customer": {"DisplayName": "Acme"}})
    assert _batch(api, body, requestid="once") == _batch(api, body, requestid="once")
    assert len(api.ids("SELECT * FROM Customer")) == 1


def test_a_batch_item_may_allow_a_number_twice(api: Api) -> None:
    customer = api.customer()
    api.invoice(customer, "1.00", DocNumber="A")
    body = _items({"Invoice": _body(customer, DocNumber="A")}, optionsData="allowduplicatedocnum")
    assert "Invoice" in _batch(api, body)[0]


def test_changes_are_captured_with_deletions(api: Api) -> None:
    customer = api.customer()
    kept, gone = api.invoice(customer, "1.00")["Id"], api.invoice(customer, "2.00")["Id"]
    api.post("Invoice", {"Id": gone, "SyncToken": "0"}, operation="delete")
    since = "2026-01-01T00:00:00-08:00"
    refused = api.call("GET", "/cdc", entities="Invoice", changedSince=since)
    assert refused.code == "6000"
    moment = api.read("Customer", customer)["MetaData"]["CreateTime"]
    answer = api.call("GET", "/cdc", entities="Invoice,Customer,Payment", changedSince=moment)
    [found] = answer.body["CDCResponse"]
    invoices, customers, payments = found["QueryResponse"]
    assert {each["Id"]: each.get("status") for each in invoices["Invoice"]} == {kept: None, gone: "Deleted"}
    assert customers["Customer"][0]["Balance"] == 1
    assert payments == {}


def test_changes_of_tax_codes_are_not_captured(api: Api) -> None:
    moment = api.make("Customer", {"DisplayName": "Acme"})["MetaData"]["CreateTime"]
    assert api.call("GET", "/cdc", entities="TaxCode", changedSince=moment).code == "500"
