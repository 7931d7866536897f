"""The example in docs/rules.md is the package that these tests install, and does what the text says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from integration_pipeline.billing.schedule import build_schedule
from integration_pipeline.billing.terms import load_terms
from integration_pipeline_tests.rules.conftest import ReadRules
from integration_pipeline_tests.rules.packages import EXAMPLE

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text()
SNIPPETS = dict[str, str](
    re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.partition("## Rules of your own")[2], re.DOTALL | re.MULTILINE)
)


@pytest.mark.parametrize(
    ("language", "file"),
    [
        ("python", EXAMPLE / "example_billing_rules" / "__init__.py"),
        ("toml", EXAMPLE / "pyproject.toml"),
        ("yaml", EXAMPLE.with_name("example_rules.yaml")),
    ],
)
def test_the_page_shows_the_example_as_it_is(language: str, file: Path) -> None:
    assert SNIPPETS[language] == file.read_text()


def test_the_charge_on_the_page_is_billed_and_explained_as_the_page_says(
    example: Path, rules_choosing: ReadRules
) -> None:
    terms = load_terms(
        {
            "contract_id": "C-1",
            "customer": "acme",
            "entity": "us",
            "currency": "USD",
            "start": "2026-01-13",
            "term_months": 3,
            "anchor": {"kind": "calendar"},
            "payment_terms": {"net_days": 30},
            "charges": [json.loads(SNIPPETS["json"])],
        }
    )
    first = build_schedule(terms, rules_choosing(SNIPPETS["yaml"], example).policies).lines[0]
    assert first.explanation.formula == SNIPPETS["text"].strip()
