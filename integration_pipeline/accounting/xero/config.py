"""What the targets file says of a Xero organisation.

Belongs here: the fields and Xero's documented limits as defaults. Does not belong here: calls.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from integration_pipeline.accounting.config import TargetConfig
from integration_pipeline.transport.limits import DAY, AtOnce, Limit, Window


class XeroConfig(TargetConfig):
    """One organisation; `account` is its tenant id.

    Limits: 60 calls a minute, 5 at once, 5,000 a day; 1,000 a day on the Starter tier (vendor's
    documentation).
    """

    vendor: Literal["xero"]
    base_url: str = "https://api.xero.com"
    calls_per_minute: Annotated[int, Field(ge=1)] = 60
    calls_per_day: Annotated[int, Field(ge=1)] = 5_000

    def limits(self) -> tuple[Limit, ...]:
        """What Xero allows an app in one organisation."""
        return (
            Window(self.calls_per_minute, 60.0, name="minute"),
            Window(self.calls_per_day, DAY, name="day"),
            AtOnce(5),
        )
