"""The transport by itself and the standard tests: what every connector gets from it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_pipeline.transport.client import VendorClient
from integration_pipeline_tests.vendors.hubspot_rig import TransportRig
from integration_pipeline_tests.vendors.standard import StandardReading, StandardWriting, clock

__all__ = ["clock"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransportRig]:
    with TransportRig(tmp_path_factory.mktemp("hubspot")) as rig:
        yield rig


@pytest.fixture
def rig(running: TransportRig) -> TransportRig:
    running.reset()
    return running


class TestReading(StandardReading[VendorClient]):
    pass


class TestWriting(StandardWriting[VendorClient]):
    pass
