"""What the routes of one gateway share."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from integration_pipeline.gateway.bodies import Bodies
from integration_pipeline.gateway.committer import Committer
from integration_pipeline.gateway.metrics import Metrics
from integration_pipeline.gateway.session import Session
from integration_pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """`engine` is for what runs in threads; `reading` for the readiness probe."""

    settings: Settings
    metrics: Metrics
    bodies: Bodies
    committer: Committer
    reading: Session
    engine: Engine

    def hubspot_secrets(self) -> tuple[str, ...]:
        """The app's secrets, several while it changes: HUBSPOT_CLIENT_SECRET, separated by commas."""
        given = self.settings.hubspot_client_secret
        listed = given.get_secret_value().split(",") if given is not None else ()
        return tuple(secret.strip() for secret in listed if secret.strip())

    async def close(self) -> None:
        await self.committer.close()
        await self.reading.close()
        self.engine.dispose()
