"""Tax: its terms, which of them apply to a line, and what they come to on a document.

Belongs here: rates, treatments, regions, rounding of tax, and the targets' ways of rounding it. Does not
belong here: tax codes of a vendor (the targets'), where a customer is established (mapping), the other totals
of a document (`totals`).
"""

from __future__ import annotations

from integration_pipeline.billing.tax.choice import NO_TAX, RegionRule, tax_for
from integration_pipeline.billing.tax.computation import compute_taxes
from integration_pipeline.billing.tax.prices import without_included_tax
from integration_pipeline.billing.tax.results import TaxableLine, TaxedDocument, TaxedLine, TaxGroup
from integration_pipeline.billing.tax.targets import with_target_rounding
from integration_pipeline.billing.tax.terms import TaxRate, TaxTerms, TaxTreatment

__all__ = [
    "NO_TAX",
    "RegionRule",
    "TaxGroup",
    "TaxRate",
    "TaxTerms",
    "TaxTreatment",
    "TaxableLine",
    "TaxedDocument",
    "TaxedLine",
    "compute_taxes",
    "tax_for",
    "with_target_rounding",
    "without_included_tax",
]
