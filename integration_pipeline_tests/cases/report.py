"""Showing outcomes to people and to programs.

Belongs here: text and JSON. Does not belong here: deciding what passed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from integration_pipeline_tests.cases.runner import Outcome, Verdict


def as_text(outcomes: Sequence[Outcome], *, strict: bool = False) -> str:
    """Counts per family, then each case that failed with both figures, then each that is not expressible.

    `strict` adds the phrases of settings and conventions that no policy was read from.
    """
    lines = [f"{'family':<10}{'passed':>8}{'failed':>8}{'not expressible':>17}"]
    lines.extend(_count_line(family, members) for family, members in _by_family(outcomes))
    lines.append(_count_line("all", outcomes))
    for verdict in (Verdict.FAILED, Verdict.NOT_EXPRESSIBLE):
        chosen = [outcome for outcome in outcomes if outcome.verdict is verdict]
        if chosen:
            lines += ["", f"{verdict}:"]
            for outcome in chosen:
                lines.extend(_detail(outcome))
    unknown = _cases_by_phrase(outcomes, settings=True)
    if unknown:
        lines += ["", "settings that are not understood (the case ran without them):"]
        lines.extend(f"  {phrase}  [{', '.join(ids)}]" for phrase, ids in unknown.items())
    if strict:
        lines += ["", "clauses of conventions that name no policy:"]
        prose = _cases_by_phrase(outcomes, settings=False)
        lines.extend(f"  {phrase}  [{', '.join(ids)}]" for phrase, ids in prose.items())
    return "\n".join(lines) + "\n"


def as_json(outcomes: Sequence[Outcome]) -> str:
    """One document: counts by family, every case, and the phrases that were not understood."""
    document = {
        "families": {family: _counts(members) for family, members in _by_family(outcomes)},
        "all": _counts(outcomes),
        "cases": [_case_as_json(outcome) for outcome in outcomes],
        "unknown_settings": _cases_by_phrase(outcomes, settings=True),
        "convention_prose": _cases_by_phrase(outcomes, settings=False),
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _by_family(outcomes: Iterable[Outcome]) -> Iterator[tuple[str, list[Outcome]]]:
    def family(outcome: Outcome) -> str:
        return outcome.case.family

    for name, members in groupby(sorted(outcomes, key=family), key=family):
        yield name, list(members)


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {verdict.value: sum(outcome.verdict is verdict for outcome in outcomes) for verdict in Verdict}


def _count_line(name: str, outcomes: Sequence[Outcome]) -> str:
    passed, failed, not_expressible = _counts(outcomes).values()
    return f"{name:<10}{passed:>8}{failed:>8}{not_expressible:>17}"


def _detail(outcome: Outcome) -> Iterator[str]:
    case = outcome.case
    reason = f": {outcome.reason}" if outcome.reason else f" under {outcome.settings.policies.version}"
    yield f"  {case.id}  {case.feature}{reason}"
    for difference in outcome.differences:
        yield f"    {difference.path}: expected {difference.expected}, got {difference.actual}"
    if outcome.verdict is Verdict.FAILED:
        yield f"    asked: {json.dumps(case.inputs, ensure_ascii=False, default=str)}"


def _case_as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.case.id,
        "feature": outcome.case.feature,
        "verdict": outcome.verdict.value,
        "policies": outcome.settings.policies.version,
        "reason": outcome.reason,
        "differences": [
            {"figure": difference.path, "expected": difference.expected, "actual": difference.actual}
            for difference in outcome.differences
        ],
    }


def _cases_by_phrase(outcomes: Iterable[Outcome], *, settings: bool) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for outcome in outcomes:
        for phrase in outcome.settings.unknown if settings else outcome.settings.prose:
            found.setdefault(phrase, []).append(outcome.case.id)
    return found
