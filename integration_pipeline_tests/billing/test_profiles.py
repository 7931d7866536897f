"""Profiles, and what the documentation says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_pipeline.billing.policies import DEFAULT, PROFILES, Policies

_DOCUMENT = Path(__file__).parents[2] / "docs" / "billing.md"


def _row(profile: Policies) -> str:
    ours, theirs = DEFAULT.as_json(), profile.as_json()
    different = [
        f"{name.replace('_', ' ')}: {choice}"
        for name, choice in theirs.items()
        if name != "version" and choice != ours[name]
    ]
    return f"| `{profile.name}` | {'; '.join(different)} |"


@pytest.mark.parametrize("name", sorted(PROFILES.keys() - {DEFAULT.name}))
def test_the_documentation_says_where_a_profile_differs(name: str) -> None:
    assert _row(PROFILES[name]) in _DOCUMENT.read_text().splitlines()


def test_a_profile_goes_by_its_own_name() -> None:
    assert all(name == profile.name for name, profile in PROFILES.items())
