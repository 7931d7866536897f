"""The one rig on which everything goes wrong: each trouble finds what those before it left behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_pipeline_tests.realtime.crash.load import Office
from integration_pipeline_tests.realtime.crash.rig import Rig

SEED = 20_261_123


@pytest.fixture(scope="package")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig") / "home") as running:
        yield running


@pytest.fixture(scope="package")
def people(rig: Rig) -> Office:
    return Office(rig, SEED)
