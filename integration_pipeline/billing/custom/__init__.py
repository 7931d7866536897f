"""Rules that a company writes itself in Python, as the engine sees them.

Belongs here: what a rule is given and what it may answer (`kinds`), its parameters (`parameters`), the
registry that `Policies` carry and that asks the rules (`registry`). Does not belong here: finding and loading
rules (`integration_pipeline.rules.custom_rules`), the arithmetic around them.
"""

from __future__ import annotations

from integration_pipeline.billing.custom.kinds import (
    ARGUMENTS,
    ChargeModel,
    Discounting,
    Exact,
    Hold,
    NumberedDocument,
    Numbering,
    NumberSeries,
    Part,
    PartOf,
    Price,
    Proration,
    RuleKind,
)
from integration_pipeline.billing.custom.parameters import Parameters
from integration_pipeline.billing.custom.registry import (
    NO_CUSTOM_RULES,
    CustomRule,
    CustomRuleFailed,
    CustomRules,
    billing_of,
)

__all__ = [
    "ARGUMENTS",
    "NO_CUSTOM_RULES",
    "ChargeModel",
    "CustomRule",
    "CustomRuleFailed",
    "CustomRules",
    "Discounting",
    "Exact",
    "Hold",
    "NumberSeries",
    "NumberedDocument",
    "Numbering",
    "Parameters",
    "Part",
    "PartOf",
    "Price",
    "Proration",
    "RuleKind",
    "billing_of",
]
