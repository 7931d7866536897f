"""Who a customer of ours is at a target, decided on evidence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.posting.party_matching import (
    Directory,
    Linked,
    New,
    Party,
    Undecided,
    normal_name,
)

ACME = Party("Acme, Inc.", "US123", "acme.com", "billing@acme.com", remote_id="7")


def ours(name: str = "Acme Incorporated", **known: str | None) -> Party:
    return Party(name, known.get("tax_id"), known.get("domain"), known.get("email"), reference="C1")


def test_our_own_reference_there_is_believed_first() -> None:
    there = [ACME, Party("Somebody else", "XX9", None, None, remote_id="8", reference="C1")]

    verdict = Directory(there).verdict(ours(tax_id="US123"))

    assert isinstance(verdict, Linked)
    assert (verdict.remote_id, verdict.rule) == ("8", "same_reference")


def test_the_same_tax_id_links_whatever_the_names_say() -> None:
    verdict = Directory([ACME]).verdict(ours("Umbrella Corp", tax_id="US123"))

    assert isinstance(verdict, Linked)
    assert verdict.evidence == {"tax_id": "US123", "name_there": "Acme, Inc."}


def test_the_same_domain_links_but_not_against_another_tax_id() -> None:
    directory = Directory([ACME])

    assert isinstance(directory.verdict(ours(domain="acme.com")), Linked)
    undecided = directory.verdict(ours(domain="acme.com", tax_id="US999"))
    assert isinstance(undecided, Undecided)
    assert "another tax id" in undecided.why


def test_an_address_at_a_mail_provider_says_nothing_by_its_domain() -> None:
    there = Party("Baker", None, "gmail.com", "someone@gmail.com", remote_id="9")

    assert isinstance(Directory([there]).verdict(ours("Candle Maker", domain="gmail.com")), New)


def test_the_same_address_links_however_it_is_written() -> None:
    verdict = Directory([ACME]).verdict(ours("Totally Different", email=" Billing@ACME.com "))

    assert isinstance(verdict, Linked)
    assert verdict.rule == "same_email"


def test_two_that_share_what_identifies_them_are_left_to_a_person() -> None:
    twice = [ACME, Party("Acme Europe", "US123", None, None, remote_id="8")]

    verdict = Directory(twice).verdict(ours(tax_id="US123"))

    assert isinstance(verdict, Undecided)
    assert [each.remote_id for each in verdict.candidates] == ["7", "8"]


def test_a_similar_name_alone_never_links() -> None:
    verdict = Directory([Party("ACME Inc", None, None, None, remote_id="7")]).verdict(ours())

    assert isinstance(verdict, Undecided)
    assert [(each.remote_id, each.rule) for each in verdict.candidates] == [("7", "similar_name")]


def test_nobody_similar_makes_a_new_customer() -> None:
    assert isinstance(Directory([ACME]).verdict(ours("Zebra Logistics", domain="zebra.io")), New)


def test_a_record_in_another_currency_is_another_customer() -> None:
    there = Party("Acme, Inc.", "US123", "acme.com", None, remote_id="7", currency="USD")
    euros = Party("Acme, Inc.", "US123", "acme.com", None, reference="C1EUR", currency="EUR")

    assert isinstance(Directory([there]).verdict(euros), New)


def test_legal_forms_and_punctuation_are_no_part_of_a_name() -> None:
    assert normal_name("ACME, Inc.") == normal_name("Acme GmbH") == "acme"
    assert normal_name("AG") == "ag"


_WORDS = st.sampled_from(["US1", "US2", "acme.com", "zebra.io", "a@b.c", None])


@given(
    st.lists(st.builds(Party, st.text("abc ", max_size=6), _WORDS, _WORDS, _WORDS), max_size=6),
    st.builds(Party, st.text("abc ", max_size=6), _WORDS, _WORDS, _WORDS),
)
def test_whatever_is_linked_shares_an_identity_with_no_rival(there: list[Party], one: Party) -> None:
    named = [Party(p.name, p.tax_id, p.domain, p.email, remote_id=str(n)) for n, p in enumerate(there)]

    verdict = Directory(named).verdict(one)

    if isinstance(verdict, Linked):
        kind = verdict.rule.removeprefix("same_")
        assert [p.remote_id for p in named if getattr(p, kind) == getattr(one, kind)] == [verdict.remote_id]
