"""Terms of a deal that decide more than one invoice: ramps, tiers, tax, ends, amendments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from integration_pipeline.billing.pricing import (
    GraduatedPrice,
    PackagePrice,
    StairstepPrice,
    VolumePrice,
)
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.tax.terms import TaxTreatment
from integration_pipeline.billing.terms import AnchorKind, ContractTerms, FieldSource
from integration_pipeline.billing.usage.metrics import Aggregation
from integration_pipeline.mapping.apply import MappedDeal
from integration_pipeline_tests.mapping.deals import mapped, problems, seats, terms

Line = dict[str, str | None]


def monthly(**changes: str | None) -> Line:
    """Ten seats at 12.50 a month."""
    return seats(recurringbillingfrequency="monthly", **changes)


def a_year_of(*lines: Line, **deal: str | None) -> MappedDeal:
    return mapped(*lines, contract_term_months="12", contract_start_date="2026-04-01", **deal)


def billed(contract: ContractTerms) -> list[int]:
    """Totals of the planned invoices, in minor units, in order."""
    return [invoice.total.minor for invoice in build_schedule(contract, until=date(2028, 4, 1)).invoices]


def origin(source: FieldSource) -> tuple[str, str, str | None, str | None]:
    return source.record_id, source.field, source.value, source.transform


class TestRamps:
    def test_of_a_line_item_are_phases_of_its_charge(self) -> None:
        contract = terms(a_year_of(monthly(ramp_schedule="months 1-3: 50%; months 4-6: 75%")))

        assert billed(contract) == [6250] * 3 + [9375] * 3 + [12500] * 6
        assert origin(contract.charges[0].sources["phases"]) == (
            *("1", "ramp_schedule", "months 1-3: 50%; months 4-6: 75%", "ramp"),
        )

    def test_may_be_prices(self) -> None:
        assert billed(terms(a_year_of(monthly(ramp_schedule="1-2: 3.00; 3: free")))) == (
            [3000] * 2 + [12500] * 9
        )

    def test_of_the_deal_are_of_every_line_item_that_recurs_and_has_none(self) -> None:
        setup: Line = {"name": "Setup", "quantity": "1", "price": "500"}
        contract = terms(
            a_year_of(monthly(), monthly(ramp_schedule="1: free"), setup, ramp_schedule="1-12: 50%")
        )

        assert [[phase.name for phase in charge.phases] for charge in contract.charges] == [
            *(["months 1-12"], ["month 1"], [])
        ]
        assert contract.charges[0].sources["phases"].record_id == "77"

    def test_may_be_so_many_months_at_a_percentage_off(self) -> None:
        contract = terms(a_year_of(monthly(), ramp_months="6", ramp_discount_percent="20"))

        assert billed(contract) == [10000] * 6 + [12500] * 6
        assert origin(contract.charges[0].sources["phases"]) == (
            "77",
            "ramp_discount_percent",
            "20",
            "decimal",
        )

    def test_are_taken_of_what_a_discount_leaves(self) -> None:
        line = monthly(hs_discount_percentage="20", ramp_schedule="1-3: 50%")

        assert billed(terms(a_year_of(line))) == [5000] * 3 + [10000] * 9

    @pytest.mark.parametrize(
        ("line", "deal", "found", "fault"),
        [
            (
                monthly(ramp_schedule="Q1 half"),
                {},
                ("line_item", "1", "ramp_schedule", "Q1 half"),
                "'months 1-3: 50%'",
            ),
            (
                monthly(ramp_schedule="1-3: 50%; 7-18: 75%"),
                {},
                ("line_item", "1", "ramp_schedule", "1-3: 50%; 7-18: 75%"),
                "phases[1].end: 2027-10-01 is after the charge ends on 2027-04-01",
            ),
            (
                monthly(ramp_schedule="1-3: EUR 5,00"),
                {},
                ("line_item", "1", "ramp_schedule", "1-3: EUR 5,00"),
                "EUR",
            ),
            (
                seats(ramp_schedule="1: free"),
                {},
                ("line_item", "1", "ramp_schedule", "1: free"),
                "is on a one-time",
            ),
            (
                seats(),
                {"ramp_schedule": "1: free"},
                ("deal", "77", "ramp_schedule", "1: free"),
                "that recurs",
            ),
            (monthly(), {"ramp_months": "3"}, ("deal", "77", "ramp_months", "3"), "needs the percentage off"),
            (
                monthly(),
                {"ramp_discount_percent": "30"},
                ("deal", "77", "ramp_discount_percent", "30"),
                "needs the number of months",
            ),
            (
                monthly(),
                {"ramp_discount_percent": "30", "ramp_schedule": "1: free"},
                ("deal", "77", "ramp_discount_percent", "30"),
                "stands beside a ramp that is written out",
            ),
            (
                monthly(),
                {"ramp_months": "3", "ramp_discount_percent": "130"},
                ("deal", "77", "ramp_discount_percent", "130"),
                "130 is outside 0..100",
            ),
        ],
    )
    def test_that_cannot_be_are_told_by_record_field_and_value(
        self, line: Line, deal: dict[str, str], found: tuple[str, str, str, str], fault: str
    ) -> None:
        result = a_year_of(line, **deal)

        assert problems(result) == [found]
        assert fault in result.problems[0].message

    def test_of_a_deal_with_several_line_items_state_no_prices(self) -> None:
        result = a_year_of(monthly(), monthly(), ramp_schedule="1-3: 5.00")

        assert problems(result) == [("deal", "77", "ramp_schedule", "1-3: 5.00")]
        assert "2 line items recur: write it on each of them" in result.problems[0].message


class TestPromotions:
    def test_are_a_percentage_off_for_the_first_days(self) -> None:
        contract = terms(a_year_of(monthly(), promo_percent="15", promo_days="61"))

        # April and May have 61 days.
        assert billed(contract) == [10625] * 2 + [12500] * 10
        assert origin(contract.charges[0].sources["discounts"]) == ("77", "promo_percent", "15", "decimal")

    def test_of_a_line_item_are_its_own(self) -> None:
        contract = terms(a_year_of(monthly(promo_percent="50", promo_days="30"), monthly()))

        assert [len(charge.discounts) for charge in contract.charges] == [1, 0]

    def test_need_both_halves(self) -> None:
        assert problems(a_year_of(monthly(), promo_percent="15")) == [("deal", "77", "promo_percent", "15")]
        assert problems(a_year_of(monthly(), promo_days="90")) == [("deal", "77", "promo_days", "90")]


class TestPriceTiers:
    @pytest.mark.parametrize(
        ("model", "text", "kind", "month"),
        [
            ("Graduated", "1-4: 20.00; 5+: 10.00", GraduatedPrice, 4 * 2000 + 6 * 1000),
            ("Volume", "1-4: 20.00; 5+: 10.00", VolumePrice, 10 * 1000),
            ("Stairstep", "1-4: 20.00; 5-10: 70.00", StairstepPrice, 7000),
            ("Package", "4: 25.00", PackagePrice, 3 * 2500),
        ],
    )
    def test_are_the_price_of_a_line_item_in_place_of_its_own(
        self, model: str, text: str, kind: type[object], month: int
    ) -> None:
        contract = terms(a_year_of(monthly(price_tiers=text, tier_model=model)))
        [charge] = contract.charges

        assert isinstance(charge.price, kind)
        assert (charge.unit_price, billed(contract)[0]) == (None, month)
        assert origin(charge.sources["price"]) == ("1", "price_tiers", text, "price_tiers")
        assert "unit_price" not in charge.sources

    def test_leave_a_line_item_without_need_of_another_price(self) -> None:
        line = monthly(price_tiers="1+: 20.00", tier_model="Volume", price=None)

        assert terms(a_year_of(line)).charges[0].price is not None

    def test_that_cannot_be_read_are_told_once(self) -> None:
        result = a_year_of(monthly(price_tiers="1-50: 20.00; 61+: 15", tier_model="Volume"))

        assert problems(result) == [("line_item", "1", "price_tiers", "1-50: 20.00; 61+: 15")]
        assert "has a tier from 61 after one to 50: it must begin at 51" in result.problems[0].message

    def test_that_end_before_the_quantity_are_told(self) -> None:
        result = a_year_of(monthly(price_tiers="1-9: 20.00", tier_model="Volume"))

        assert "end at 9, but the quantity is 10: add a tier from 10 on" in result.problems[0].message

    def test_need_a_model_and_a_model_needs_tiers(self) -> None:
        assert problems(a_year_of(monthly(price_tiers="1+: 5"))) == [
            ("line_item", "1", "price_tiers", "1+: 5")
        ]
        assert problems(a_year_of(monthly(tier_model="Volume"))) == [
            ("line_item", "1", "tier_model", "Volume")
        ]


class TestUsage:
    def test_takes_the_place_of_the_quantity_and_is_billed_in_arrears(self) -> None:
        line = monthly(usage_metric="api_calls", usage_aggregation="Maximum", quantity=None)
        [charge] = terms(a_year_of(line, billing_timing="In advance")).charges

        assert charge.metric is not None
        assert (charge.metric.metric, charge.metric.aggregation) == ("api_calls", Aggregation.MAX)
        assert charge.billed_after_service
        assert charge.sources["metric"].field == "usage_metric"
        assert "quantity" not in charge.sources

    def test_of_a_one_time_line_item_is_told_by_its_field(self) -> None:
        assert problems(mapped(seats(usage_metric="api_calls"))) == [
            ("line_item", "1", "usage_metric", "api_calls")
        ]

    def test_may_have_a_minimum(self) -> None:
        [charge] = terms(a_year_of(monthly(usage_metric="api_calls", minimum_commitment="99.50"))).charges

        assert (charge.minimum, charge.sources["minimum"].field) == (Decimal("99.50"), "minimum_commitment")


class TestTax:
    def test_of_the_deal_is_of_the_whole_contract(self) -> None:
        contract = terms(a_year_of(monthly(), tax_rates="GST 5%; QST 9.975%"))

        assert contract.tax is not None
        assert [(rate.name, rate.percent) for rate in contract.tax.rates] == [
            ("GST", Decimal(5)),
            ("QST", Decimal("9.975")),
        ]
        assert contract.tax.treatment is TaxTreatment.EXCLUSIVE
        assert build_schedule(contract).invoices[0].payable.minor == 12500 + 625 + 1247
        assert origin(contract.sources["tax"]) == ("77", "tax_rates", "GST 5%; QST 9.975%", "tax_rates")

    def test_may_be_the_customers_or_nobodys(self) -> None:
        reverse = terms(a_year_of(monthly(), tax_treatment="Reverse charge", tax_rates="VAT 19%"))
        exempt = terms(a_year_of(monthly(), tax_treatment="Exempt", tax_exemption_reason="Art. 151"))

        assert build_schedule(reverse).invoices[0].payable.minor == 12500
        assert reverse.tax is not None
        assert reverse.tax.treatment is TaxTreatment.REVERSE_CHARGE
        assert exempt.tax is not None
        assert (exempt.tax.treatment, exempt.tax.reason) == (TaxTreatment.EXEMPT, "Art. 151")
        assert exempt.sources["tax"].field == "tax_treatment"

    def test_that_contradicts_itself_is_told_by_its_field(self) -> None:
        result = a_year_of(monthly(), tax_treatment="Exempt", tax_rates="VAT 19%")

        assert problems(result) == [("deal", "77", "tax_rates", "VAT 19%")]
        assert "an exempt line has none" in result.problems[0].message


class TestTheEndOfTheTerm:
    def test_may_be_no_end(self) -> None:
        contract = terms(mapped(monthly(), contract_start_date="2026-04-01", contract_renewal="Evergreen"))

        assert (contract.evergreen, contract.term_months, len(billed(contract))) == (True, None, 24)
        assert contract.sources["evergreen"].field == "contract_renewal"

    def test_may_be_a_renewal_at_a_higher_price(self) -> None:
        contract = terms(
            a_year_of(monthly(), contract_renewal="Renews automatically", renewal_uplift_percent="4")
        )

        assert billed(contract) == [12500] * 12 + [13000] * 12
        assert contract.sources["renewal"].field == "contract_renewal"

    def test_may_renew_for_another_time_than_the_first_term(self) -> None:
        deal = a_year_of(monthly(), contract_renewal="Renews automatically", renewal_term_months="6")
        renewal = terms(deal).renewal

        assert renewal is not None
        assert renewal.term_months == 6

    def test_cannot_be_evergreen_with_a_term(self) -> None:
        result = a_year_of(monthly(), contract_renewal="Evergreen")

        assert problems(result) == [("deal", "77", "contract_renewal", "Evergreen")]

    def test_cannot_be_a_renewal_of_nothing(self) -> None:
        result = mapped(monthly(), contract_renewal="Renews automatically")

        assert problems(result) == [("deal", "77", "contract_renewal", "Renews automatically")]
        assert "needs the term in months that it renews" in result.problems[0].message

    def test_is_nothing_to_a_deal_in_which_nothing_recurs(self) -> None:
        contract = terms(mapped(seats(), contract_renewal="Evergreen", billing_anchor="Calendar"))

        assert (contract.evergreen, contract.sources.get("anchor")) == (False, None)


class TestTiming:
    def test_periods_may_follow_the_calendar_or_a_day(self) -> None:
        calendar = terms(a_year_of(monthly(), billing_anchor="Calendar"))
        fifteenth = terms(a_year_of(monthly(), billing_anchor="15th of the month"))

        assert calendar.anchor.kind is AnchorKind.CALENDAR
        assert (fifteenth.anchor.day, fifteenth.sources["anchor"].field) == (15, "billing_anchor")

    def test_invoices_may_be_due_after_the_end_of_the_month(self) -> None:
        contract = terms(a_year_of(monthly(), payment_terms="EOM+15"))

        assert contract.payment_terms.due_date(date(2026, 4, 1)) == date(2026, 5, 15)
        assert contract.sources["payment_terms"].value == "EOM+15"


class TestAmendments:
    def test_hold_from_the_day_that_the_crm_names(self) -> None:
        assert a_year_of(monthly(), amendment_effective_date="2026-07-15").amendment_effective == date(
            2026, 7, 15
        )
        assert a_year_of(monthly()).amendment_effective is None

    def test_are_no_part_of_the_terms(self) -> None:
        amended = a_year_of(monthly(), amendment_effective_date="2026-07-15")

        assert terms(amended).terms_hash == terms(a_year_of(monthly())).terms_hash

    def test_on_a_day_that_cannot_be_read_are_told(self) -> None:
        assert problems(a_year_of(monthly(), amendment_effective_date="mid July")) == [
            ("deal", "77", "amendment_effective_date", "mid July")
        ]


def test_an_explanation_names_the_fields_of_every_term_that_made_the_line() -> None:
    line = monthly(
        price_tiers="1-4: 20.00; 5+: 10.00", tier_model="Graduated", ramp_schedule="1-2: 50%", promo_days="30"
    )
    contract = terms(a_year_of({**line, "promo_percent": "15"}, tax_rates="GST 5%; QST 9.975%"))
    inputs = build_schedule(contract).invoices[0].lines[0].basis.explain().inputs
    origins = {each.name: each.source.field for each in inputs if each.source is not None}

    assert {
        "price": "price_tiers",
        "discount_percent": "ramp_schedule",
        "discounts": "promo_percent",
    }.items() <= (origins.items())
    assert (origins["tax"], [each.value for each in inputs if each.name == "tax"]) == (
        "tax_rates",
        ["GST 5 %, QST 9.975 %"],
    )
