"""The generated data set: the same on every run, worth billing, and dirty where it says so."""

from __future__ import annotations

import re
from calendar import monthrange
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest

from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.generation.dirt import (
    BLOCKING,
    UNREADABLE_RAMPS,
    UNREADABLE_TIERS,
    DirtKind,
)
from integration_pipeline.sandbox.datasets.model import CrmObject, DataSet, Link

# Changes whenever the default data set does: then every golden figure built on it is to be looked at again.
GOLDEN_FINGERPRINT = "d84e6418ddae638acb265a1f7cd94ce07de6672e17df4cfe8e0b25cf53c64006"
DECIMALS = {"USD": 2, "EUR": 2, "JPY": 0, "KWD": 3}
MONTHS = {"monthly": 1, "quarterly": 3, "annually": 12}


@pytest.fixture(scope="module")
def dataset() -> DataSet:
    return generate()


def won_deals(dataset: DataSet) -> list[CrmObject]:
    return [deal for deal in dataset.of_type("deals") if deal.properties["dealstage"] == "closedwon"]


def clean_deals(dataset: DataSet) -> list[CrmObject]:
    """Deals with nothing wrong that concerns amounts, dates or links."""
    dirty = {key for kind in (*BLOCKING, DirtKind.AMOUNT_AS_TEXT) for key in dataset.dirt[kind.value]}
    return [deal for deal in dataset.of_type("deals") if deal.key not in dirty]


def deals_with(dataset: DataSet, kind: DirtKind) -> list[CrmObject]:
    keys = set(dataset.dirt[kind.value])
    return [deal for deal in dataset.of_type("deals") if deal.key in keys]


def linked(deal: CrmObject, object_type: str) -> list[str]:
    return [link.key for link in deal.associations if link.object_type == object_type]


def lines_of(dataset: DataSet, deal: CrmObject) -> list[CrmObject]:
    keys = set(linked(deal, "line_items"))
    return [line for line in dataset.of_type("line_items") if line.key in keys]


class TestDeterminism:
    def test_the_default_data_set_is_the_golden_one(self, dataset: DataSet) -> None:
        assert dataset.fingerprint() == GOLDEN_FINGERPRINT

    def test_two_runs_give_the_same_bytes(self, dataset: DataSet) -> None:
        assert generate().to_json() == dataset.to_json()

    def test_another_seed_gives_other_data_under_another_name(self, dataset: DataSet) -> None:
        other = generate(seed=7)
        assert other.name != dataset.name
        assert other.of_type("deals") != dataset.of_type("deals")


class TestSizes:
    def test_the_default_data_set_has_the_promised_sizes(self, dataset: DataSet) -> None:
        counts = Counter(item.object_type for item in dataset.objects)
        assert counts["deals"] == 1200
        assert counts["companies"] == 220
        assert 380 <= counts["contacts"] <= 420
        assert len(set(dataset.customers.values())) == 150

    def test_about_45_percent_of_the_deals_are_won(self, dataset: DataSet) -> None:
        assert 0.44 <= len(won_deals(dataset)) / 1200 <= 0.46

    def test_between_5_and_8_percent_of_the_won_deals_are_dirty_beyond_billing(
        self, dataset: DataSet
    ) -> None:
        dirty = {key for kind in BLOCKING for key in dataset.dirt[kind.value]}
        assert 0.05 <= len(dirty) / len(won_deals(dataset)) <= 0.08

    def test_too_few_deals_for_every_kind_of_dirt_are_refused(self) -> None:
        with pytest.raises(ValueError, match="generate more deals"):
            generate(deals=60)


class TestShape:
    def test_keys_are_unique_within_a_type(self, dataset: DataSet) -> None:
        keys = [(item.object_type, item.key) for item in dataset.objects]
        assert len(keys) == len(set(keys))

    def test_an_object_follows_all_that_it_links_to(self, dataset: DataSet) -> None:
        seen = {Link("owners", owner.key) for owner in dataset.owners}
        for item in dataset.objects:
            assert {*item.associations, *item.references.values()} <= seen
            seen.add(Link(item.object_type, item.key))

    def test_no_property_is_empty(self, dataset: DataSet) -> None:
        assert all(value for item in dataset.objects for value in item.properties.values())

    def test_e_mail_addresses_are_unique_while_domains_are_shared(self, dataset: DataSet) -> None:
        addresses = [contact.properties["email"] for contact in dataset.of_type("contacts")]
        assert len(addresses) == len(set(addresses))
        assert len({address.partition("@")[2] for address in addresses}) < len(addresses) / 2


