"""The real-time path and the code location load the rules without paying for Great Expectations."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["rules", "suites", "native", "gx"])
def test_importing_loads_neither_great_expectations_nor_pandas(module: str) -> None:
    program = (
        f"import sys, integration_pipeline.quality.{module}\n"
        "print(sorted({'great_expectations', 'pandas', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    finished = subprocess.run(  # noqa: S603 - runs this interpreter on a fixed program
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert finished.stdout.strip() == "[]"
