"""Requests and answers held against a vendor's published OpenAPI document (3.0 or 3.1).

Problems are told as text, none at all as an empty list. A request may only say what the document knows:
unknown parameters and fields are problems, for there a typing error hides. In answers they are not.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker, validators

Json = dict[str, Any]

SPECS_VARIABLE = "VENDOR_SPECS"
_BESIDE_THE_PROJECT = Path(__file__).resolve().parents[3] / "shared" / "vendors" / "specs"
_METHODS = ("get", "put", "post", "delete", "patch")


def vendor_spec(path: str) -> Path:
    """A file such as `xero/xero_accounting.yaml`; the test is skipped where the documents are not at hand."""
    folder = Path(os.environ.get(SPECS_VARIABLE) or _BESIDE_THE_PROJECT)
    found = folder / path
    if not found.is_file():
        pytest.skip(f"{found} is missing; set {SPECS_VARIABLE} to the folder of the vendors' API documents")
    return found


@dataclass(frozen=True, slots=True)
class _Operation:
    parameters: tuple[Json, ...]
    body: Json | None
    body_required: bool
    answers: Mapping[str, Json | None]


class Document:
    """One API document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._base = _base_path(document)
        self._operations = {
            (template, method): self._operation(path, path[method])
            for template, path in cast("dict[str, Json]", document.get("paths", {})).items()
            for method in _METHODS
            if method in path
        }
        schemas = cast("dict[str, Json]", document.get("components", {}).get("schemas", {}))
        self._lenient = {name: _json_schema(schema, strict=False) for name, schema in schemas.items()}
        self._strict = {name: _json_schema(schema, strict=True) for name, schema in schemas.items()}

    @classmethod
    def of(cls, path: Path) -> Document:
        """The document in a YAML or JSON file, read once."""
        return _read(path)

    def request_problems(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: object = None
    ) -> list[str]:
        """What is wrong with a request; `path` with or without the server's own, `body` as parsed JSON."""
        found = self._find(method, path)
        if found is None:
            return [f"{method} {path} is not in the document"]
        operation, in_path = found
        problems = list(_parameter_problems(operation, in_path, dict(query or {})))
        if operation.body is None:
            return problems if body is None else [*problems, f"{method} {path} takes no body"]
        if body is None:
            return [*problems, "the body is missing"] if operation.body_required else problems
        return [*problems, *self._problems(operation.body, body, strict=True)]

    def response_problems(self, method: str, path: str, status: int, body: object) -> list[str]:
        """What is wrong with an answer."""
        found = self._find(method, path)
        if found is None:
            return [f"{method} {path} is not in the document"]
        answers = found[0].answers
        key = next((key for key in (str(status), f"{status // 100}XX", "default") if key in answers), None)
        if key is None:
            return [f"{method} {path} answers {', '.join(answers)}, not {status}"]
        schema = answers[key]
        return [] if schema is None else self._problems(schema, body, strict=False)

    def schema_problems(self, name: str, value: object) -> list[str]:
        """What is wrong with a value that is to be one of `components/schemas`."""
        return self._problems({"$ref": f"#/components/schemas/{name}"}, value, strict=False)

    def _problems(self, schema: Json, value: object, *, strict: bool) -> list[str]:
        schemas = self._strict if strict else self._lenient
        whole = {**_json_schema(schema, strict=strict), "components": {"schemas": schemas}}
        errors = _VALIDATOR(whole, format_checker=_FORMATS).iter_errors(value)
        return [
            f"{'/'.join(str(step) for step in error.absolute_path)}: {error.message[:300]}"
            for error in errors
        ]

    def _find(self, method: str, path: str) -> tuple[_Operation, dict[str, str]] | None:
        """The operation and the values in its path; the template with most fixed words wins."""
        path = path.removeprefix(self._base)
        matches: list[tuple[int, _Operation, dict[str, str]]] = []
        for (template, its_method), operation in self._operations.items():
            match = _pattern(template).fullmatch(path) if its_method == method.lower() else None
            if match is not None:
                matches.append((template.count("{"), operation, match.groupdict()))
        if not matches:
            return None
        _, operation, in_path = min(matches, key=lambda one: one[0])
        return operation, in_path

    def _operation(self, path: Json, operation: Json) -> _Operation:
        parameters = [
            self._resolved(one) for one in (*path.get("parameters", ()), *operation.get("parameters", ()))
        ]
        request = self._resolved(operation.get("requestBody", {}))
        return _Operation(
            tuple(parameters),
            _content_schema(request),
            bool(request.get("required")),
            {
                str(status): _content_schema(self._resolved(answer))
                for status, answer in operation.get("responses", {}).items()
            },
        )

    def _resolved(self, node: Json) -> Json:
        while "$ref" in node:
            target: Any = self._document
            for step in cast("str", node["$ref"]).removeprefix("#/").split("/"):
                target = target[step.replace("~1", "/").replace("~0", "~")]
            node = cast("Json", target)
        return node


