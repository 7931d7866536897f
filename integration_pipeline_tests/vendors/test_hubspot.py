"""The HubSpot connector and the standard tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline_tests.vendors.hubspot_rig import HubSpotRig
from integration_pipeline_tests.vendors.standard import StandardPaging, StandardReading, clock

__all__ = ["clock"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubSpotRig]:
    with HubSpotRig(tmp_path_factory.mktemp("hubspot")) as rig:
        yield rig


@pytest.fixture
def rig(running: HubSpotRig) -> HubSpotRig:
    running.reset()
    return running


class TestReading(StandardReading[HubSpotSource]):
    pass


class TestPaging(StandardPaging[HubSpotSource]):
    pass
