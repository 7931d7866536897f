"""Parameters of a request: form or query text with brackets, read one by one; what nobody reads is refused.

`metadata[deal]=7&expand[]=customer&created[gte]=1` is how Stripe takes nested values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qsl

from integration_pipeline.sandbox.stripe.errors import invalid, missing, unknown_parameters

Tree: TypeAlias = "dict[str, str | Tree]"

_INTEGER = re.compile(r"-?[0-9]{1,15}")
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_STEP = re.compile(r"\[([^\[\]]*)\]")
_LONGEST_METADATA = 500
_MOST_METADATA = 50
_MOST_DEPTH = 6


def parse(text: str) -> Tree:
    """The nested values of a query or a form; lists are mappings from `0` on. Raises `StripeError`."""
    tree: Tree = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        match = _NAME.fullmatch(name)
        if match is None:
            raise unknown_parameters([name])
        steps = [match[1], *_STEP.findall(match[2])]
        if len(steps) > _MOST_DEPTH:
            raise unknown_parameters([name])
        _put(tree, steps, value, name)
    return tree


def _put(tree: Tree, steps: Sequence[str], value: str, name: str) -> None:
    for step in steps[:-1]:
        inner = tree.setdefault(step or str(len(tree)), {})
        if isinstance(inner, str):
            raise invalid(f"Invalid parameter: {name}", param=name)
        tree = inner
    tree[steps[-1] or str(len(tree))] = value


class Params:
    """The parameters still to be read. Each reader takes its parameter out and refuses a wrong value."""

    def __init__(self, tree: Tree, prefix: str = "") -> None:
        self._tree = dict(tree)
        self._prefix = prefix

    def text(self, name: str) -> str | None:
        """None if absent; an empty value, with which Stripe's clients unset things, is an empty text."""
        value = self._tree.pop(name, None)
        if isinstance(value, dict):
            raise invalid(f"Invalid string: {self._full(name)}", param=self._full(name))
        return value

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            raise missing(self._full(name))
        return value

    def one_of(self, name: str, choices: Sequence[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            listed = ", ".join(choices[:-1]) + f", or {choices[-1]}"
            raise invalid(f"Invalid {self._full(name)}: must be one of {listed}", param=self._full(name))
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not _INTEGER.fullmatch(value):
            raise invalid(
                f"Invalid integer: {value}", param=self._full(name), code="parameter_invalid_integer"
            )
        return int(value)

    def required_integer(self, name: str) -> int:
        value = self.integer(name)
        if value is None:
            raise missing(self._full(name))
        return value

    def flag(self, name: str) -> bool | None:
        value = self.text(name)
        if value is None:
            return None
        # Stripe's Python client writes True as `True` in queries and as `true` in forms.
        if value.lower() not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=self._full(name))
        return value.lower() == "true"

    def is_nested(self, name: str) -> bool:
        return isinstance(self._tree.get(name), dict)

    def inner(self, name: str) -> Params | None:
        """The parameters under `name[…]`; whoever asks for them closes them with `done`."""
        value = self._tree.pop(name, None)
        if value is None:
            return None
        if isinstance(value, str):
            raise invalid(f"Invalid object: {self._full(name)}", param=self._full(name))
        return Params(value, self._full(name))

    def texts(self, name: str) -> list[str]:
        """A list of texts: `name[]=a&name[]=b` or `name[0]=a`."""
        value = self._tree.pop(name, None)
        if value is None:
            return []
        if isinstance(value, str) or not all(isinstance(each, str) for each in value.values()):
            raise invalid(f"Invalid array: {self._full(name)}", param=self._full(name))
        return cast("list[str]", list(value.values()))

    def items(self, name: str) -> list[Params]:
        """A list of objects: `lines[0][amount]=5`."""
        value = self._tree.pop(name, None)
        if value is None:
            return []
        if isinstance(value, str):
            raise invalid(f"Invalid array: {self._full(name)}", param=self._full(name))
        entries: list[Params] = []
        for index, each in value.items():
            if isinstance(each, str):
                raise invalid(f"Invalid object: {self._full(name)}[{index}]", param=self._full(name))
            entries.append(Params(each, f"{self._full(name)}[{index}]"))
        return entries

    def metadata(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """`before` with the keys given set, and those given empty removed."""
        merged = dict(before or {})
        value = self._tree.pop("metadata", None)
        if value is None:
            return merged
        if isinstance(value, str):
            if value:
                raise invalid("Invalid object: metadata", param="metadata")
            return {}
        for key, text in value.items():
            if not isinstance(text, str) or len(text) > _LONGEST_METADATA or len(key) > 40:
                raise invalid(
                    "Metadata values can have up to 500 characters, keys up to 40, and no nested values.",
                    param=f"metadata[{key}]",
                )
            if text:
                merged[key] = text
            else:
                merged.pop(key, None)
        if len(merged) > _MOST_METADATA:
            raise invalid("You can have up to 50 metadata keys.", param="metadata")
        return merged

    def ignore(self, *names: str) -> None:
        """Accept what is of no consequence in an imitation."""
        for name in names:
            self._tree.pop(name, None)

    def done(self) -> None:
        """Refuse what nobody has read."""
        if self._tree:
            raise unknown_parameters([self._full(name) for name in self._tree])

    def _full(self, name: str) -> str:
        return f"{self._prefix}[{name}]" if self._prefix else name


def given(**values: Any) -> dict[str, Any]:
    """Those of the values that are not None: what a request changes."""
    return {name: value for name, value in values.items() if value is not None}
