"""The imitation of one Salesforce org as an ASGI application.

What it is told when it starts is `options`; what it does is the rest of this folder.
"""

from __future__ import annotations

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from integration_pipeline.sandbox.clock import SandboxClock
from integration_pipeline.sandbox.frame import frame
from integration_pipeline.sandbox.salesforce import admin
from integration_pipeline.sandbox.salesforce.errors import SalesforceError, not_found, unexpected
from integration_pipeline.sandbox.salesforce.gate import DATA, Gate
from integration_pipeline.sandbox.salesforce.login import token
from integration_pipeline.sandbox.salesforce.options import Options
from integration_pipeline.sandbox.salesforce.org import Org
from integration_pipeline.sandbox.salesforce.rendering import Answer
from integration_pipeline.sandbox.salesforce.rest.table import serve, versions
from integration_pipeline.sandbox.salesforce.wording import SalesforceWording

__all__ = ["Options", "create_app"]

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def create_app(data_dir: Path, options: Options) -> Starlette:
    """An org that lives in `data_dir`. Raises `StorageInUseError` when another process has it."""
    clock = SandboxClock(options.speed)
    org = Org(data_dir, options, clock)
    app = frame(
        [
            Route("/services/oauth2/token", token, methods=["POST"]),
            Route(DATA, versions, methods=["GET"]),
            Route(f"{DATA}/", versions, methods=["GET"]),
            Route(f"{DATA}/{{path:path}}", serve, methods=_METHODS),
            *admin.ROUTES,
            *org.announcing.routes(),
        ],
        options=options,
        clock=clock,
        wording=SalesforceWording(),
        exception_handlers={SalesforceError: _refused, HTTPException: _not_served, Exception: _failed},
        middleware=[Middleware(Gate, org=org)],
        on_start=org.announcing.start,
        on_stop=org.close,
    )
    app.state.org = org
    return app


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, SalesforceError)  # noqa: S101 - registered for it alone
    return Answer(error.body(), error.status)


async def _not_served(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it alone
    return Answer(not_found().body(), error.status_code)


async def _failed(_: Request, __: Exception) -> Response:
    # The traceback goes to the log; Starlette raises the exception again after this answer.
    return Answer(unexpected().body(), 500)