@cache
def _read(path: Path) -> Document:
    with path.open() as file:
        return Document(yaml.load(file, yaml.CSafeLoader))


def _base_path(document: Json) -> str:
    servers = cast("list[Json]", document.get("servers", []))
    url = cast("str", servers[0]["url"]) if servers else ""
    return re.sub(r"^[a-z]+://[^/]*", "", url).rstrip("/")


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    named = [f"(?P<{part}>[^/]+)" if place % 2 else re.escape(part) for place, part in enumerate(parts)]
    return re.compile("".join(named))


def _content_schema(node: Json) -> Json | None:
    """The schema of JSON content, or of the only content there is."""
    content = cast("dict[str, Json]", node.get("content", {}))
    if not content:
        return None
    chosen = content.get("application/json") or next(iter(content.values()))
    return cast("Json | None", chosen.get("schema"))


def _parameter_problems(
    operation: _Operation, in_path: Mapping[str, str], query: Mapping[str, str]
) -> Iterator[str]:
    known = {"path": in_path, "query": query}
    names = {cast("str", one["name"]) for one in operation.parameters if one["in"] == "query"}
    for name in query:
        if name not in names:
            yield f"the query parameter {name} is not in the document"
    for parameter in operation.parameters:
        given = known.get(parameter["in"])
        if given is None:
            continue
        name = cast("str", parameter["name"])
        if name not in given:
            if parameter.get("required"):
                yield f"the {parameter['in']} parameter {name} is missing"
        elif not _fits(given[name], parameter.get("schema", {})):
            yield f"the {parameter['in']} parameter {name} may not be {given[name]!r}"


_TEXT_FORMS = {
    "integer": re.compile(r"-?\d+"),
    "number": re.compile(r"-?\d+(\.\d+)?"),
    "boolean": re.compile(r"true|false", re.IGNORECASE),
}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _fits(text: str, schema: Json) -> bool:
    """Whether a parameter's text can be a value of the schema; lists are separated by commas."""
    kind = schema.get("type")
    if kind == "array":
        return all(_fits(one, schema.get("items", {})) for one in text.split(","))
    if kind in _TEXT_FORMS:
        return _TEXT_FORMS[kind].fullmatch(text) is not None
    if schema.get("format") == "uuid" and _UUID.fullmatch(text) is None:
        return False
    return text in schema["enum"] if "enum" in schema else True


def _json_schema(node: Any, *, strict: bool) -> Any:
    """An OpenAPI schema as JSON Schema: `nullable`, and in strict ones no fields that are not listed."""
    if isinstance(node, list):
        return [_json_schema(one, strict=strict) for one in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    given = cast("Json", node)
    schema = {name: _json_schema(value, strict=strict) for name, value in given.items() if name not in _NOTES}
    if isinstance(fields := given.get("properties"), dict):
        # Their names are the vendor's, and no words of OpenAPI.
        schema["properties"] = {
            name: _json_schema(value, strict=strict) for name, value in cast("Json", fields).items()
        }
    if strict and "properties" in schema and not {"additionalProperties", *_COMPOSED} & set(schema):
        schema["additionalProperties"] = False
    if given.get("nullable") is True:
        return {
            "anyOf": [{key: value for key, value in schema.items() if key != "nullable"}, {"type": "null"}]
        }
    return schema


# Words of OpenAPI that mean something else, or nothing, in JSON Schema.
_NOTES = frozenset({"example", "examples", "externalDocs", "discriminator", "xml", "default"})
_COMPOSED = frozenset({"allOf", "anyOf", "oneOf"})
_FORMATS = FormatChecker(formats=["uuid"])


def _is_integer(_: object, value: object) -> bool:
    if isinstance(value, Decimal):
        return value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


# The library's own types leave this function open.
_extend: Any = validators.extend  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
_VALIDATOR: Any = _extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
