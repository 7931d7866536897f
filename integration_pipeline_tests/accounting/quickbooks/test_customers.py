"""Customers: created once, under a name nobody else has, and known again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integration_pipeline.accounting.target import Refused, RemoteCustomer, Unsure
from integration_pipeline_tests.accounting.quickbooks.conftest import UK, UNLIMITED, Books, Open
from integration_pipeline_tests.accounting.quickbooks.outgoing import customer


def names(outcomes: object) -> list[str]:
    assert isinstance(outcomes, list)
    return [each.name for each in outcomes if isinstance(each, RemoteCustomer)]  # pyright: ignore[reportUnknownVariableType]


def test_a_customer_is_created_with_our_reference_and_found_by_it(books: Books) -> None:
    target = books.target()

    [created] = target.create_customers([customer(17)])

    assert isinstance(created, RemoteCustomer)
    assert (created.reference, created.name, created.currency) == ("C17", "Acme Inc.", "USD")
    assert (created.domain, created.email, created.active) == ("acme.example", "billing@acme.example", True)
    assert target.find_customers([customer(99, "Nobody"), customer(17)]) == [None, created]


def test_several_are_created_in_one_call(books: Books) -> None:
    target = books.target()
    batch = [customer(each, f"Firm {each}") for each in range(30)]

    with books.requests() as requests:
        created = target.create_customers(batch)

    assert [each.segment for each in requests] == ["batch"]
    assert [each.reference for each in created if isinstance(each, RemoteCustomer)] == [
        each.reference for each in batch
    ]
    assert target.find_customers(batch) == created


def test_a_call_refused_before_its_customers_were_looked_at_goes_in_smaller_parts(books: Books) -> None:
    target = books.target()
    books.sandbox.admin("PUT", "/limits", {**UNLIMITED, "batch_items": 2})
    batch = [customer(each, f"Firm {each}") for each in range(5)]

    created = target.create_customers(batch)

    assert names(created) == [each.name for each in batch]
    assert target.find_customers(batch) == created


def test_what_stops_the_second_part_of_a_call_leaves_its_customers_unsure(books: Books) -> None:
    target = books.target()
    books.sandbox.admin("PUT", "/limits", {**UNLIMITED, "batch_items": 2, "batches_per_minute": 2})

    outcomes = target.create_customers([customer(each, f"Firm {each}") for each in range(4)])

    assert [type(each) for each in outcomes] == [RemoteCustomer, RemoteCustomer, Unsure, Unsure]


def test_a_name_that_a_vendor_has_is_told_apart(books: Books) -> None:
    target = books.target()
    books.seed("Vendor", {"DisplayName": "Acme Inc."})
    books.seed("Vendor", {"DisplayName": "Bolt Ltd"}, {"DisplayName": "Bolt Ltd (Customer)"})

    created = target.create_customers([customer(1), customer(2, "Bolt Ltd"), customer(3, "Cog AG")])

    assert names(created) == ["Acme Inc. (Customer)", "Bolt Ltd (Customer C2)", "Cog AG"]
    assert target.find_customers([customer(2, "Bolt Ltd")]) == [created[1]]


def test_a_name_that_another_customer_has_is_left_to_a_person(books: Books) -> None:
    target = books.target()
    there = books.seed("Customer", {"DisplayName": "acme inc."})

    [refused] = target.create_customers([customer(1)])

    assert isinstance(refused, Refused)
    assert refused.duplicate
    assert f"another customer 'acme inc.' (id {there})" in refused.reason


def test_two_customers_of_ours_with_one_name_are_told_apart(books: Books) -> None:
    target = books.target()

    together = target.create_customers([customer(1), customer(2)])
    later = target.create_customers([customer(3)])

    assert names([*together, *later]) == ["Acme Inc.", "Acme Inc. (Customer)", "Acme Inc. (Customer C3)"]
    assert target.find_customers([customer(3), customer(2)]) == [later[0], together[1]]


def test_a_customer_whose_creation_was_not_answered_is_adopted(books: Books) -> None:
    target = books.target()
    books.fault("customer", kind="drop_after")

    [unsure] = target.create_customers([customer(1)])
    [again] = target.create_customers([customer(1)])

    assert isinstance(unsure, Unsure)
    assert isinstance(again, RemoteCustomer)
    assert books.totals("Customer")[0] == 1


def test_an_unusable_name_or_address_keeps_nobody_out(books: Books) -> None:
    target = books.target()

    [created] = target.create_customers([customer(1, " Acme:\tEast\nWest ", email="nobody", domain=None)])

    assert isinstance(created, RemoteCustomer)
    assert (created.name, created.email, created.domain) == ("Acme - East - West", None, None)


def test_a_tax_id_is_told_outside_the_us_and_a_masked_one_is_none(open_books: Open) -> None:
    books = open_books(UK)
    target = books.target(home_currency="GBP", sales_tax="by_line")
    masked = books.seed("Customer", {"DisplayName": "Masked", "PrimaryTaxIdentifier": "XXXXXX56789"})

    with books.requests() as requests:
        target.create_customers([customer(1, currency="GBP", tax_id="GB999999973")])

    assert requests[0].json["PrimaryTaxIdentifier"] == "GB999999973"
    everyone = {each.remote_id: each for page in target.customers(None) for each in page}
    assert everyone[masked].tax_id is None


def test_all_customers_are_read_those_made_inactive_too(books: Books) -> None:
    target = books.target(page_size=2)
    ids = [books.seed("Customer", {"DisplayName": f"Firm {each}"}) for each in range(5)]
    books.edit("Customer", ids[3], Active=False)

    everyone = {each.remote_id: each for page in target.customers(None) for each in page}

    assert sorted(everyone) == sorted(ids)
    assert [each for each in ids if not everyone[each].active] == [ids[3]]


def test_only_customers_changed_since_are_read(books: Books) -> None:
    target = books.target()
    books.seed("Customer", {"DisplayName": "Old"})

    assert list(target.customers(datetime.now(UTC) + timedelta(days=1))) == []
    assert len(list(target.customers(datetime.now(UTC)))) == 1


def test_a_customer_of_the_same_name_in_another_currency_is_one_of_its_own(books: Books) -> None:
    target = books.target()

    created = target.create_customers(
        [customer(1, "Acme (USD)"), customer(1, "Acme (EUR)", reference="C1EUR", currency="EUR")]
    )

    assert [(each.reference, each.currency) for each in created if isinstance(each, RemoteCustomer)] == [
        ("C1", "USD"),
        ("C1EUR", "EUR"),
    ]
