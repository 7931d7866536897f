"""Explanations survive storage unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integration_pipeline.billing.explanation import Explanation, ExplanationInput
from integration_pipeline.billing.terms import FieldSource

_NAMES = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()) and "\x00" not in text)
_SOURCES = st.builds(
    FieldSource,
    object_type=_NAMES,
    record_id=_NAMES,
    field=_NAMES,
    value=st.none() | st.text(),
    transform=st.none() | st.text(),
)
_EXPLANATIONS = st.builds(
    Explanation,
    inputs=st.lists(st.builds(ExplanationInput, st.text(), st.text(), st.none() | _SOURCES)).map(tuple),
    rule=st.text(),
    rule_version=st.text(),
    formula=st.text(),
    rounding=st.none() | st.text(),
)


@given(explanation=_EXPLANATIONS)
def test_an_explanation_read_back_from_text_is_the_same(explanation: Explanation) -> None:
    assert Explanation.from_json(explanation.to_json()) == explanation


@given(explanation=_EXPLANATIONS)
def test_an_explanation_read_back_from_json_values_is_the_same(explanation: Explanation) -> None:
    assert Explanation.from_json(explanation.as_json()) == explanation


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"inputs": 1}'])
def test_text_that_is_no_explanation_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="Explanation"):
        Explanation.from_json(text)
