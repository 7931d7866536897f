"""The faults a person can do something about; everything else keeps its traceback."""

from __future__ import annotations

from sqlalchemy.exc import OperationalError

from integration_pipeline.accounting.targets_file import UnknownTarget
from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.credentials import InvalidKeys
from integration_pipeline.sandbox.datasets.account import LoadError
from integration_pipeline.sandbox.datasets.public import PublicDataError
from integration_pipeline.settings import MissingSetting
from integration_pipeline.store.embedded import EmbeddedPostgresError
from integration_pipeline.transport.failures import VendorFailure
from integration_pipeline.yaml_documents import InvalidDocument

KNOWN_FAULTS = (
    EmbeddedPostgresError,
    InvalidDocument,
    InvalidKeys,
    InvalidTerms,
    LoadError,
    MissingSetting,
    OperationalError,
    PublicDataError,
    UnknownTarget,
    VendorFailure,
)
