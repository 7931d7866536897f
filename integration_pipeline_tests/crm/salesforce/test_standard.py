"""The Salesforce connector and the standard tests."""

from __future__ import annotations

import pytest

from integration_pipeline.crm.salesforce.source import SalesforceSource
from integration_pipeline_tests.crm.salesforce.conftest import Org
from integration_pipeline_tests.crm.salesforce.rig import SalesforceRig
from integration_pipeline_tests.vendors.rig import WoundClock, WritingRig
from integration_pipeline_tests.vendors.standard import (
    StandardPaging,
    StandardReading,
    StandardWriting,
    clock,
)

__all__ = ["clock"]

AHEAD_OF_TIME = True


@pytest.fixture
def rig(org: Org) -> SalesforceRig:
    return SalesforceRig(org)


class TestReading(StandardReading[SalesforceSource]):
    pass


class TestPaging(StandardPaging[SalesforceSource]):
    pass


class TestWriting(StandardWriting[SalesforceSource]):
    def test_a_document_the_vendor_refuses_is_rejected(
        self, rig: WritingRig[SalesforceSource], clock: WoundClock
    ) -> None:
        """A deal that is refused spoils no other of its call: `test_writing` has it."""