class TestContracts:
    def test_the_amount_of_a_clean_deal_is_the_total_of_its_lines_over_the_term(
        self, dataset: DataSet
    ) -> None:
        lines = {line.key: line.properties for line in dataset.of_type("line_items")}
        for deal in clean_deals(dataset):
            if not linked(deal, "line_items"):
                continue
            total = Decimal(0)
            for key in linked(deal, "line_items"):
                line = lines[key]
                net = Decimal(line["quantity"]) * Decimal(line["price"])
                net *= (100 - Decimal(line.get("hs_discount_percentage", "0"))) / 100
                if (frequency := line.get("recurringbillingfrequency")) is not None:
                    # A year of what has no end.
                    net *= Decimal(deal.properties.get("contract_term_months", "12")) / MONTHS[frequency]
                total += net
            unit = Decimal(1).scaleb(-DECIMALS[deal.properties["deal_currency_code"]])
            assert Decimal(deal.properties["amount"]) == total.quantize(unit, ROUND_HALF_UP), deal.key

    def test_amounts_have_the_decimals_of_their_currency(self, dataset: DataSet) -> None:
        for deal in clean_deals(dataset):
            _, _, fraction = deal.properties["amount"].partition(".")
            assert len(fraction) == DECIMALS[deal.properties["deal_currency_code"]], deal.key

    def test_every_currency_billing_entity_frequency_and_timing_occurs(self, dataset: DataSet) -> None:
        deals = won_deals(dataset)
        currencies = Counter(deal.properties.get("deal_currency_code") for deal in deals)
        assert 0 < currencies["KWD"] < currencies["JPY"] < currencies["EUR"] < currencies["USD"]
        assert {deal.properties["billing_entity"] for deal in deals} == {"us", "eu", "jp"}
        assert {deal.properties["billing_timing"] for deal in deals} == {"In advance", "In arrears"}
        frequencies = {
            line.properties.get("recurringbillingfrequency") for line in dataset.of_type("line_items")
        }
        assert frequencies == {None, "monthly", "quarterly", "annually"}

    def test_terms_are_3_to_36_months_and_mostly_12(self, dataset: DataSet) -> None:
        terms = [
            int(deal.properties["contract_term_months"])
            for deal in won_deals(dataset)
            if "contract_term_months" in deal.properties
        ]
        assert min(terms) == 3
        assert max(terms) == 36
        assert terms.count(12) > len(terms) / 2

    def test_many_contracts_start_on_the_last_day_of_a_month(self, dataset: DataSet) -> None:
        starts = [
            date.fromisoformat(deal.properties["contract_start_date"])
            for deal in won_deals(dataset)
            if "contract_start_date" in deal.properties
        ]
        assert sum(start.day == monthrange(start.year, start.month)[1] for start in starts) > 50

    def test_deals_close_from_january_2025_to_june_2026(self, dataset: DataSet) -> None:
        months = {
            deal.properties["closedate"][:7]
            for deal in clean_deals(dataset)
            if "closedate" in deal.properties
        }
        assert (min(months), max(months), len(months)) == ("2025-01", "2026-06", 18)


class TestSpecialTerms:
    def test_about_a_fifth_of_the_won_deals_ramp_up_and_a_tenth_have_price_tiers(
        self, dataset: DataSet
    ) -> None:
        won = won_deals(dataset)
        stated = [
            {
                *deal.properties,
                *(f"line.{name}" for line in lines_of(dataset, deal) for name in line.properties),
            }
            for deal in won
        ]
        ramps = sum(bool(names & {"ramp_schedule", "line.ramp_schedule", "ramp_months"}) for names in stated)
        assert 0.17 <= ramps / len(won) <= 0.23
        assert 0.08 <= sum("line.price_tiers" in names for names in stated) / len(won) <= 0.12
        assert sum("promo_days" in names for names in stated) >= 10

    def test_deals_renew_or_never_end_and_follow_the_calendar(self, dataset: DataSet) -> None:
        won = [deal.properties for deal in won_deals(dataset)]
        ends = Counter(deal.get("contract_renewal") for deal in won)
        assert 0 < ends["Evergreen"] < ends["Renews automatically"] < ends["Fixed term"]
        assert sum(deal.get("billing_anchor") == "Calendar" for deal in won) >= 10

    def test_the_german_seller_charges_vat_or_leaves_it_to_the_customer(self, dataset: DataSet) -> None:
        european = [
            deal.properties for deal in won_deals(dataset) if deal.properties["billing_entity"] == "eu"
        ]
        treatments = Counter(deal.get("tax_treatment") for deal in european)
        assert min(treatments["Exclusive"], treatments["Reverse charge"], treatments["Exempt"]) >= 10
        japanese = [
            deal.properties for deal in won_deals(dataset) if deal.properties["billing_entity"] == "jp"
        ]
        taxed = sum(deal.get("tax_rates") == "Consumption tax 10%" for deal in japanese)
        assert 5 <= taxed <= len(japanese) / 2


