"""What the routes of one gateway share."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field

from sqlalchemy import Engine

from integration_pipeline.gateway.bodies import Bodies
from integration_pipeline.gateway.committer import Committer
from integration_pipeline.gateway.metrics import Metrics
from integration_pipeline.gateway.session import Session
from integration_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """`engine` is for what runs in threads; `reading` for the readiness probe. `at_close` has what else ends
    with the gateway.
    """

    settings: Settings
    metrics: Metrics
    bodies: Bodies
    committer: Committer
    reading: Session
    engine: Engine
    at_close: ExitStack = field(default_factory=ExitStack)

    async def close(self) -> None:
        self.at_close.close()
        await self.committer.close()
        await self.reading.close()
        self.engine.dispose()
