from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.invoices import RevenueTreatment
from integration_pipeline.billing.money import Money
from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import Frequency, Timing
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.mapping.apply import DealState, map_deal, read_fields
from integration_pipeline.mapping.document import Mapping
from integration_pipeline_tests.mapping.deals import (
    WON,
    ZONES,
    demo,
    mapped,
    problems,
    public,
    record,
    seats,
    terms,
)


class TestADealWithLineItems:
    def test_becomes_a_contract_with_a_charge_for_each(self) -> None:
        contract = terms(
            mapped(
                seats(recurringbillingfrequency="monthly", hs_sku="SEAT"),
                {"name": "Setup", "quantity": "1", "price": "500"},
                contract_term_months="12",
                contract_start_date="2026-04-01",
                payment_terms="Net 45",
                po_number="PO-9",
                billing_entity="eu",
                deal_currency_code="EUR",
                billing_timing="In arrears",
            )
        )

        assert (contract.contract_id, contract.customer, contract.entity) == ("hubspot:77", "5", "eu")
        assert (contract.currency, contract.start, contract.term_months) == ("EUR", date(2026, 4, 1), 12)
        assert (contract.payment_terms.net_days, contract.purchase_order) == (45, "PO-9")
        one, other = contract.charges
        assert (one.charge_id, one.frequency, one.timing) == ("line-1", Frequency.MONTHLY, Timing.ARREARS)
        assert (one.quantity, one.unit_price, one.product_code) == (Decimal(10), Decimal("12.50"), "SEAT")
        assert (other.frequency, other.unit_price) == (Frequency.ONE_TIME, Decimal(500))

    def test_has_its_charges_in_the_order_of_the_line_items_ids(self) -> None:
        items = [record(ObjectType.LINE_ITEM, each, seats(name=each)) for each in ("100", "9", "20")]
        deal = map_deal(demo(), record(ObjectType.DEAL, "77", WON), items, "5", ZONES.get)

        assert [charge.description for charge in terms(deal).charges] == ["9", "20", "100"]

    def test_needs_no_term_when_nothing_recurs(self) -> None:
        assert terms(mapped(seats(), contract_term_months="12")).term_months is None

    def test_is_worth_its_line_items_less_discount_where_the_crm_has_no_amount(self) -> None:
        deal = mapped(seats(hs_discount_percentage="20"), seats(price="1"), amount=None)

        assert deal.amount == Money(10 * 1000 + 1000, "USD")

    def test_is_worth_what_the_crm_says_where_it_does(self) -> None:
        assert mapped(seats(), amount="7").amount == Money(700, "USD")

    @pytest.mark.parametrize("name", ["quantity", "price"])
    def test_needs_a_quantity_and_a_price_on_each(self, name: str) -> None:
        deal = mapped(seats(**{name: None}))
        term = {"quantity": "quantity", "price": "unit_price"}[name]

        assert problems(deal) == [("line_item", "1", term, None)]
        assert "give the line item a quantity and a price" in deal.problems[0].message

    def test_reports_an_unreadable_quantity_once(self) -> None:
        assert problems(mapped(seats(quantity="ten"))) == [("line_item", "1", "quantity", "ten")]

    def test_reports_every_fault_of_every_record_at_once(self) -> None:
        deal = mapped(seats(quantity="0", price="-1"), seats(name="#REF!"), payment_terms="soon")

        assert problems(deal) == [
            ("deal", "77", "payment_terms", "soon"),
            ("line_item", "1", "quantity", "0"),
            ("line_item", "1", "price", "-1"),
            ("line_item", "2", "name", "#REF!"),
        ]


class TestADealWithoutLineItems:
    def test_is_one_charge_over_its_amount(self) -> None:
        [charge] = terms(mapped()).charges

        assert (charge.description, charge.unit_price, charge.quantity) == (
            "Acme licences",
            Decimal("1200.00"),
            Decimal(1),
        )
        assert charge.frequency is Frequency.ONE_TIME

    def test_takes_its_amount_from_text_where_it_has_no_other(self) -> None:
        deal = mapped(amount=None, contract_value_text="USD 12,500.00")

        assert deal.amount == Money(1_250_000, "USD")
        assert terms(deal).charges[0].unit_price == Decimal("12500.00")

    def test_does_not_take_an_amount_in_another_currency(self) -> None:
        deal = mapped(amount=None, contract_value_text="EUR 12.500,00")

        assert problems(deal) == [("deal", "77", "contract_value_text", "EUR 12.500,00")]
        assert "is in another currency than the deal: EUR" in deal.problems[0].message

    @pytest.mark.parametrize(
        ("currency", "amount", "good"),
        [
            *(("JPY", "1200", True), ("JPY", "1200.00", True), ("JPY", "1200.50", False)),
            *(("KWD", "1.234", True), ("KWD", "1.2345", False)),
            *(("USD", "0.01", True), ("USD", "0.001", False)),
        ],
    )
    def test_has_no_more_decimals_than_its_currency(self, currency: str, amount: str, good: bool) -> None:
        deal = mapped(deal_currency_code=currency, amount=amount)

        assert [each.field for each in deal.problems] == ([] if good else ["amount"])
        assert all(f"has more decimals than {currency} has" in each.message for each in deal.problems)

    def test_and_without_an_amount_has_nothing_to_charge(self) -> None:
        deal = mapped(amount=None)

        assert (deal.charge_count, deal.amount, deal.terms, deal.problems) == (0, None, None, ())

    @pytest.mark.parametrize("amount", ["999999999999999999", "99999999999999999"])
    def test_over_more_than_can_be_stored_is_a_problem(self, amount: str) -> None:
        deal = mapped(amount=amount)

        assert problems(deal) == [("deal", "77", "amount", amount)]
        assert "comes to more than 10,000,000,000,000,000.00 USD" in deal.problems[0].message


