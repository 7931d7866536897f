"""What one Xero sandbox holds while it runs: storage, clock, sign-ins, limits, organisations, webhooks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from starlette.requests import Request

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.xero import idempotency, organisation, records, seed, tokens, webhooks
from integration_pipeline.sandbox.xero.idempotency import Answers
from integration_pipeline.sandbox.xero.limits import RateLimiter
from integration_pipeline.sandbox.xero.options import Options
from integration_pipeline.sandbox.xero.organisation import Organisation
from integration_pipeline.sandbox.xero.records import Records
from integration_pipeline.sandbox.xero.tokens import Tokens
from integration_pipeline.sandbox.xero.webhooks import Webhooks

_SCHEMA = records.SCHEMA + tokens.SCHEMA + organisation.SCHEMA + idempotency.SCHEMA + webhooks.SCHEMA
_TABLES = (
    "records", "codes", "access_tokens", "refresh_tokens", "connections", "organisations", "idempotency",
    "webhook_sequence",
)  # fmt: skip

# Whom records belong to that no app wrote: a person's, in Xero's pages.
NOBODY = ""


class Xero:
    """Raises `StorageInUseError` when another process has `data_dir`."""

    def __init__(self, data_dir: Path, options: Options) -> None:
        self.clock = SandboxClock(options.speed)
        self.storage = SqliteFile(data_dir / "xero.sqlite", _SCHEMA)
        self.apps = {app.client_id: app for app in options.apps}
        self.tenants = {tenant.id: tenant for tenant in options.tenants}
        self.tokens = Tokens(self.storage, self.clock, options.lifetimes, self.apps, self.tenants)
        self.limiter = RateLimiter(options.limits, self.clock)
        self.answers = Answers(self.storage, self.clock, options.lifetimes.idempotency_key)
        self.webhooks = Webhooks(data_dir, self.storage, self.clock, options.webhook_key)
        now = self.clock.now_ms()
        self.organisations = {
            tenant.id: Organisation(self.storage, tenant, now) for tenant in options.tenants
        }
        self._furnish()

    def records(self, tenant: str, app: str = NOBODY) -> Records:
        return Records(self.storage, self.clock, tenant, app)

    def reset(self) -> None:
        """New organisations, nobody signed in; limits stay."""
        with self.storage.transaction():
            for table in _TABLES:
                self.storage.write(f"DELETE FROM {table}")  # noqa: S608 - our own names
        for one in self.organisations.values():
            one.reload()
        self.webhooks.reset()
        self._furnish()

    async def close(self) -> None:
        await self.webhooks.stop()
        self.storage.close()

    def seven_places(self, at_ms: int) -> str:
        """As connections show a moment: `2019-12-07T18:46:19.5160000`."""
        moment = datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None)
        return moment.isoformat(timespec="milliseconds") + "0000"

    def _furnish(self) -> None:
        with self.storage.transaction():
            for one in self.organisations.values():
                seed.furnish(self.records(one.id), one.tenant)


def xero(request: Request) -> Xero:
    """The sandbox a request is made to."""
    return cast("Xero", request.app.state.xero)
