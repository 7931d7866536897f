"""Running cases: every case gets exactly one outcome, whatever its adapter does.

Belongs here: a case to its outcome. Does not belong here: reading files (`case_file`) or showing (`report`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from integration_pipeline_tests.cases.comparison import Difference, differences
from integration_pipeline_tests.cases.registry import Case, NotExpressible, adapters_for
from integration_pipeline_tests.cases.settings import Settings, read_settings


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_EXPRESSIBLE = "not expressible"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a case: `reason` is why it is inexpressible or crashed, `differences` what is wrong."""

    case: Case
    verdict: Verdict
    settings: Settings
    reason: str = ""
    differences: tuple[Difference, ...] = ()


def run(cases: Iterable[Case]) -> tuple[Outcome, ...]:
    """One outcome per case, in order."""
    return tuple(run_case(case) for case in cases)


def run_case(case: Case) -> Outcome:
    """The first adapter that can express the case answers it. Never raises: a crash is a failed case.

    A figure that an adapter has no answer for is not expressible by it; a wrong one beside it still fails.
    """
    settings = read_settings(case.settings, case.convention)
    found = adapters_for(case.feature)
    if not (found.exact or found.by_pattern):
        reason = f"no adapter for feature {case.feature}"
        return Outcome(case, Verdict.NOT_EXPRESSIBLE, settings, reason)
    reasons: list[str] = []
    for adapter in (*found.exact, *found.by_pattern):
        name = f"{adapter.__module__.rpartition('.')[2]}.{adapter.__name__}"
        try:
            answer = adapter(case)
            wrong = tuple(differences(case.expected, answer, settings.shown_by))
        except NotExpressible as inexpressible:
            reasons.append(str(inexpressible))
            continue
        except Exception as crash:
            return Outcome(case, Verdict.FAILED, settings, f"{name} raised {type(crash).__name__}: {crash}")
        unanswered = [figure for figure in case.asked if figure not in answer]
        if unanswered and len(wrong) == len(unanswered):
            reasons.append(f"{name} does not answer {', '.join(unanswered)}")
            continue
        return Outcome(case, Verdict.FAILED if wrong else Verdict.PASSED, settings, differences=wrong)
    # Where adapters know the feature by name, what those of patterns miss would only hide what these do.
    telling = reasons[: len(found.exact)] or reasons
    return Outcome(case, Verdict.NOT_EXPRESSIBLE, settings, "; or: ".join(dict.fromkeys(telling)))