class TestCustomers:
    def test_records_of_one_customer_share_a_domain_or_a_tax_id(self, dataset: DataSet) -> None:
        originals = {
            dataset.customers[company.key]: company for company in dataset.of_type("companies")[:150]
        }
        for duplicate in dataset.of_type("companies")[150:]:
            original = originals[dataset.customers[duplicate.key]].properties
            same_domain = duplicate.properties.get("domain") == original["domain"]
            same_tax_id = duplicate.properties.get("tax_id", "").replace(" ", "") == original["tax_id"]
            assert same_domain != same_tax_id, duplicate

    def test_look_alikes_are_different_customers_with_different_domains(self, dataset: DataSet) -> None:
        silverlines = [
            c for c in dataset.of_type("companies") if c.properties["name"].lower().startswith("silverl")
        ]
        assert len(silverlines) == 2
        assert len({dataset.customers[company.key] for company in silverlines}) == 2
        assert len({company.properties["domain"] for company in silverlines}) == 2


SAYS_WHAT_IT_IS: dict[DirtKind, Callable[[DataSet, CrmObject], bool]] = {
    DirtKind.MISSING_AMOUNT: lambda data, deal: (
        "amount" not in deal.properties
        and "contract_value_text" not in deal.properties
        and not any("price" in line.properties for line in lines_of(data, deal))
    ),
    DirtKind.MALFORMED_AMOUNT: lambda data, deal: (
        deal.properties["contract_value_text"] in ("twelve thousand", "12.5OO", "TBC, see contract")
        and "amount" not in deal.properties
        and not lines_of(data, deal)
    ),
    DirtKind.AMOUNT_AS_TEXT: lambda data, deal: (
        deal.properties["deal_currency_code"] in deal.properties["contract_value_text"]
        and "amount" not in deal.properties
        and not lines_of(data, deal)
    ),
    DirtKind.MISSING_CLOSE_DATE: lambda _, deal: (
        not {"closedate", "contract_start_date"} & set(deal.properties)
    ),
    DirtKind.IMPLAUSIBLE_CLOSE_DATE: lambda _, deal: deal.properties["closedate"].startswith("1925-"),
    DirtKind.MALFORMED_CONTRACT_START: lambda _, deal: (
        deal.properties["contract_start_text"] in ("31/02/2025", "soon", "2025-13-01")
        and "contract_start_date" not in deal.properties
    ),
    DirtKind.CONTRACT_START_AS_TEXT: lambda _, deal: (
        re.fullmatch(r"\d\d\.\d\d\.202\d", deal.properties["contract_start_text"]) is not None
        and "contract_start_date" not in deal.properties
    ),
    DirtKind.UNKNOWN_CURRENCY: lambda _, deal: (
        deal.properties["contract_currency_text"] in ("XXZ", "QQQ", "EURO")
        and "deal_currency_code" not in deal.properties
    ),
    DirtKind.WITHOUT_COMPANY: lambda _, deal: not linked(deal, "companies") and not linked(deal, "contacts"),
    DirtKind.NEGATIVE_AMOUNT: lambda _, deal: Decimal(deal.properties["amount"]) < 0,
    DirtKind.ZERO_QUANTITY_LINE: lambda data, deal: any(
        line.properties["quantity"] == "0" for line in lines_of(data, deal)
    ),
    DirtKind.UNREADABLE_PRODUCT: lambda data, deal: any(
        "hs_sku" not in line.properties and not line.references for line in lines_of(data, deal)
    ),
    DirtKind.UNREADABLE_TIERS: lambda data, deal: any(
        line.properties.get("price_tiers") in UNREADABLE_TIERS for line in lines_of(data, deal)
    ),
    DirtKind.UNREADABLE_RAMP: lambda _, deal: deal.properties["ramp_schedule"] in UNREADABLE_RAMPS,
    DirtKind.PADDED_TEXT: lambda _, deal: deal.properties["dealname"] != deal.properties["dealname"].strip(),
    DirtKind.EMOJI_IN_NAME: lambda _, deal: "✅" in deal.properties["dealname"],
    DirtKind.VERY_LONG_NAME: lambda _, deal: len(deal.properties["dealname"]) > 500,
}


