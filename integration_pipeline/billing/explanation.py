"""Why a line says what it says: inputs with their origin, rule, formula with numbers, rounding.

Belongs here: the explanation and its JSON. Does not belong here: computing anything, or wording that one
charge model needs (that is beside its arithmetic).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from integration_pipeline.billing.term_model import FieldSource


@dataclass(frozen=True, slots=True)
class ExplanationInput:
    """A term that went into the line, as text, and the CRM field it came from if one is known."""

    name: str
    value: str
    source: FieldSource | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Enough for a finance person to check a line with a calculator.

    `formula` is written out with its numbers: "3 seats × 120.00 USD × (100 − 10) % = 324.00 USD". `rounding`
    says what was rounded and how, None if the result was exact. `rule_version` is that of the policies.
    """

    inputs: tuple[ExplanationInput, ...]
    rule: str
    rule_version: str
    formula: str
    rounding: str | None

    def as_json(self) -> dict[str, Any]:
        """As plain JSON values, in a fixed order."""
        return {
            "inputs": [
                {"name": item.name, "value": item.value, "source": _source_as_json(item.source)}
                for item in self.inputs
            ],
            "rule": self.rule,
            "rule_version": self.rule_version,
            "formula": self.formula,
            "rounding": self.rounding,
        }

    def to_json(self) -> str:
        """As JSON text; equal explanations give equal text."""
        return json.dumps(self.as_json(), ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(document: str | bytes | dict[str, Any]) -> Explanation:
        """The inverse of `to_json` and `as_json`. Raises `ValueError` (pydantic's) if it is not one."""
        if isinstance(document, dict):
            return _ADAPTER.validate_python(document)
        return _ADAPTER.validate_json(document)


_ADAPTER = TypeAdapter(Explanation)


def _source_as_json(source: FieldSource | None) -> dict[str, str | None] | None:
    if source is None:
        return None
    return {
        "object_type": source.object_type,
        "record_id": source.record_id,
        "field": source.field,
        "value": source.value,
        "transform": source.transform,
    }
