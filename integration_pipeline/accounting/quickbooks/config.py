"""What the targets file says of a QuickBooks company.

Belongs here: the fields and Intuit's documented limits as defaults. Does not belong here: calls.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from integration_pipeline.accounting.config import TargetConfig
from integration_pipeline.transport.limits import AtOnce, Limit, Window


class QuickBooksConfig(TargetConfig):
    """One company; `account` is its realm id.

    Limits: 500 requests a minute and 10 a second, 40 batches a minute (vendor's documentation).
    """

    vendor: Literal["quickbooks"]
    base_url: str = "https://quickbooks.api.intuit.com"
    requests_per_minute: Annotated[int, Field(ge=1)] = 500
    requests_per_second: Annotated[int, Field(ge=1)] = 10
    batches_per_minute: Annotated[int, Field(ge=1)] = 40

    def limits(self) -> tuple[Limit, ...]:
        """What Intuit allows an app in one company."""
        return (
            Window(self.requests_per_minute, 60.0, name="minute"),
            Window(self.requests_per_second, 1.0, name="second"),
            Window(self.batches_per_minute, 60.0, "batch", name="batches"),
            AtOnce(10),
        )
