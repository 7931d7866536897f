"""Mappings and rule sets of the past, from the documents the books keep of them.

Belongs here: which were in force when, and reading the stored documents. Does not belong here: the files on
disk, which may say something else by now.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from integration_pipeline.mapping.document import Mapping
from integration_pipeline.rebuild.facts import Facts
from integration_pipeline.rebuild.refusal import RebuildRefused
from integration_pipeline.rules.document import RuleSet
from integration_pipeline.yaml_documents import Document


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions of the mapping and of the rule set that went together."""

    mapping: str
    rules: str

    @staticmethod
    def of(combined: str) -> Versions:
        """From how a deal names what it was read by: `mapping-rules`."""
        mapping, _, rules = combined.partition("-")
        return Versions(mapping, rules)


class InForce:
    """Which mapping and rule set the pipeline went by at a moment: those of the newest work known by then."""

    def __init__(self, facts: Facts) -> None:
        if not facts.mappings or not facts.rule_sets:
            raise RebuildRefused(
                "no mapping and no rule set was ever registered: there is nothing to rebuild"
            )
        self._stored_mappings = {row.version: row.document for row in facts.mappings}
        self._stored_rules = {row.version: row.document for row in facts.rule_sets}
        self._mappings: dict[str, Mapping] = {}
        self._rules: dict[str, RuleSet] = {}
        moments: list[tuple[datetime, str | None, str]] = [
            (row.created_at, *row.mapping_version.split("-")) for row in facts.versions
        ]
        moments += [(row.updated_at, *row.mapping_version.split("-")) for row in facts.heads]
        moments += [(row.created_at, None, row.rule_set_version) for row in facts.schedules]
        moments.sort(key=lambda each: each[0])
        first = next((mapping for _, mapping, _ in moments if mapping), facts.mappings[-1].version)
        self._moments: list[datetime] = []
        self._versions: list[Versions] = []
        for moment, mapping, rules in moments:
            known = mapping or (self._versions[-1].mapping if self._versions else first)
            self._moments.append(moment)
            self._versions.append(Versions(known, rules))
        self._otherwise = Versions(first, facts.rule_sets[-1].version)
        self._loaded = [(row.loaded_at, row.version) for row in facts.rule_sets]

    def at(self, moment: datetime) -> Versions:
        """What was in force at `moment`."""
        if not self._versions:
            return self._otherwise
        return self._versions[max(0, bisect_right(self._moments, moment) - 1)]

    def settling(self, moment: datetime) -> Versions:
        """What payments went by: a rule set that was registered after the newest work on deals, too."""
        known = self.at(moment)
        worked = self._moments[max(0, bisect_right(self._moments, moment) - 1)] if self._moments else None
        loaded = [(at, version) for at, version in self._loaded if at <= moment]
        if loaded and (worked is None or loaded[-1][0] > worked):
            return Versions(known.mapping, loaded[-1][1])
        return known

    def mapping(self, version: str) -> Mapping:
        """Raises `RebuildRefused` for a version whose document was not kept, or cannot be read any more."""
        if version not in self._mappings:
            self._mappings[version] = _document(version, self._stored_mappings, Mapping, "mapping")
        return self._mappings[version]

    def rules(self, version: str) -> RuleSet:
        """Raises `RebuildRefused` for a version whose document was not kept, or cannot be read any more."""
        if version not in self._rules:
            self._rules[version] = _document(version, self._stored_rules, RuleSet, "rule set")
        return self._rules[version]

    def unlike_their_version(self) -> list[str]:
        """Versions that went by another name when this program read them: their meaning may have changed."""
        read: list[tuple[str, Document]] = [*self._mappings.items(), *self._rules.items()]
        return [version for version, document in read if document.version != version]


_Model = TypeVar("_Model", bound=Document)


def _document(version: str, stored: dict[str, object], model: type[_Model], name: str) -> _Model:
    if version not in stored:
        raise RebuildRefused(f"{name} {version} was in force, but its document is not in schema billing")
    try:
        return model.model_validate(stored[version])
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_url=False, include_input=False)
        )
        raise RebuildRefused(
            f"{name} {version}, as it was stored, cannot be read by this program: {problems}. "
            "Install what it names, or rebuild with the program's version that wrote it"
        ) from None
