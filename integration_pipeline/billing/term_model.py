"""What all documents of contract terms share: their strictness, and where a term came from.

Does not belong here: any particular term.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

from integration_pipeline.billing.term_values import Identifier

Problem = tuple[str, str]
"""(field, message); the field as written in the terms, `phases[1].end`."""


class TermsModel(BaseModel):
    """A part of contract terms: immutable, and a misspelt field is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values, unchecked. Unlike pydantic's, it forgets what the original had cached."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            vars(copied).pop(name)
        return copied


class FieldSource(TermsModel):
    """The CRM field a term was read from, with the value as it stood there and how it was transformed."""

    object_type: Identifier
    record_id: Identifier
    field: Identifier
    value: str | None
    transform: str | None = None


def _in_key_order(sources: dict[str, FieldSource]) -> dict[str, FieldSource]:
    return dict(sorted(sources.items()))


Sources = Annotated[dict[str, FieldSource], AfterValidator(_in_key_order)]
"""Provenance by the name of the term it belongs to: `{"quantity": FieldSource(...)}`."""
