"""Idempotency keys: six minutes in which a request can be repeated, and what they do not do."""

from __future__ import annotations

import pytest

from integration_pipeline_tests.sandbox.xero.conftest import Admin, Api, line, sale

SIX_MINUTES = 360


def create(api: Api, key: str, number: str = "INV-1", **fields: object):
    body = {"Invoices": [sale(InvoiceNumber=number, **fields)]}
    return api.call("PUT", "/Invoices", body, Idempotency_Key=key)


def count(api: Api) -> int:
    return len(api.get("/Invoices").body["Invoices"])


def test_a_repeated_request_gets_the_same_answer_and_does_nothing(api: Api) -> None:
    first, second = create(api, "k"), create(api, "k")

    assert first.body == second.body
    assert count(api) == 1


def test_a_key_of_another_request_is_refused(api: Api) -> None:
    create(api, "k")
    refused = create(api, "k", "INV-2")

    assert refused.status == 400
    assert refused.body["Message"] == "Idempotency Key: k is used with a different request."
    assert count(api) == 1


def test_refusals_are_repeated_too(admin: Admin, api: Api) -> None:
    refused = create(api, "k", LineItems=[line(AccountCode="999")])
    admin("POST", "/seed", {"Accounts": [{"Code": "999", "Name": "New", "Type": "REVENUE"}]})

    assert create(api, "k", LineItems=[line(AccountCode="999")]).body == refused.body
    assert create(api, "other", LineItems=[line(AccountCode="999")]).status == 200


def test_after_six_minutes_a_key_is_a_new_one(admin: Admin, api: Api) -> None:
    create(api, "k", "INV-1")
    admin("PUT", "/clock", {"advance_seconds": SIX_MINUTES - 5})
    assert create(api, "k", "INV-1").status == 200

    admin("PUT", "/clock", {"advance_seconds": 10})

    assert create(api, "k", "INV-1").messages == ["Invoice # must be unique."]


def test_a_repeated_document_without_a_number_is_made_twice_after_six_minutes(admin: Admin, api: Api) -> None:
    create(api, "k", "")
    admin("PUT", "/clock", {"advance_seconds": SIX_MINUTES + 1})
    create(api, "k", "")

    assert count(api) == 2


@pytest.mark.parametrize(("length", "status"), [(128, 200), (129, 400)])
def test_a_key_has_128_characters_at_most(api: Api, length: int, status: int) -> None:
    assert create(api, "k" * length).status == status


def test_without_a_key_a_request_is_carried_out_again(api: Api) -> None:
    api.put("Invoices", sale(InvoiceNumber=""))
    api.put("Invoices", sale(InvoiceNumber=""))
    assert count(api) == 2


def test_a_repeated_request_counts_against_the_limits(admin: Admin, api: Api) -> None:
    admin("PUT", "/limits", {"per_minute": 2})

    assert [create(api, "k").status for _ in range(3)] == [200, 200, 429]
