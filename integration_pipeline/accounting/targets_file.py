"""The targets file: which accounting systems there are, and whose documents go there.

Belongs here: the shape of the file as a whole. Does not belong here: one vendor's accounts, items and tax
codes (`quickbooks.config`, `xero.config`), credentials (`credentials`).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import Field, model_validator

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.yaml_documents import Document, read_document

AnyTargetConfig: TypeAlias = Annotated[QuickBooksConfig | XeroConfig, Field(discriminator="vendor")]


class UnknownTarget(LookupError):  # noqa: N818 - reads as the statement it makes
    """The targets file has no target of that name."""


class TargetsFile(Document):
    """All accounting systems beside the own ledger, which has every document."""

    targets: tuple[AnyTargetConfig, ...] = ()

    @model_validator(mode="after")
    def _told_apart(self) -> TargetsFile:
        names = Counter(each.name for each in self.targets)
        if repeated := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"two targets are named {repeated[0]}")
        accounts = Counter((each.vendor, each.account) for each in self.targets)
        if repeated_accounts := [account for account, count in accounts.items() if count > 1]:
            vendor, account = repeated_accounts[0]
            # Each would take the other's documents for strangers, and one customer would be two.
            raise ValueError(f"two targets are the account {account} of {vendor}; list its entities in one")
        return self

    def named(self, name: str) -> QuickBooksConfig | XeroConfig:
        """The target of this name. Raises `UnknownTarget` naming those there are."""
        for each in self.targets:
            if each.name == name:
                return each
        known = ", ".join(each.name for each in self.targets) or "none"
        raise UnknownTarget(f"there is no target {name!r}; the targets file has {known}")


def read_targets(path: Path) -> TargetsFile:
    """The targets file at `path`. Raises `InvalidDocument` naming file, line, place and fault."""
    return read_document(path, TargetsFile)
