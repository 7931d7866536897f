"""The Xero connector and the standard tests: the connector reads, its calls write."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integration_pipeline.accounting.xero.target import XeroTarget
from integration_pipeline.transport.client import VendorClient
from integration_pipeline_tests.vendors.standard import (
    StandardPaging,
    StandardReading,
    StandardWriting,
    clock,
)
from integration_pipeline_tests.vendors.xero_rig import CallsRig, XeroRig

__all__ = ["clock"]


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[XeroRig]:
    with XeroRig(tmp_path_factory.mktemp("xero-reading")) as rig:
        yield rig


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallsRig]:
    with CallsRig(tmp_path_factory.mktemp("xero-writing")) as rig:
        yield rig


class _Connector:
    @pytest.fixture
    def rig(self, reading: XeroRig) -> XeroRig:
        reading.reset()
        return reading


class TestReading(_Connector, StandardReading[XeroTarget]):
    pass


class TestPaging(_Connector, StandardPaging[XeroTarget]):
    pass


class TestWriting(StandardWriting[VendorClient]):
    @pytest.fixture
    def rig(self, writing: CallsRig) -> CallsRig:
        writing.reset()
        return writing
