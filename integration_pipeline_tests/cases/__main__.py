"""Run published billing cases: `python -m integration_pipeline_tests.cases FILE`.

Exits with 0 if no case failed, 1 if one did, 2 if the file could not be read.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from integration_pipeline_tests.cases.case_file import MalformedFile, read_cases
from integration_pipeline_tests.cases.report import as_json, as_text
from integration_pipeline_tests.cases.runner import Verdict, run


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="cases", description="Run published billing cases through the engine."
    )
    parser.add_argument("file", type=Path, help="a JSON file of cases")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--strict", action="store_true", help="list what was not read as a policy")
    parser.add_argument("--family", help="only the cases of one family, such as KB")
    parser.add_argument("--id", help="only this case")
    options = parser.parse_args(arguments)
    try:
        cases = read_cases(options.file)
    except MalformedFile as error:
        sys.stderr.write(f"{error}\n")
        return 2
    chosen = [
        case for case in cases if options.family in (None, case.family) and options.id in (None, case.id)
    ]
    outcomes = run(chosen)
    sys.stdout.write(as_json(outcomes) if options.json else as_text(outcomes, strict=options.strict))
    return int(any(outcome.verdict is Verdict.FAILED for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
