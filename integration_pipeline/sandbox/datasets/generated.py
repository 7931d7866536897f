"""An invented company's CRM: about 1,200 deals with contracts worth billing, and real dirt.

The same arguments give the same data, byte for byte, on every supported Python: one `random.Random`, no
clock, no iteration over sets. The parts are made in `generation`.
"""

from __future__ import annotations

from random import Random

from integration_pipeline.sandbox.datasets.generation import (
    catalogue,
    changes,
    contracts,
    customers,
    dirt,
    special_terms,
)
from integration_pipeline.sandbox.datasets.model import DataSet
from integration_pipeline.sandbox.datasets.schema import GENERATED_PROPERTIES


def generate(seed: int = 20260101, deals: int = 1200) -> DataSet:
    """Deals closing from January 2025 to June 2026, 45 % won, with all they link to.

    About a fifth of the won deals ramp up, and a tenth have price tiers. About 7 % are dirty beyond billing
    (`dirt.BLOCKING`). Raises ValueError when `deals` is too small (below about 250) for every kind of dirt.
    """
    rng = Random(seed)  # noqa: S311 - reproducible demo data, nothing secret
    owners = contracts.hire_owners()
    companies = customers.record_companies(rng, customers.invent_customers(rng))
    companies, contacts = customers.hire_contacts(rng, companies)
    drafts = contracts.sign_deals(rng, deals - dirt.DUPLICATE_DEALS, companies, owners)
    special_terms.agree(rng, drafts)
    kinds = dirt.plant(rng, drafts)
    later_changes = changes.change_later(rng, drafts, kinds)
    dirt.observe(drafts, kinds)
    return DataSet(
        name=f"generated-{seed}-{deals}",
        properties=GENERATED_PROPERTIES,
        owners=owners,
        objects=(
            *catalogue.product_objects(),
            *customers.company_objects(companies),
            *contacts,
            *(line for deal in drafts for line in deal.freeze_lines()),
            *(deal.freeze() for deal in drafts),
        ),
        later_changes=later_changes,
        dirt={kind.value: tuple(kinds[kind]) for kind in dirt.DirtKind},
        customers={company.key: company.customer.key for company in companies},
    )
