"""Contract terms: everything a billing schedule is made from, as one checked document.

Belongs here: the shape of terms, what makes terms impossible, the JSON schema, and where each term came
from. Does not belong here: how CRM fields become terms (mapping), or conventions of billing (`policies`).
"""

from __future__ import annotations

from integration_pipeline.billing.term_model import FieldSource, Sources
from integration_pipeline.billing.terms.charges import Charge, Milestone
from integration_pipeline.billing.terms.contract import ContractTerms
from integration_pipeline.billing.terms.load import load_terms, load_terms_yaml, terms_json_schema
from integration_pipeline.billing.terms.phases import Phase
from integration_pipeline.billing.terms.timing import (
    Anchor,
    AnchorKind,
    Every,
    Frequency,
    PaymentTerms,
    Renewal,
    Stub,
    Timing,
)

__all__ = [
    "Anchor",
    "AnchorKind",
    "Charge",
    "ContractTerms",
    "Every",
    "FieldSource",
    "Frequency",
    "Milestone",
    "PaymentTerms",
    "Phase",
    "Renewal",
    "Sources",
    "Stub",
    "Timing",
    "load_terms",
    "load_terms_yaml",
    "terms_json_schema",
]
