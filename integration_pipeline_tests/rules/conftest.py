"""The example package of rules, installed once, and a rule set that chooses from packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from integration_pipeline.rules.custom_rules import load_custom_rules
from integration_pipeline.rules.document import DEFAULT_RULE_SET, RuleSet, read_rule_set
from integration_pipeline_tests.rules.packages import EXAMPLE, install


class ReadRules(Protocol):
    """`rules_choosing("custom_rules: ...", folder)`: packages in `folder`, or else in the test's own."""

    def __call__(self, choices: str, folder: Path | None = None) -> RuleSet: ...


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the example package is installed."""
    target = tmp_path_factory.mktemp("example") / "installed"
    install(EXAMPLE, target)
    return target


@pytest.fixture
def rules_choosing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadRules]:
    """The default rule set, with these `custom_rules` from packages in a folder that Python looks into."""

    def read(choices: str, folder: Path | None = None) -> RuleSet:
        monkeypatch.setattr(sys, "path", [str(folder or tmp_path), *sys.path])
        file = tmp_path / "rules.yaml"
        file.write_text(f"{DEFAULT_RULE_SET.read_text()}\n{choices}")
        return read_rule_set(file)

    load_custom_rules.cache_clear()
    yield read
    load_custom_rules.cache_clear()