class TestState:
    @pytest.mark.parametrize(
        ("stage", "state"),
        [
            ("closedwon", DealState.WON),
            ("closedlost", DealState.LOST),
            ("contractsent", DealState.OPEN),
            (None, DealState.OPEN),
        ],
    )
    def test_follows_the_stage(self, stage: str | None, state: DealState) -> None:
        assert mapped(dealstage=stage).state is state

    def test_of_an_archived_deal_is_archived_whatever_its_stage(self) -> None:
        deal = map_deal(demo(), record(ObjectType.DEAL, "77", WON, archived=True), [], "5", ZONES.get)

        assert (deal.state, deal.terms) == (DealState.ARCHIVED, None)

    def test_without_a_customer_leaves_no_terms(self) -> None:
        deal = mapped(customer=None)

        assert (deal.state, deal.terms, deal.problems) == (DealState.WON, None, ())


class TestDates:
    @pytest.mark.parametrize(
        ("entity", "day"), [("us", date(2026, 3, 31)), ("eu", date(2026, 4, 1)), ("jp", date(2026, 4, 1))]
    )
    def test_fall_on_the_civil_day_of_the_entity_that_bills(self, entity: str, day: date) -> None:
        deal = mapped(closedate="2026-03-31T22:30:00Z", billing_entity=entity)

        assert (deal.close_date, terms(deal).start) == (day, day)

    def test_of_the_contract_come_before_the_close_date(self) -> None:
        assert terms(mapped(contract_start_text="01.05.2026")).start == date(2026, 5, 1)
        assert terms(mapped(contract_start_text="01.05.2026", contract_start_date="2026-06-01")).start == (
            date(2026, 6, 1)
        )

    def test_that_cannot_be_read_do_not_fall_back_on_another_field(self) -> None:
        assert problems(mapped(contract_start_text="31/02/2025")) == [
            ("deal", "77", "contract_start_text", "31/02/2025")
        ]

    def test_of_a_start_that_no_field_gives_is_a_problem(self) -> None:
        no_start = demo().deal.model_copy(update={"start": demo().deal.start[:1]})
        mapping = demo().model_copy(update={"deal": no_start})
        deal = map_deal(mapping, record(ObjectType.DEAL, "77", WON), [], "5", ZONES.get)

        assert problems(deal) == [("deal", "77", "start", None)]


class TestCandidates:
    def test_are_tried_in_order_and_the_first_that_holds_anything_decides(self) -> None:
        assert mapped(contract_currency_text="eur").currency == "EUR"
        assert mapped(contract_currency_text="  ").currency == "USD"

    def test_that_hold_nonsense_decide_too(self) -> None:
        assert problems(mapped(contract_currency_text="XXZ")) == [
            ("deal", "77", "contract_currency_text", "XXZ")
        ]

    def test_of_the_rule_set_decide_when_no_field_does(self) -> None:
        contract = terms(mapped())

        assert (contract.entity, contract.payment_terms.net_days) == ("us", 30)

    def test_name_an_entity_that_exists(self) -> None:
        deal = mapped(billing_entity="mars")

        assert problems(deal) == [("deal", "77", "entity", "mars")]
        assert "is not an entity of the rule set" in deal.problems[0].message


