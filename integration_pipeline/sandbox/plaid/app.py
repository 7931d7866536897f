"""Plaid's sandbox as an ASGI application: answers are `endpoints`, what happens at the bank is `admin`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.frame import FrameOptions, frame
from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.plaid.admin import Admin
from integration_pipeline.sandbox.plaid.bank import Bank
from integration_pipeline.sandbox.plaid.endpoints import Plaid
from integration_pipeline.sandbox.plaid.errors import internal, not_found
from integration_pipeline.sandbox.plaid.items import Items, Timing
from integration_pipeline.sandbox.plaid.keys import KeyRing
from integration_pipeline.sandbox.plaid.limits import Limits, RateLimiter
from integration_pipeline.sandbox.plaid.storage import SCHEMA
from integration_pipeline.sandbox.plaid.sync import Mutations
from integration_pipeline.sandbox.plaid.webhooks import RETRY_SECONDS, accepted, compose
from integration_pipeline.sandbox.plaid.wording import PlaidWording
from integration_pipeline.sandbox.storage import SqliteFile


class Options(FrameOptions):
    """One client of Plaid.

    `initial_seconds` after a login its newest transactions are there, `historical_seconds` after it all.
    `legacy_webhooks` sends the codes of before /transactions/sync as well, which some clients still get.
    """

    client_id: str
    secret: SecretStr
    environment: Literal["sandbox", "production"] = "production"
    limits: Limits = Limits()
    initial_seconds: Annotated[int, Field(ge=0)] = 0
    historical_seconds: Annotated[int, Field(ge=0)] = 0
    legacy_webhooks: bool = False


def create_app(data_dir: Path, options: Options) -> Starlette:
    """The client's items in `data_dir`. Raises `StorageInUseError` when another process has the directory."""
    clock = SandboxClock(options.speed)
    file = SqliteFile(data_dir / "plaid.sqlite", SCHEMA)
    keys = KeyRing(file, clock)

    def signed(events: Sequence[JsonObject], attempt: Attempt) -> Post:
        return compose(keys, events, attempt)

    notifications = Notifications(
        data_dir,
        clock,
        signed,
        retry_seconds=RETRY_SECONDS,
        most_events=1,
        accepted=accepted,
        deadline_seconds=10,
    )
    items = Items(
        file,
        clock,
        notifications,
        environment=options.environment,
        timing=Timing(options.initial_seconds, options.historical_seconds),
    )
    bank = Bank(items, legacy_webhooks=options.legacy_webhooks)
    plaid = Plaid(
        bank, keys, RateLimiter(options.limits, clock), Mutations(), options.client_id, options.secret
    )

    async def stop() -> None:
        await notifications.stop()
        file.close()

    async def not_served(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
        return not_found(request.url.path).response()

    async def failed(_: Request, __: Exception) -> Response:
        # The traceback goes to the log; Starlette raises the exception again after this answer.
        return internal().response()

    return frame(
        [*plaid.routes(), *Admin(plaid).routes(), *notifications.routes()],
        options=options,
        clock=clock,
        wording=PlaidWording(),
        exception_handlers={HTTPException: not_served, Exception: failed},
        on_start=notifications.start,
        on_stop=stop,
    )
