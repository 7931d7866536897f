"""What contract terms accept, what they refuse, and how they say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import (
    Charge,
    ContractTerms,
    FieldSource,
    Frequency,
    Timing,
    load_terms,
    terms_json_schema,
)

Build = Callable[..., dict[str, Any]]


def _problems(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidTerms) as refused:
        load_terms(document)
    return dict(refused.value.problems)


class TestReading:
    def test_json_text_and_an_equal_mapping_give_equal_terms(self, document: Build) -> None:
        assert load_terms(json.dumps(document())) == load_terms(document())

    def test_decimals_come_as_strings_or_integers_and_keep_their_places(
        self, document: Build, charge: Build
    ) -> None:
        (read,) = load_terms(document(charge(quantity=3, unit_price="0.1000"))).charges
        assert read.quantity == 3
        assert str(read.unit_price) == "0.1000"

    @pytest.mark.parametrize("field", ["quantity", "unit_price", "discount_percent"])
    def test_a_float_is_refused_with_the_string_to_write_instead(
        self, document: Build, charge: Build, field: str
    ) -> None:
        problems = _problems(json.dumps(document(charge(**{field: 0.1}))))
        assert list(problems) == [f"charges[0].{field}"]
        assert 'write it as a string: "0.1"' in problems[f"charges[0].{field}"]

    @pytest.mark.parametrize(
        "value",
        [
            "1e3",
            "1,000",
            "$5",
            "",
            " 5",
            "5\n",
            "NaN",
            "1_0",
            "٣",
            "9" * 16,
            "0." + "1" * 13,
            True,
            [],
            10**15,
        ],
    )
    def test_anything_but_a_plain_decimal_of_sane_length_is_refused(
        self, document: Build, charge: Build, value: Any
    ) -> None:
        assert "plain decimal" in _problems(document(charge(unit_price=value)))["charges[0].unit_price"]

    @pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "1e999999", "1e-999999"])
    def test_decimals_without_a_plain_form_are_refused(
        self, document: Build, charge: Build, value: str
    ) -> None:
        assert "charges[0].quantity" in _problems(document(charge(quantity=Decimal(value))))

    def test_equal_decimals_in_other_notation_give_equal_hashes(self, document: Build, charge: Build) -> None:
        scientific = load_terms(document(charge(quantity=Decimal("1E+3"), discount_percent="-0")))
        plain = load_terms(document(charge(quantity="1000", discount_percent="0")))
        assert scientific.terms_hash == plain.terms_hash

    @pytest.mark.parametrize(
        "value", ["2026-1-1", "20260101", "2026-01-01T00:00:00", 1767225600, "2026-02-30", ""]
    )
    def test_a_date_is_a_civil_iso_date(self, document: Build, value: Any) -> None:
        assert "start" in _problems(document(start=value))

    def test_a_date_object_is_taken_and_a_datetime_is_not(self, document: Build) -> None:
        assert load_terms(document(start=date(2026, 1, 1))).start == date(2026, 1, 1)
        assert "without a time" in _problems(document(start=datetime(2026, 1, 1)))["start"]  # noqa: DTZ001

    def test_an_end_in_the_year_9999_is_not_taken_for_an_open_end(self, document: Build) -> None:
        assert "open end is left out" in _problems(document(end="9999-12-31", term_months=None))["end"]

    def test_unknown_fields_are_refused(self, document: Build, charge: Build) -> None:
        assert set(_problems(document(charge(price="1"), colour="red"))) == {"colour", "charges[0].price"}

    def test_every_missing_field_is_listed(self) -> None:
        assert set(_problems({})) == {
            "contract_id", "customer", "entity", "currency", "start", "payment_terms", "charges",
        }  # fmt: skip

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '"x"', '{"a":' * 5000, "\ud800", b"\xff"])
    def test_text_that_is_no_terms_document_is_invalid_terms(self, text: str | bytes) -> None:
        assert _problems(text)

    @pytest.mark.parametrize("value", ["", "   ", "a\x00b", 7, "x" * 256, "\ud800"])
    def test_identifiers_are_text_a_database_can_store(self, document: Build, value: Any) -> None:
        assert "customer" in _problems(document(customer=value))

    def test_terms_are_frozen(self, contract: Callable[..., ContractTerms]) -> None:
        with pytest.raises(ValueError, match="frozen"):
            contract().currency = "EUR"  # pyright: ignore[reportAttributeAccessIssue] - the mistake under test

    def test_errors_name_the_contract(self, document: Build) -> None:
        with pytest.raises(InvalidTerms, match=r"terms of contract C-1 cannot be billed: currency: .*'EURO'"):
            load_terms(document(currency="EURO"))


class TestImpossibleTerms:
    @pytest.mark.parametrize(
        ("changes", "path"),
        [
            ({"end": "2025-12-31", "term_months": None}, "end"),
            ({"end": "2026-01-01", "term_months": None}, "end"),
            ({"end": "2200-01-01", "term_months": None}, "end"),
            ({"end": "2026-12-01"}, "term_months"),
            ({"term_months": -1}, "term_months"),
            ({"term_months": 0}, "term_months"),
            ({"term_months": 1201}, "term_months"),
            ({"term_months": True}, "term_months"),
            ({"term_months": None}, "charges[0].end"),
            ({"charges": []}, "charges"),
            ({"currency": "XXX"}, "currency"),
            ({"currency": "usd"}, "currency"),
            ({"payment_terms": {"net_days": -1}}, "payment_terms.net_days"),
            ({"sources": {"colour": {"object_type": "deal", "record_id": "1", "field": "c", "value": "x"}}},
             "sources.colour"),
        ],
    )  # fmt: skip
    def test_a_contract_that_contradicts_itself_is_refused_by_field(
        self, document: Build, changes: dict[str, Any], path: str
    ) -> None:
        assert list(_problems(document(**changes))) == [path]

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"quantity": "-1"}, "quantity"),
            ({"discount_percent": "100.01"}, "discount_percent"),
            ({"discount_percent": "-1"}, "discount_percent"),
            ({"start": "2026-03-01", "end": "2026-03-01"}, "end"),
            ({"start": "2025-12-31"}, "start"),
            ({"start": "2027-01-01"}, "start"),
            ({"end": "2027-01-02"}, "end"),
            ({"end": "2026-01-01"}, "end"),
            ({"frequency": "fortnightly"}, "frequency"),
            ({"timing": "later"}, "timing"),
            ({"quantity": "999999999", "unit_price": "99999"}, "unit_price"),
        ],
    )
    def test_a_charge_that_contradicts_itself_or_its_contract_is_refused_by_field(
        self, document: Build, charge: Build, changes: dict[str, Any], field: str
    ) -> None:
        assert list(_problems(document(charge(**changes)))) == [f"charges[0].{field}"]

    def test_two_charges_cannot_share_an_id(self, document: Build, charge: Build) -> None:
        assert list(_problems(document(charge(), charge()))) == ["charges[1].charge_id"]

    def test_all_contradictions_are_listed_at_once(self, document: Build, charge: Build) -> None:
        problems = _problems(document(charge(quantity="-1", discount_percent="101"), end="2026-12-01"))
        assert set(problems) == {"term_months", "charges[0].quantity", "charges[0].discount_percent"}


class TestTerm:
    def test_a_term_in_months_ends_before_the_same_day(self, contract: Callable[..., ContractTerms]) -> None:
        assert contract(start="2026-01-31", term_months=1).contract_end == date(2026, 2, 28)

    def test_an_end_and_a_term_that_agree_are_both_taken(
        self, contract: Callable[..., ContractTerms]
    ) -> None:
        assert contract(end="2027-01-01", term_months=12).contract_end == date(2027, 1, 1)

    def test_a_contract_without_an_end_may_hold_charges_that_end(
        self, contract: Callable[..., ContractTerms], charge: Build
    ) -> None:
        setup = charge(charge_id="setup", frequency="one_time")
        assert contract(charge(end="2026-03-01"), setup, term_months=None).contract_end is None


class TestPublishedSchema:
    def test_a_decimal_is_a_string_or_an_integer_and_never_a_number(self) -> None:
        quantity = terms_json_schema()["$defs"]["Charge"]["properties"]["quantity"]
        assert [option["type"] for option in quantity["anyOf"]] == ["string", "integer"]

    def test_unknown_fields_are_closed_off_and_required_ones_listed(self) -> None:
        schema = terms_json_schema()
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == {
            "contract_id", "customer", "entity", "currency", "start", "payment_terms", "charges",
        }  # fmt: skip


def test_sources_are_kept_and_their_order_does_not_change_the_hash(document: Build, charge: Build) -> None:
    source = {"object_type": "line_item", "record_id": "9", "field": "price", "value": "120"}
    one = load_terms(document(charge(sources={"unit_price": source, "quantity": source})))
    other = load_terms(document(charge(sources={"quantity": source, "unit_price": source})))
    assert one.terms_hash == other.terms_hash
    assert one.charges[0].sources["unit_price"] == FieldSource(**source)


# Hostile values are put where real ones belong: random JSON alone never gets past the first field.
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        ["1e9999", "2026-13-01", "0001-01-01", "monthly", "JPY", "100", "-0", 10**400, -(10**18)]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
_CONTRACT_FIELDS = st.sampled_from(sorted(ContractTerms.model_fields))
_CHARGE_FIELDS = st.sampled_from(sorted(Charge.model_fields))


@given(
    on_contract=st.dictionaries(_CONTRACT_FIELDS, _JSON, max_size=2),
    on_charge=st.dictionaries(_CHARGE_FIELDS, _JSON, max_size=2),
    as_text=st.booleans(),
)
def test_a_fuzzed_document_is_either_invalid_terms_or_has_a_schedule(
    document: Build, charge: Build, on_contract: dict[str, Any], on_charge: dict[str, Any], as_text: bool
) -> None:
    fuzzed = document(charge(**on_charge), **on_contract)
    try:
        terms = load_terms(json.dumps(fuzzed) if as_text else fuzzed)
    except InvalidTerms:
        return
    assert build_schedule(terms).to_json()


@given(document=_JSON | st.binary(max_size=40))
def test_any_value_at_all_is_invalid_terms(document: Any) -> None:
    assert isinstance(_problems(document), dict)


def test_a_copy_with_other_terms_has_a_hash_of_its_own(document: Build, charge: Build) -> None:
    terms = load_terms(document(charge()))
    before = terms.terms_hash
    other = terms.model_copy(update={"purchase_order": "PO-7"})
    assert other.terms_hash == load_terms(document(charge(), purchase_order="PO-7")).terms_hash
    assert other.terms_hash != before
    one_time = terms.charges[0].model_copy(update={"frequency": Frequency.ONE_TIME})
    assert terms.charges[0].recurs
    assert not one_time.recurs


def test_terms_that_differ_only_in_their_price_model_have_different_hashes(
    document: Build, charge: Build
) -> None:
    tiers = [{"up_to": "10", "unit_price": "2"}, {"up_to": None, "unit_price": "1"}]
    hashes = {
        load_terms(document(charge(unit_price=None, price={"model": model, "tiers": tiers}))).terms_hash
        for model in ("graduated", "volume")
    }
    assert len(hashes) == 2


def test_a_metered_charge_is_in_arrears_and_can_be_read_back(document: Build, charge: Build) -> None:
    terms = load_terms(document(charge(metric={"metric": "calls"})))
    assert terms.charges[0].timing is Timing.ARREARS
    assert load_terms(terms.model_dump_json()) == terms
    assert _problems(document(charge(metric={"metric": "calls"}, timing="advance"))) == {
        "charges[0].timing": "usage is known after the period; state arrears"
    }
