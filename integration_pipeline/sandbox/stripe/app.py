"""Stripe's sandbox as an ASGI application. What it answers is `endpoints`, what happens in it `admin`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.frame import FrameOptions, frame
from integration_pipeline.sandbox.notifications.events import Attempt, JsonObject, Post
from integration_pipeline.sandbox.notifications.service import Notifications
from integration_pipeline.sandbox.storage import SqliteFile
from integration_pipeline.sandbox.stripe.account import Account
from integration_pipeline.sandbox.stripe.admin import Admin
from integration_pipeline.sandbox.stripe.endpoints import ENDPOINTS
from integration_pipeline.sandbox.stripe.errors import StripeError, internal, unserved
from integration_pipeline.sandbox.stripe.idempotency import Idempotency
from integration_pipeline.sandbox.stripe.keys import KeyRing, Keys
from integration_pipeline.sandbox.stripe.limits import Limits, RateLimiter
from integration_pipeline.sandbox.stripe.objects import SCHEMA
from integration_pipeline.sandbox.stripe.serving import Office
from integration_pipeline.sandbox.stripe.versions import CURRENT, is_version
from integration_pipeline.sandbox.stripe.webhooks import RETRY_SECONDS, Signer
from integration_pipeline.sandbox.stripe.wording import StripeWording
from integration_pipeline.sandbox.told import ADMIN_ROOT


class Options(FrameOptions):
    """An account: its keys, the signing secrets of its webhooks (`whsec_…`), its limits and API version.

    `api_version` is the account's own, in which its events are written; one before 2025-03-31 has the links
    between invoices and payments that later ones have not.
    """

    keys: Keys
    webhook_secrets: Annotated[Sequence[SecretStr], Field(min_length=1)]
    api_version: str = CURRENT
    limits: Limits = Limits()

    @field_validator("api_version")
    @classmethod
    def _known(cls, version: str) -> str:
        if not is_version(version):
            raise ValueError(f"{version!r} is no API version; write 2026-10-28.endive or 2024-06-20")
        return version


def create_app(data_dir: Path, options: Options) -> Starlette:
    """The account in `data_dir`. Raises `StorageInUseError` when another process has the directory."""
    clock = SandboxClock(options.speed)
    file = SqliteFile(data_dir / "stripe.sqlite", SCHEMA)
    signer = Signer(file, clock.now_ms(), [each.get_secret_value() for each in options.webhook_secrets])

    def compose(events: Sequence[JsonObject], attempt: Attempt) -> Post:
        return signer.post(account.objects, events, attempt)

    notifications = Notifications(
        data_dir, clock, compose, retry_seconds=RETRY_SECONDS, most_events=1, deadline_seconds=20
    )
    account = Account(file, clock, notifications, api_version=options.api_version)
    office = Office(account, KeyRing(options.keys), RateLimiter(options.limits, clock), Idempotency(file))

    async def stop() -> None:
        await notifications.stop()
        file.close()

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, StripeError)  # noqa: S101 - registered for it alone
        if request.url.path.startswith(ADMIN_ROOT):
            return JSONResponse({"message": error.message}, 400)
        return error.response()

    async def not_served(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
        return unserved(request.method, request.url.path).response()

    async def failed(_: Request, __: Exception) -> Response:
        # The traceback goes to the log; Starlette raises the exception again after this answer.
        return internal().response()

    return frame(
        [
            *(Route(each.path, office.serving(each), methods=[each.method]) for each in ENDPOINTS),
            *Admin(office, signer).routes(),
            *notifications.routes(),
        ],
        options=options,
        clock=clock,
        wording=StripeWording(),
        exception_handlers={StripeError: refused, HTTPException: not_served, Exception: failed},
        on_start=notifications.start,
        on_stop=stop,
    )
