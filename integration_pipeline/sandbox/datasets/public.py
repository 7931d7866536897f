"""The public "CRM Sales Opportunities" set (Maven Analytics, public domain) as CRM objects, dirt unchanged.

Belongs here: which column becomes which property. Values stay the file's own text: `GTXPro` is not made
`GTX Pro`, US-style dates stay in `legacy_close_date`, and HubSpot's `closedate` stays empty.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from integration_pipeline.sandbox.datasets.model import CrmObject, DataSet, Link, Owner
from integration_pipeline.sandbox.datasets.schema import PUBLIC_PROPERTIES

STAGES = {
    "Won": "closedwon",
    "Lost": "closedlost",
    "Engaging": "presentationscheduled",
    "Prospecting": "appointmentscheduled",
}
COLUMNS = {
    "accounts.csv": (
        "account",
        "sector",
        "year_established",
        "revenue",
        "employees",
        "office_location",
        "subsidiary_of",
    ),
    "products.csv": ("product", "series", "sales_price"),
    "sales_teams.csv": ("sales_agent",),
    "sales_pipeline.csv": (
        "opportunity_id",
        "sales_agent",
        "product",
        "account",
        "deal_stage",
        "engage_date",
        "close_date",
        "close_value",
    ),
}

Row = dict[str, str]


class PublicDataError(ValueError):
    """The folder does not hold the public data set; the message names the file and the column or row."""


def read_public(folder: Path) -> DataSet:
    """8,800 opportunities with 85 companies, 7 products and 35 sales agents, from the CSV files in `folder`.

    Every deal has one line item: its product as spelled in the pipeline, quantity 1, priced at `close_value`.
    Raises PublicDataError when a file, a column or a row is not that data set's.
    """
    accounts = list(_rows(folder, "accounts.csv"))
    products = list(_rows(folder, "products.csv"))
    agents = [row["sales_agent"] for row in _rows(folder, "sales_teams.csv")]
    opportunities = list(_rows(folder, "sales_pipeline.csv"))
    _check_references(folder, opportunities, accounts, agents)
    return DataSet(
        name="public-crm-sales-opportunities",
        properties=PUBLIC_PROPERTIES,
        owners=tuple(_owner(agent) for agent in agents),
        objects=(
            *(_product(row) for row in products),
            *(_company(row) for row in accounts),
            *(_line_item(row) for row in opportunities),
            *(_deal(row) for row in opportunities),
        ),
        customers={_company_key(row["account"]): row["account"] for row in accounts},
    )


def _rows(folder: Path, file: str) -> Iterator[Row]:
    path = folder / file
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, restval="")
            found = reader.fieldnames or ()
            for column in COLUMNS[file]:
                if column not in found:
                    raise PublicDataError(
                        f"{path}: column {column!r} is missing (found: {', '.join(found) or 'nothing'}); "
                        "point to the folder with the unchanged CSV files"
                    )
            yield from reader
    except FileNotFoundError:
        raise PublicDataError(
            f"{path}: file is missing; point to the folder with the unchanged CSV files"
        ) from None
    except UnicodeDecodeError as error:
        raise PublicDataError(
            f"{path}: not UTF-8 text ({error.reason}); use the unchanged CSV file"
        ) from None


def _check_references(folder: Path, opportunities: list[Row], accounts: list[Row], agents: list[str]) -> None:
    """Every opportunity names a stage, an agent and, if any, an account of the other files."""
    known = {
        "deal_stage": set(STAGES),
        "sales_agent": set(agents),
        "account": {"", *(row["account"] for row in accounts)},
    }
    for row in opportunities:
        for column, allowed in known.items():
            if row[column] not in allowed:
                raise PublicDataError(
                    f"{folder / 'sales_pipeline.csv'}: opportunity {row['opportunity_id']}: "
                    f"{column} {row[column]!r} is unknown; use the unchanged CSV files"
                )


def _owner(agent: str) -> Owner:
    first, _, last = agent.partition(" ")
    return Owner(agent, f"{agent.lower().replace(' ', '.')}@sales.example", first, last)


def _product(row: Row) -> CrmObject:
    name = row["product"]
    return CrmObject(
        "products",
        f"product-{_sku(name)}",
        {"name": name, "hs_sku": _sku(name), "price": row["sales_price"], "series": row["series"]},
    )


def _sku(product: str) -> str:
    """A stock-keeping unit out of a name as written: the pipeline's GTXPro gets another than GTX Pro."""
    return product.upper().replace(" ", "-")


def _company_key(account: str) -> str:
    return f"company-{_slug(account)}"


def _slug(account: str) -> str:
    return "".join(letter for letter in account.lower() if letter.isalnum() or letter == "-")


def _company(row: Row) -> CrmObject:
    properties = {
        "name": row["account"],
        "domain": f"{_slug(row['account'])}.example",
        "legacy_sector": row["sector"],
        "legacy_year_established": row["year_established"],
        "legacy_revenue": row["revenue"],
        "legacy_employees": row["employees"],
        "legacy_office_location": row["office_location"],
        "legacy_subsidiary_of": row["subsidiary_of"],
    }
    return CrmObject("companies", _company_key(row["account"]), _filled(properties))


def _line_item(row: Row) -> CrmObject:
    properties = {
        "name": row["product"],
        "hs_sku": _sku(row["product"]),
        "quantity": "1",
        "price": row["close_value"],
    }
    return CrmObject("line_items", f"line-{row['opportunity_id']}", _filled(properties))


def _deal(row: Row) -> CrmObject:
    opportunity, account = row["opportunity_id"], row["account"]
    properties = {
        "dealname": " ".join(filter(None, (opportunity, row["product"], account))),
        "pipeline": "default",
        "dealstage": STAGES[row["deal_stage"]],
        "amount": row["close_value"],
        "deal_currency_code": "USD",
        "opportunity_id": opportunity,
        "legacy_close_date": row["close_date"],
        "legacy_engage_date": row["engage_date"],
        "legacy_product": row["product"],
        "sales_agent": row["sales_agent"],
    }
    companies = (Link("companies", _company_key(account)),) if account else ()
    return CrmObject(
        "deals",
        f"deal-{opportunity}",
        _filled(properties),
        associations=(*companies, Link("line_items", f"line-{opportunity}")),
        references={"hubspot_owner_id": Link("owners", row["sales_agent"])},
    )


def _filled(properties: Row) -> Row:
    """Without the empty ones: a CRM has no empty values, only absent ones."""
    return {name: value for name, value in properties.items() if value}