class TestSources:
    def test_say_of_every_term_which_field_of_which_record_it_came_from(self) -> None:
        contract = terms(
            mapped(
                seats(recurringbillingfrequency="monthly"),
                contract_term_months="12",
                billing_timing="In advance",
                closedate="2026-03-10T12:00:00Z",
            )
        )

        start, months = contract.sources["start"], contract.sources["term_months"]
        assert (start.object_type, start.record_id, start.field) == ("deal", "77", "closedate")
        assert (start.value, start.transform) == ("2026-03-10T12:00:00Z", "date")
        assert (months.field, months.value, months.transform) == ("contract_term_months", "12", "integer")
        charge = contract.charges[0]
        assert {name: (source.record_id, source.field) for name, source in charge.sources.items()} == {
            "description": ("1", "name"),
            "frequency": ("1", "recurringbillingfrequency"),
            "quantity": ("1", "quantity"),
            "timing": ("77", "billing_timing"),
            "unit_price": ("1", "price"),
        }

    def test_are_not_claimed_for_what_the_mapping_itself_says(self) -> None:
        assert "payment_terms" not in terms(mapped()).sources

    def test_keep_the_beginning_of_a_very_long_value(self) -> None:
        contract = terms(mapped(seats(name="n" * 2_000)))

        assert contract.charges[0].sources["description"].value == "n" * 255


class TestHostileValues:
    @pytest.mark.parametrize(
        "text", ["'; DROP TABLE crm.deals; --", "{0} %s %n", "<script>alert(1)</script>", "../../etc/passwd"]
    )
    def test_are_text_like_any_other(self, text: str) -> None:
        deal = mapped(dealname=text, po_number=text)

        assert (deal.name, terms(deal).purchase_order, terms(deal).charges[0].description) == (text,) * 3

    def test_that_are_too_long_for_a_document_are_a_problem(self) -> None:
        [problem] = mapped(po_number="9" * 300).problems

        assert (problem.field, problem.value) == ("po_number", "9" * 255)

    def test_are_shown_shortened(self) -> None:
        [problem] = mapped(amount="x" * 60_000).problems

        assert problem.value == "x" * 255
        assert len(problem.message) < 200

    def test_of_astronomical_quantities_are_a_problem(self) -> None:
        deal = mapped(seats(quantity="9" * 18, price="9" * 18), amount=None)

        assert deal.amount is None
        assert deal.problems


def test_the_public_data_sets_mapping_reads_its_dates_products_and_countries() -> None:
    properties: dict[str, str | None] = {
        "dealname": "Cancity GTXPro",
        "dealstage": "closedwon",
        "legacy_close_date": "3/1/2017",
        "amount": "1054",
        "legacy_product": "GTXPro",
    }
    deal = map_deal(public(), record(ObjectType.DEAL, "1", properties), [], "5", ZONES.get)
    company = record(ObjectType.COMPANY, "7", {"name": "Rantouch", "legacy_office_location": "Philipines"})

    assert (terms(deal).start, deal.amount) == (date(2017, 3, 1), Money(105_400, "USD"))
    assert terms(deal).charges[0].description == "GTX Pro"
    assert read_fields(public().company, company)["country"] == "Philippines"


def test_a_field_of_a_company_that_cannot_be_read_counts_as_absent() -> None:
    fields = read_fields(demo().company, record(ObjectType.COMPANY, "7", {"name": " ", "domain": None}))

    assert fields == {"name": None, "domain": None, "tax_id": None, "billing_email": None, "country": None}


texts = (
    st.none()
    | st.sampled_from(
        [
            *("", "0", "-1", "1e9", "9" * 18, "1.5", "USD", "closedwon", "monthly", "2026-02-30", "12"),
            *("99999999999999", "1-3: 50%; 4-6: 5", "1-50: 20; 51+: 15", "Volume", "Sum", "Day 31", "EOM+15"),
            *("GST 5%; QST 9.975% on GST", "Exempt", "Reverse charge", "Evergreen", "Renews automatically"),
        ]
    )
    | st.text(max_size=30)
)


@given(
    mapping=st.sampled_from([demo(), public()]),
    deal=st.dictionaries(st.sampled_from(demo().properties(ObjectType.DEAL)), texts),
    lines=st.lists(
        st.dictionaries(st.sampled_from(demo().properties(ObjectType.LINE_ITEM)), texts), max_size=3
    ),
)
def test_no_strings_whatever_make_mapping_raise_and_what_it_makes_can_be_billed(
    mapping: Mapping, deal: dict[str, str | None], lines: list[dict[str, str | None]]
) -> None:
    items = [record(ObjectType.LINE_ITEM, str(n), line) for n, line in enumerate(lines)]
    result = map_deal(
        mapping, record(ObjectType.DEAL, "77", {"dealstage": "closedwon", **deal}), items, "5", ZONES.get
    )

    assert result.terms is None or not result.problems
    if result.terms is not None:
        invoices = build_schedule(result.terms, until=date(2030, 1, 1)).invoices
        assert all(line.revenue in tuple(RevenueTreatment) for invoice in invoices for line in invoice.lines)
