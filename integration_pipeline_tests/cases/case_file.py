"""Reading a file of published cases.

Belongs here: JSON to `Case`, and refusing a file that is not one. Does not belong here: what a case means.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from integration_pipeline_tests.cases.registry import Case


class MalformedFile(Exception):  # noqa: N818 - reads as the statement it makes
    """The file cannot be read as cases. Names the case and the key."""


def read_cases(path: Path) -> tuple[Case, ...]:
    """The cases of a file: a JSON list of them, or an object with the list under `cases`.

    Numbers with a decimal point are read as Decimal. Raises `MalformedFile`.
    """
    try:
        document: Any = json.loads(path.read_text("utf-8"), parse_float=Decimal, parse_constant=_refuse)
    except OSError as error:
        raise MalformedFile(f"{path}: {error.strerror}; give the path of a JSON file of cases") from None
    except (ValueError, RecursionError) as error:
        raise MalformedFile(f"{path} is not JSON: {error}") from None
    if isinstance(document, dict):
        document = cast("dict[str, Any]", document).get("cases")
    if not isinstance(document, list):
        raise MalformedFile(
            f"{path} holds no cases: write a list of them, or an object with the list as `cases`"
        )
    cases: list[Case] = []
    seen: set[str] = set()
    for position, item in enumerate(cast("list[Any]", document), start=1):
        case = _case(item, position, cases)
        if case.id in seen:
            raise MalformedFile(f"case {case.id}, key `id`: used by an earlier case; give each its own")
        seen.add(case.id)
        cases.append(case)
    return tuple(cases)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a figure")


def _case(item: object, position: int, file: list[Case]) -> Case:
    if not isinstance(item, dict):
        raise MalformedFile(
            f"case number {position} is {_shown(item)}, not an object with `id` and `feature`"
        )
    fields = cast("dict[str, Any]", item)
    name = f"case {fields['id']}" if isinstance(fields.get("id"), str) else f"case number {position}"
    return Case(
        id=_text(fields, "id", name, required=True),
        kind=_text(fields, "kind", name),
        feature=_text(fields, "feature", name, required=True),
        inputs=_mapping(fields, "inputs", name, required=True),
        expected=_mapping(fields, "expected", name, required=True),
        settings=_settings(fields, name),
        convention=_text(fields, "convention", name),
        notes=_text(fields, "notes", name),
        source=_text(fields, "source", name),
        file=file,
    )


def _text(fields: Mapping[str, Any], key: str, name: str, *, required: bool = False) -> str:
    value = fields.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise MalformedFile(f"{name}, key `{key}`: {_missing_or_shown(fields, key)}; write a text")
    return value


def _mapping(fields: Mapping[str, Any], key: str, name: str, *, required: bool = False) -> dict[str, Any]:
    value = fields.get(key)
    if value is None and not required:
        return {}
    if not isinstance(value, dict):
        raise MalformedFile(f"{name}, key `{key}`: {_missing_or_shown(fields, key)}; write an object")
    return cast("dict[str, Any]", value)


def _settings(fields: Mapping[str, Any], name: str) -> dict[str, str]:
    settings = _mapping(fields, "settings", name)
    for key, phrase in settings.items():
        if not isinstance(phrase, str):
            raise MalformedFile(f"{name}, key `settings.{key}`: {_shown(phrase)}; write a text")
    return settings


def _missing_or_shown(fields: Mapping[str, Any], key: str) -> str:
    return _shown(fields[key]) if key in fields else "missing"


def _shown(value: object) -> str:
    return repr(value)[:60]
