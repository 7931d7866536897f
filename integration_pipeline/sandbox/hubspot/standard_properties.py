"""The properties a HubSpot account has before anybody adds one, as far as the sandbox serves them.

Custom properties do not belong here: clients create them through the API, as in HubSpot.
"""

from __future__ import annotations

from integration_pipeline.sandbox.hubspot.object_types import (
    COMPANIES,
    CONTACTS,
    DEALS,
    LINE_ITEMS,
    PRODUCTS,
    ObjectType,
)
from integration_pipeline.sandbox.hubspot.pipelines import PIPELINE_ID, PIPELINE_LABEL, STAGES
from integration_pipeline.sandbox.hubspot.property_definitions import Option, PropertyDefinition, PropertyType

_CREATED_MS = 1_704_067_200_000

# An account offers the currencies its administrators switched on; this one has most that invoices use,
# among them some without decimals (JPY, KRW) and with three (KWD, BHD).
_CURRENCIES = (
    "AED AUD BHD BRL CAD CHF CLP CNY COP CZK DKK EUR GBP HKD HUF IDR ILS INR JPY KRW KWD "
    "MXN MYR NOK NZD PHP PLN RON SAR SEK SGD THB TRY TWD USD VND ZAR"
)
CURRENCY_OPTIONS = tuple(Option(code, code) for code in _CURRENCIES.split())

_BILLING_FREQUENCIES = (
    Option("weekly", "Weekly"),
    Option("biweekly", "Every two weeks"),
    Option("monthly", "Monthly"),
    Option("quarterly", "Quarterly"),
    Option("per_six_months", "Semi-annually"),
    Option("annually", "Annually"),
    Option("per_two_years", "Every two years"),
    Option("per_three_years", "Every three years"),
    Option("per_four_years", "Every four years"),
    Option("per_five_years", "Every five years"),
)

_FIELD_TYPES: dict[PropertyType, str] = {
    "string": "text",
    "number": "number",
    "date": "date",
    "datetime": "date",
    "enumeration": "select",
    "bool": "booleancheckbox",
}


class _Properties:
    """Builds the definitions of one object type."""

    def __init__(self, kind: ObjectType) -> None:
        self._kind = kind

    def open(
        self,
        name: str,
        label: str,
        kind: PropertyType = "string",
        *,
        options: tuple[Option, ...] = (),
        field_type: str | None = None,
        unique: bool = False,
        create_only: bool = False,
        external_options: bool = False,
    ) -> PropertyDefinition:
        """A property clients write."""
        return PropertyDefinition(
            name=name,
            label=label,
            type=kind,
            field_type=field_type or _FIELD_TYPES[kind],
            group=self._kind.group,
            options=options,
            unique=unique,
            create_only=create_only,
            external_options=external_options,
            hubspot_defined=True,
            form_field=not create_only,
            created_ms=_CREATED_MS,
            updated_ms=_CREATED_MS,
        )

    def calculated(
        self, name: str, label: str, kind: PropertyType = "string", field_type: str | None = None
    ) -> PropertyDefinition:
        """A property only the sandbox writes."""
        return PropertyDefinition(
            name=name,
            label=label,
            type=kind,
            field_type=field_type or _FIELD_TYPES[kind],
            group=self._kind.group,
            calculated=True,
            hubspot_defined=True,
            created_ms=_CREATED_MS,
            updated_ms=_CREATED_MS,
        )

    def common(self) -> tuple[PropertyDefinition, ...]:
        """What every object type has."""
        return (
            self.calculated("hs_object_id", "Record ID", "number"),
            self.open("createdate", "Create Date", "datetime", create_only=True),
            self.calculated(self._kind.modified, "Last Modified Date", "datetime"),
            self.open("hubspot_owner_id", "Owner", "enumeration", external_options=True),
            self.calculated("hs_merged_object_ids", "Merged Record IDs"),
        )


