"""Which tests one worker of pytest-xdist runs together, because they share something that is slow to make.

Belongs here: the folders and files that share it. Does not belong here: what they share, which is in their
`conftest.py`.

By path, not by the mark `xdist_group`: pytest-xdist 3.8 writes a mark's group into the test's id, which with
pytest 9.2 has no effect (pytest-xdist's issue 1386). The group is then spread over all workers, silently.
"""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling  # pyright: ignore[reportMissingTypeStubs] - has none

_HERE = "integration_pipeline_tests"
TOGETHER = {
    f"{_HERE}/cli/test_demo.py": "demo",
    f"{_HERE}/cli/": "command line",
    f"{_HERE}/defs/": "dagster",
    f"{_HERE}/gateway/": "gateway",
    f"{_HERE}/realtime/crash/": "crashes",
    f"{_HERE}/reporting/": "read models",
}
"""By how a test's id begins, the first that fits; of all others those of one file are together."""


def group_of(test: str) -> str:
    """The group of the test with that id: what one file's tests share is made once, too."""
    return next(
        (group for start, group in TOGETHER.items() if test.startswith(start)), test.partition("::")[0]
    )


class Together(LoadScopeScheduling):
    """Hands out the groups in the order of their files."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
