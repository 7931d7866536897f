"""Parameters of a custom rule: what terms or a rule set state for it, read by name and type.

Does not belong here: what a rule does with them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias, cast

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from integration_pipeline.billing.term_values import WHOLE_DIGITS, TermDate, TermDecimal

MAX_DEPTH = 6
MAX_TEXT = 20_000
"""Characters of all parameters of one rule, written as JSON."""

_Json: TypeAlias = "str | int | bool | list[_Json] | dict[str, _Json] | None"
_DECIMAL: TypeAdapter[Decimal] = TypeAdapter(TermDecimal)
_DATE: TypeAdapter[date] = TypeAdapter(TermDate)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Named values, read with the type the rule needs; no rule can change them for the next one.

    Decimals are written as text (`"12.50"`) or whole numbers, dates as `2026-01-31`. Each reader raises
    `ValueError` naming the parameter if it is missing (and has no default) or cannot be read so.
    """

    text: str = "{}"
    """JSON with sorted keys: equal parameters, equal text."""

    @staticmethod
    def of(values: Mapping[str, object]) -> Parameters:
        """Raises `ValueError` naming the value that is a float, too deep, too long, or no JSON value."""
        text = json.dumps(_plain(values, "", 0), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if len(text) > MAX_TEXT:
            raise ValueError(f"are {len(text):,} characters long; {MAX_TEXT:,} at most")
        return Parameters(text)

    @property
    def values(self) -> dict[str, Any]:
        """All of them, in a copy of its own."""
        return json.loads(self.text)

    def decimal(self, name: str, default: Decimal | None = None) -> Decimal:
        """An exact number: `"12.50"` or 12."""
        value = self._stated(name, default)
        return value if isinstance(value, Decimal) else _read(_DECIMAL, name, value)

    def whole(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        value = self._stated(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(f"parameter {name!r}: write a whole number, not {value!r}")  # noqa: TRY004
        return value

    def string(self, name: str, default: str | None = None) -> str:
        """A text that is not blank."""
        value = self._stated(name, default)
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"parameter {name!r}: write a text, not {value!r}")
        return value

    def day(self, name: str, default: date | None = None) -> date:
        """A civil date."""
        value = self._stated(name, default)
        return value if isinstance(value, date) else _read(_DATE, name, value)

    def days(self, name: str) -> tuple[date, ...]:
        """A list of civil dates; none where the parameter is left out."""
        return tuple(
            _read(_DATE, f"{name}[{index}]", each)
            for index, each in enumerate(self._list(name, required=False))
        )

    def rows(self, name: str) -> tuple[Parameters, ...]:
        """A list of mappings, such as the bands of a price, each read as parameters are."""
        rows = self._list(name, required=True)
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise ValueError(f"parameter {name}[{index}]: write names with values, not {row!r}")  # noqa: TRY004
        return tuple(Parameters.of(cast("dict[str, object]", row)) for row in rows)

    def _stated(self, name: str, default: object) -> object:
        value: object = self.values.get(name)
        if value is None:
            value = default
        if value is None:
            known = ", ".join(self.values) or "none"
            raise ValueError(f"parameter {name!r} is missing; stated are {known}")
        return value

    def _list(self, name: str, *, required: bool) -> list[object]:
        value = self._stated(name, None if required else [])
        if not isinstance(value, list):
            raise ValueError(f"parameter {name!r}: write a list, not {value!r}")  # noqa: TRY004
        return cast("list[object]", value)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            _parameters, serialization=core_schema.plain_serializer_function_ser_schema(_values)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "object"}


def _parameters(value: object) -> Parameters:
    if isinstance(value, Parameters):
        return value
    if isinstance(value, Mapping):
        return Parameters.of(cast("Mapping[str, object]", value))
    raise ValueError("write names with values")


def _values(parameters: Parameters) -> dict[str, Any]:
    return parameters.values


def _plain(value: object, path: str, depth: int) -> _Json:
    """As JSON, with a path in every complaint."""
    where = f"{path}: " if path else ""
    if depth > MAX_DEPTH:
        raise ValueError(f"{where}is nested more than {MAX_DEPTH} deep")
    match value:
        case None | bool():
            return value
        case int() if abs(value) < 10**WHOLE_DIGITS:
            return value
        case str():
            if "\x00" in value:
                raise ValueError(f"{where}holds a NUL character, which no database text can store")
            return value
        case Decimal() if value.is_finite():
            return f"{value:f}"
        case date() if not isinstance(value, datetime):
            return value.isoformat()
        case list() | tuple():
            items = cast("list[object] | tuple[object, ...]", value)
            return [_plain(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(items)]
        case Mapping():
            named = cast("Mapping[object, object]", value)
            return {
                str(_plain(str(name), path, depth)): _plain(item, f"{path}.{name}".lstrip("."), depth + 1)
                for name, item in named.items()
            }
        case float():
            raise ValueError(
                f'{where}a binary float holds few numbers exactly; write it as text: "{value!r}"'
            )
        case _:
            raise ValueError(f"{where}write text, a whole number, true, false, a list or names with values")


def _read(adapter: TypeAdapter[Any], name: str, value: object) -> Any:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        message = error.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise ValueError(f"parameter {name!r}: {message}; it is {value!r}") from None
