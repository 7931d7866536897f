"""The QuickBooks connector and the standard tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget
from integration_pipeline_tests.vendors.quickbooks_rig import QuickBooksRig
from integration_pipeline_tests.vendors.standard import (
    StandardPaging,
    StandardReading,
    StandardWriting,
    clock,
)

__all__ = ["clock"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickBooksRig]:
    with QuickBooksRig(tmp_path_factory.mktemp("quickbooks")) as rig:
        yield rig


@pytest.fixture
def rig(running: QuickBooksRig) -> QuickBooksRig:
    running.reset()
    return running


class TestReading(StandardReading[QuickBooksTarget]):
    pass


class TestPaging(StandardPaging[QuickBooksTarget]):
    pass


class TestWriting(StandardWriting[QuickBooksTarget]):
    pass
