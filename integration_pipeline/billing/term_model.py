"""What all documents of contract terms share: their strictness, and where a term came from.

Does not belong here: any particular term.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict

from integration_pipeline.billing.term_values import Identifier

Problem = tuple[str, str]
"""(field, message); the field as written in the terms, `phases[1].end`."""


class TermsModel(BaseModel):
    """A part of contract terms: immutable, and a misspelt field is an error, not a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def __copy__(self) -> Self:
        """Without what was computed from the fields, as `model_copy` may change these afterwards."""
        copied = super().__copy__()
        stated = {name: value for name, value in self.__dict__.items() if name in type(self).model_fields}
        object.__setattr__(copied, "__dict__", stated)
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
