"""The CRM object types the sandbox serves, with the names and defaults HubSpot gives them.

Their properties are in `standard_properties`, the links between them in `association_types`.
"""

from __future__ import annotations

from dataclasses import dataclass

from integration_pipeline.sandbox.hubspot.errors import unknown_object_type


@dataclass(frozen=True, slots=True)
class ObjectType:
    """`name` is the plural of the paths, `type_id` HubSpot's `0-3`, `embedded_key` the key under
    `associations` in a record (line items have a space there). `modified` names the property with the last
    modification time, which contacts spell differently. `defaults` are returned when no property is asked
    for; `searched` are the properties a search's free `query` looks into."""

    name: str
    singular: str
    type_id: str
    embedded_key: str
    group: str
    modified: str
    defaults: tuple[str, ...]
    searched: tuple[str, ...]

    @property
    def always(self) -> tuple[str, str, str]:
        """Returned whatever properties are asked for."""
        return ("hs_object_id", "createdate", self.modified)


_MODIFIED = "hs_lastmodifieddate"

DEALS = ObjectType(
    name="deals",
    singular="deal",
    type_id="0-3",
    embedded_key="deals",
    group="dealinformation",
    modified=_MODIFIED,
    defaults=("dealname", "amount", "closedate", "pipeline", "dealstage"),
    searched=("dealname", "description"),
)
COMPANIES = ObjectType(
    name="companies",
    singular="company",
    type_id="0-2",
    embedded_key="companies",
    group="companyinformation",
    modified=_MODIFIED,
    defaults=("name", "domain"),
    searched=("name", "domain", "phone"),
)
CONTACTS = ObjectType(
    name="contacts",
    singular="contact",
    type_id="0-1",
    embedded_key="contacts",
    group="contactinformation",
    modified="lastmodifieddate",
    defaults=("firstname", "lastname", "email"),
    searched=("firstname", "lastname", "email", "phone"),
)
LINE_ITEMS = ObjectType(
    name="line_items",
    singular="line_item",
    type_id="0-8",
    embedded_key="line items",
    group="lineiteminformation",
    modified=_MODIFIED,
    defaults=("amount", "quantity", "hs_product_id"),
    searched=("name",),
)
PRODUCTS = ObjectType(
    name="products",
    singular="product",
    type_id="0-7",
    embedded_key="products",
    group="productinformation",
    modified=_MODIFIED,
    defaults=("name", "price", "description"),
    searched=("name", "hs_sku"),
)

OBJECT_TYPES = (DEALS, COMPANIES, CONTACTS, LINE_ITEMS, PRODUCTS)

_BY_ALIAS = {alias: kind for kind in OBJECT_TYPES for alias in (kind.name, kind.singular, kind.type_id)}


def object_type(alias: str) -> ObjectType:
    """`deals`, `deal`, `DEAL` or `0-3`; HubSpot's 400 for anything else."""
    try:
        return _BY_ALIAS[alias.lower()]
    except KeyError:
        raise unknown_object_type(alias) from None
