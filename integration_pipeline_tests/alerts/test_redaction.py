"""What of an error leaves the house."""

from __future__ import annotations

import pytest

from integration_pipeline.alerts.redaction import in_one_line


@pytest.mark.parametrize(
    ("said", "hidden"),
    [
        ("ValueError: amount 'secret deal 4711' is no number", "secret deal"),
        ('deal "Acme buys all" cannot be read', "Acme"),
        ("cannot connect to postgresql://ann:hunter2@db.example.com/books?x=1", "hunter2"),
        ("POST https://hooks.example.com/services/T0/B0/zzz failed", "T0"),
        ("401 for Bearer pat-na1-11112222-3333", "pat-na1"),
        ("connection failed: password=hunter2 host=db", "hunter2"),
        ("no customer for ann.smith@example.com", "ann.smith"),
        ("key abcdefghij0123456789klmnopqrstuv is not known", "abcdefghij"),
        ("first line\nDETAIL: Key (name)=(Acme) exists", "Acme"),
    ],
)
def test_values_addresses_and_keys_do_not(said: str, hidden: str) -> None:
    assert hidden not in in_one_line(said)


@pytest.mark.parametrize(
    "said",
    [
        "psycopg.errors.UniqueViolation: duplicate key value violates unique constraint",
        "3 blocking asset checks failed: debits_equal_credits",
        "integration_pipeline.transport.failures.Unauthorized: 401 from HubSpot",
    ],
)
def test_the_kind_of_error_does(said: str) -> None:
    assert in_one_line(said) == said


def test_what_a_colon_announces_does() -> None:
    said = "1 blocking asset check failed with ERROR severity:\nledger__invoices: chain_is_unbroken\nmore"
    assert in_one_line(said).endswith("severity: ledger__invoices: chain_is_unbroken")


def test_the_host_of_an_address_does() -> None:
    assert "db.example.com" in in_one_line("cannot connect to postgresql://ann:pw@db.example.com/books")


def test_it_is_one_line_of_bounded_length() -> None:
    assert in_one_line("\n\n  first \nsecond") == "first"
    assert len(in_one_line("word " * 1_000)) == 300


def test_no_error_is_no_line() -> None:
    assert in_one_line("") == ""
