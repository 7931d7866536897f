"""The Xero sandbox as an ASGI application; what it imitates is told by the modules beside it."""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from integration_pipeline.sandbox.frame import frame
from integration_pipeline.sandbox.xero import admin, oauth, routes
from integration_pipeline.sandbox.xero.errors import internal_error, not_found
from integration_pipeline.sandbox.xero.options import Options
from integration_pipeline.sandbox.xero.state import Xero
from integration_pipeline.sandbox.xero.wording import XeroWording

__all__ = ["Options", "create_app"]


def create_app(data_dir: Path, options: Options) -> Starlette:
    """Organisations that live in `data_dir`. Raises `StorageInUseError` when another process has it."""
    sandbox = Xero(data_dir, options)
    app = frame(
        [*oauth.ROUTES, *routes.ROUTES, *admin.ROUTES, *sandbox.webhooks.routes()],
        options=options,
        clock=sandbox.clock,
        wording=XeroWording(sandbox.limiter),
        exception_handlers={HTTPException: _not_served, Exception: _failed},
        on_start=sandbox.webhooks.start,
        on_stop=sandbox.close,
    )
    app.state.xero = sandbox
    return app


async def _not_served(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    answer = not_found().response()
    answer.status_code = error.status_code
    return answer


async def _failed(_: Request, __: Exception) -> Response:
    # The traceback goes to the log; Starlette raises the exception again after this answer.
    return internal_error().response()
