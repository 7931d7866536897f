"""Customers at Xero: read, created once, told apart from others of their name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from integration_pipeline.accounting.target import Refused, RemoteCustomer, Unsure
from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.transport.failures import Throttled
from integration_pipeline_tests.accounting.xero.conftest import sent
from integration_pipeline_tests.vendors.xero_rig import Organisation, customer


def made(outcome: RemoteCustomer | Refused | Unsure) -> RemoteCustomer:
    assert isinstance(outcome, RemoteCustomer), outcome
    return outcome


def test_a_batch_is_created_in_one_call_and_carries_our_references(
    xero: Organisation, target: XeroTarget
) -> None:
    batch = [
        customer("C1", "Acme Inc.", email="ap@acme.example", tax_id="NZ123"),
        customer("C2", "Globex", email=None),
    ]

    first, second = (made(each) for each in target.create_customers(batch))

    assert (first.reference, first.name, first.email, first.tax_id) == (
        "C1", "Acme Inc.", "ap@acme.example", "NZ123",
    )  # fmt: skip
    assert (second.reference, second.name, second.email, second.active) == ("C2", "Globex", None, True)
    assert len(sent(xero)) == 1


def test_one_of_a_name_that_another_contact_has_is_told_apart_by_its_reference(
    xero: Organisation, target: XeroTarget
) -> None:
    [supplier] = xero.seed(Contacts=[{"Name": "Acme Inc."}])["Contacts"]

    first, second = target.create_customers([customer("C1", "Acme Inc."), customer("C2", "Globex")])

    assert made(first).name == "Acme Inc. (C1)"
    assert made(first).remote_id != supplier["ContactID"]
    assert made(second).name == "Globex"


def test_a_reference_that_is_there_is_refused_and_no_second_contact_made(
    xero: Organisation, target: XeroTarget
) -> None:
    target.create_customers([customer("C1", "Acme Inc.")])

    [outcome] = target.create_customers([replace(customer("C1", "Acme Limited"), key="another")])

    assert isinstance(outcome, Refused)
    assert "contact number C1" in outcome.reason
    assert len(xero.get("Contacts")) == 1


def test_a_lost_answer_leaves_it_unsure_until_it_is_found_by_its_reference(
    xero: Organisation, target: XeroTarget
) -> None:
    batch = [customer("C1"), customer("C2", "Globex")]
    xero.order({"kind": "drop_after"}, times=1)
    assert [type(each) for each in target.create_customers(batch)] == [Unsure, Unsure]

    found = target.find_customers([customer("C9"), *batch])

    assert [each and each.reference for each in found] == [None, "C1", "C2"]


def test_a_throttle_is_raised_since_certainly_nothing_was_done(
    xero: Organisation, target: XeroTarget
) -> None:
    xero.order({"kind": "throttle"})

    with pytest.raises(Throttled):
        target.create_customers([customer("C1")])


def test_archived_ones_are_read_too_and_told_as_such(xero: Organisation, target: XeroTarget) -> None:
    [created] = target.create_customers([customer("C1")])
    xero.edit("Contacts", made(created).remote_id, ContactStatus="ARCHIVED")

    [page] = target.customers(None)
    [found] = target.find_customers([customer("C1")])

    assert [(each.reference, each.active) for each in page] == [("C1", False)]
    assert found is not None
    assert not found.active


def test_only_what_changed_since_is_read_again(xero: Organisation) -> None:
    with xero.target(overlap_seconds=0) as target:
        created = target.create_customers([customer("C1"), customer("C2", "Globex")])
        newest = max(made(each).modified_at for each in created)

        assert [*target.customers(newest + timedelta(seconds=5))] == []
        assert [len(page) for page in target.customers(newest - timedelta(minutes=5))] == [2]


def test_contact_numbers_of_another_system_are_no_references_of_ours(xero: Organisation) -> None:
    xero.seed(Contacts=[{"Name": "Old Customer", "ContactNumber": "C7"}])
    with xero.target(contact_prefix="ip-") as target:
        [created] = target.create_customers([customer("C7", "New Customer")])
        [page] = target.customers(None)

    assert made(created).reference == "C7"
    assert {each.name: each.reference for each in page} == {"Old Customer": None, "New Customer": "C7"}
    assert {each["ContactNumber"] for each in xero.get("Contacts")} == {"C7", "ip-C7"}