def _deals() -> tuple[PropertyDefinition, ...]:
    make = _Properties(DEALS)
    return (
        *make.common(),
        make.open("dealname", "Deal Name"),
        make.open("amount", "Amount", "number"),
        make.open(
            "dealstage",
            "Deal Stage",
            "enumeration",
            options=tuple(Option(stage.id, stage.label) for stage in STAGES),
            field_type="radio",
        ),
        make.open("pipeline", "Pipeline", "enumeration", options=(Option(PIPELINE_ID, PIPELINE_LABEL),)),
        make.open("closedate", "Close Date", "datetime"),
        make.open("deal_currency_code", "Currency", "enumeration", options=CURRENCY_OPTIONS),
        make.open(
            "dealtype",
            "Deal Type",
            "enumeration",
            options=(Option("newbusiness", "New Business"), Option("existingbusiness", "Existing Business")),
            field_type="radio",
        ),
        make.open("description", "Deal Description", field_type="textarea"),
        make.calculated("hs_is_closed", "Is Deal Closed?", "bool", "calculation_read_time"),
        make.calculated("hs_is_closed_won", "Is Closed Won", "bool", "calculation_read_time"),
        make.calculated("hs_deal_stage_probability", "Deal probability", "number"),
    )


def _companies() -> tuple[PropertyDefinition, ...]:
    make = _Properties(COMPANIES)
    return (
        *make.common(),
        make.open("name", "Company name"),
        make.open("domain", "Company Domain Name"),
        make.open("country", "Country/Region"),
        make.open("state", "State/Region"),
        make.open("city", "City"),
        make.open("zip", "Postal Code"),
        make.open("address", "Street Address"),
        make.open("phone", "Phone Number", field_type="phonenumber"),
        make.open("industry", "Industry"),
        make.open("numberofemployees", "Number of Employees", "number"),
        make.open("annualrevenue", "Annual Revenue", "number"),
        make.open("description", "Description", field_type="textarea"),
    )


def _contacts() -> tuple[PropertyDefinition, ...]:
    make = _Properties(CONTACTS)
    return (
        *make.common(),
        make.open("email", "Email", unique=True),
        make.open("firstname", "First Name"),
        make.open("lastname", "Last Name"),
        make.open("jobtitle", "Job Title"),
        make.open("company", "Company Name"),
        make.open("phone", "Phone Number", field_type="phonenumber"),
    )


def _line_items() -> tuple[PropertyDefinition, ...]:
    make = _Properties(LINE_ITEMS)
    return (
        *make.common(),
        make.open("name", "Name"),
        make.open("description", "Description", field_type="textarea"),
        make.open("quantity", "Quantity", "number"),
        make.open("price", "Unit price", "number"),
        make.open("discount", "Unit discount", "number"),
        make.open("hs_discount_percentage", "Discount Percentage", "number"),
        make.calculated("amount", "Net price", "number", "calculation_equation"),
        make.open("hs_sku", "SKU"),
        make.open("hs_product_id", "Product ID", "number"),
        make.open(
            "recurringbillingfrequency", "Billing frequency", "enumeration", options=_BILLING_FREQUENCIES
        ),
        make.open("hs_recurring_billing_period", "Term"),
        make.open("hs_recurring_billing_start_date", "Billing start date", "date"),
        make.open("hs_line_item_currency_code", "Currency", "enumeration", options=CURRENCY_OPTIONS),
        make.open("hs_position_on_quote", "Position on quote", "number"),
    )


def _products() -> tuple[PropertyDefinition, ...]:
    make = _Properties(PRODUCTS)
    return (
        *make.common(),
        make.open("name", "Name"),
        make.open("description", "Product description", field_type="textarea"),
        make.open("price", "Unit price", "number"),
        make.open("hs_sku", "SKU"),
        make.open(
            "recurringbillingfrequency", "Billing frequency", "enumeration", options=_BILLING_FREQUENCIES
        ),
    )


STANDARD_PROPERTIES: dict[str, tuple[PropertyDefinition, ...]] = {
    DEALS.name: _deals(),
    COMPANIES.name: _companies(),
    CONTACTS.name: _contacts(),
    LINE_ITEMS.name: _line_items(),
    PRODUCTS.name: _products(),
}
