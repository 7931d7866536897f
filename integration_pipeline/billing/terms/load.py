"""Reading contract terms from JSON, YAML or an equal mapping, and their JSON schema.

Belongs here: documents in, checked terms or every problem out. Does not belong here: files and folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic import ValidationError

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.terms.contract import ContractTerms, ImpossibleTerms


def load_terms(document: str | bytes | Mapping[str, Any]) -> ContractTerms:
    """Terms from JSON text or an equal mapping. Raises `InvalidTerms` with every problem found.

    Contradictions between fields are looked for only once every field can be read by itself.
    """
    try:
        if isinstance(document, str | bytes):
            return ContractTerms.model_validate_json(document)
        return ContractTerms.model_validate(document)
    except ValidationError as error:
        raise InvalidTerms(_problems_of(error), _contract_id_of(document)) from None


def load_terms_yaml(document: str | bytes) -> ContractTerms:
    """Terms from YAML text; a number keeps the decimals it is written with. Raises `InvalidTerms`."""
    try:
        values: object = yaml.load(document, _ExactLoader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}: " if where is not None else ""
        reason = getattr(error, "problem", None) or "cannot be read as YAML"
        raise InvalidTerms([("", f"{line}{reason}")]) from None
    if not isinstance(values, dict):
        raise InvalidTerms([("", "is no mapping of terms; start with contract_id: ...")])
    return load_terms({str(name): value for name, value in values.items()})  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] - checked by the terms themselves


def terms_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of `ContractTerms`, for whoever writes terms by hand or by another program."""
    schema = ContractTerms.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


class _ExactLoader(yaml.SafeLoader):
    """Reads `120.10` as its text, since a binary float would not hold it; refuses aliases, which explode."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not supported in contract terms; write the value again")
        return super().compose_node(parent, index)


def _as_written(_: yaml.SafeLoader, node: yaml.ScalarNode) -> str:
    return node.value


_ExactLoader.add_constructor("tag:yaml.org,2002:float", _as_written)


def _problems_of(error: ValidationError) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    for item in error.errors(include_url=False, include_input=False):
        cause = item.get("ctx", {}).get("error")
        if isinstance(cause, ImpossibleTerms):
            problems.extend(cause.problems)
        else:
            message = str(cause) if isinstance(cause, ValueError) else item["msg"]
            problems.append((_path_of(item["loc"]), message))
    return problems


def _path_of(location: tuple[int | str, ...]) -> str:
    """`("charges", 0, "quantity")` as `charges[0].quantity`; which shape was tried is no place."""
    written = ""
    for position, step in enumerate(location):
        is_price_model = position > 0 and location[position - 1] == "price"
        is_change = position > 1 and location[position - 2] == "changes"
        if isinstance(step, int):
            written += f"[{step}]"
        elif not is_price_model and not is_change:
            written += f".{step[:80]}"
    return written.removeprefix(".")


def _contract_id_of(document: str | bytes | Mapping[str, Any]) -> str | None:
    contract_id = document.get("contract_id") if isinstance(document, Mapping) else None
    return contract_id if isinstance(contract_id, str) else None
