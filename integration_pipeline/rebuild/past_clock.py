"""The one rule that asks the clock, asked as it was then.

A record that was changed in the future by the clock of its time is not so by the clock of a rebuild. What
that clock said is kept in the verdict, and nowhere else.

Belongs here: verdicts that depend on the hour. Does not belong here: civil days (`calendar`).
"""

from __future__ import annotations

from collections.abc import Sequence

from integration_pipeline.pipeline.context import Evaluate
from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import Suite, Verdict
from integration_pipeline.quality.suites import RAW_DEALS
from integration_pipeline.rebuild.facts import Facts

_RULE = "modified_in_the_past"
_COLUMN = "modified_at_in_future"


def with_past_clock(evaluate: Evaluate, facts: Facts) -> Evaluate:
    """`evaluate`, for which those raw deals are ahead of the clock that were when they were judged."""
    ahead = {
        row.subject_id for row in facts.failures if row.subject_kind == "raw_record" and row.rule == _RULE
    }

    def evaluated(suite: Suite, rows: Sequence[Row]) -> Verdict:
        if suite.name == RAW_DEALS.name:
            rows = [{**row, _COLUMN: row["row_id"] in ahead} for row in rows]
        return evaluate(suite, rows)

    return evaluated
