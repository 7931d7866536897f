from __future__ import annotations

from pathlib import Path

import pytest

from integration_pipeline.rules.document import DEFAULT_RULE_SET, AccountRole, read_rule_set
from integration_pipeline.yaml_documents import InvalidDocument


def with_change(folder: Path, old: str, new: str) -> Path:
    """The shipped rule set with one piece of its text replaced, wherever it stands."""
    text = DEFAULT_RULE_SET.read_text(encoding="utf-8")
    assert old in text
    path = folder / "rules.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_the_rule_set_that_is_shipped_has_three_entities_and_every_account() -> None:
    rules = read_rule_set()

    assert {code: entity.zone.key for code, entity in rules.entities.items()} == {
        "us": "America/New_York",
        "eu": "Europe/Berlin",
        "jp": "Asia/Tokyo",
    }
    assert set(rules.accounts) == set(AccountRole)
    assert rules.policies.version


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  revenue: ", "  revenues: ", "accounts.revenues"),
        ('  cash: {code: "1000", name: Cash, kind: asset}\n', "", "accounts lacks cash"),
        ("America/New_York", "Mars/Olympus", "'Mars/Olympus' is not a time zone"),
        ("EU-INV-", "US-INV-", "every entity needs prefixes"),
        ("US-CN-", "US-INV-", "every entity needs prefixes"),
        ("US-INV-", "US INV", "should match pattern"),
        ('"1000"', '"4000"', "two accounts have the code 4000"),
        ("kind: income", "kind: money", "Input should be 'asset'"),
        ("profile: default", "profile: mine", "profile 'mine' is not one of"),
        ("first_month: 2016-01-01", "first_month: 2016-01-02", "must be the first day of a month"),
    ],
)
def test_a_rule_set_that_could_not_be_posted_by_is_refused(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    with pytest.raises(InvalidDocument, match=fault):
        read_rule_set(with_change(tmp_path, old, new))


def test_the_version_changes_with_the_content_and_not_with_comments(tmp_path: Path) -> None:
    version = read_rule_set().version

    assert read_rule_set(with_change(tmp_path, "# Who bills", "# Who is billing")).version == version
    assert read_rule_set(with_change(tmp_path, "finance@", "cfo@")).version != version