class TestDirt:
    @pytest.mark.parametrize("kind", list(DirtKind))
    def test_every_kind_is_in_at_least_three_won_deals(self, dataset: DataSet, kind: DirtKind) -> None:
        won = {deal.key for deal in won_deals(dataset)}
        assert len(set(dataset.dirt[kind.value])) >= 3
        assert set(dataset.dirt[kind.value]) <= won

    @pytest.mark.parametrize("kind", list(SAYS_WHAT_IT_IS))
    def test_the_listed_deals_are_dirty_in_that_way(self, dataset: DataSet, kind: DirtKind) -> None:
        for deal in deals_with(dataset, kind):
            assert SAYS_WHAT_IT_IS[kind](dataset, deal), deal

    def test_a_deal_has_one_blocking_kind_at_most(self, dataset: DataSet) -> None:
        counts = Counter(key for kind in BLOCKING for key in dataset.dirt[kind.value])
        assert set(counts.values()) == {1}

    def test_only_the_listed_deals_are_copies_of_another(self, dataset: DataSet) -> None:
        originals: set[tuple[str, ...]] = set()
        copies: list[str] = []
        for deal in dataset.of_type("deals"):
            terms = [deal.properties.get(name, "") for name in ("dealname", "amount", "closedate")]
            identity = (*linked(deal, "companies"), *terms)
            if identity in originals:
                copies.append(deal.key)
            originals.add(identity)
        assert copies == list(dataset.dirt[DirtKind.DUPLICATE_DEAL])


class TestLaterChanges:
    def test_they_touch_only_won_deals_without_other_planted_dirt(self, dataset: DataSet) -> None:
        allowed = {
            key
            for kind in (
                DirtKind.LOST_AFTER_WON,
                DirtKind.REOPENED_AFTER_WON,
                DirtKind.LOST_AND_WON_AGAIN,
                DirtKind.CHANGED_AFTER_WON,
                DirtKind.AMENDED_AFTER_WON,
            )
            for key in dataset.dirt[kind.value]
        }
        blocking = {key for kind in BLOCKING for key in dataset.dirt[kind.value]}
        touched = {change.key for change in dataset.later_changes if change.object_type == "deals"}
        assert touched == allowed
        assert not touched & blocking

    def test_deals_won_again_pass_through_lost_and_reopened_first(self, dataset: DataSet) -> None:
        for key in dataset.dirt[DirtKind.LOST_AND_WON_AGAIN]:
            stages = [change.properties["dealstage"] for change in dataset.later_changes if change.key == key]
            assert stages == ["closedlost", "decisionmakerboughtin", "closedwon"]

    def test_a_changed_line_changes_the_amount_of_its_deal(self, dataset: DataSet) -> None:
        amounts = {
            deal.key: deal.properties["amount"] for deal in won_deals(dataset) if "amount" in deal.properties
        }
        patched = {change.key: change.properties for change in dataset.later_changes}
        lines = [change for change in dataset.later_changes if change.object_type == "line_items"]
        assert len(lines) >= 3
        for change in lines:
            deal = change.key.partition("-line-")[0]
            assert patched[deal]["amount"] != amounts[deal]

    def test_amendments_hold_from_a_day_within_the_contract(self, dataset: DataSet) -> None:
        deals = {deal.key: deal.properties for deal in dataset.of_type("deals")}
        amendments = [
            change for change in dataset.later_changes if "amendment_effective_date" in change.properties
        ]
        assert {change.key for change in amendments} == set(dataset.dirt[DirtKind.AMENDED_AFTER_WON])
        for change in amendments:
            start = date.fromisoformat(deals[change.key]["contract_start_date"])
            effective = date.fromisoformat(change.properties["amendment_effective_date"])
            assert 28 <= (effective - start).days <= int(deals[change.key]["contract_term_months"]) * 31
