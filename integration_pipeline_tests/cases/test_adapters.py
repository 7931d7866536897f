"""What no adapter may do, whatever it translates."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ADAPTERS = sorted((Path(__file__).parent / "adapters").glob("*.py"))


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.stem)
def test_no_adapter_looks_at_which_case_it_is_given(path: Path) -> None:
    looked_at = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("id", "notes", "source")
        and isinstance(node.value, ast.Name)
        and node.value.id == "case"
    ]
    assert looked_at == []


@pytest.mark.parametrize("path", ADAPTERS, ids=lambda path: path.stem)
def test_no_adapter_rounds(path: Path) -> None:
    called = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"round", "float", "round_ratio"}
