"""The gateway as a web application: its routes, and what they share from start to stop."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from sqlalchemy import create_engine

from integration_pipeline.gateway.accounting import quickbooks, xero
from integration_pipeline.gateway.bodies import Bodies
from integration_pipeline.gateway.committer import Committer
from integration_pipeline.gateway.health import health_routes
from integration_pipeline.gateway.hubspot import hubspot
from integration_pipeline.gateway.metrics import Metrics
from integration_pipeline.gateway.own_fields import OwnFields
from integration_pipeline.gateway.parts import Parts
from integration_pipeline.gateway.payments import plaid, stripe
from integration_pipeline.gateway.refusals import Refused, refuse
from integration_pipeline.gateway.salesforce import salesforce_changes, salesforce_outbound
from integration_pipeline.gateway.session import CONNECT_SECONDS, Session
from integration_pipeline.gateway.usage import AT_ONCE, usage_routes
from integration_pipeline.gateway.webhooks import webhook_routes
from integration_pipeline.runtime import with_driver
from integration_pipeline.settings import Settings

_DESCRIPTION: Final = """
Takes what others announce: webhooks of CRMs, accounting and payment systems, and reports of usage. What is
acknowledged is committed.
"""


def create_app(settings: Settings, database_url: str) -> FastAPI:
    """A gateway before the database at `database_url` (SQLAlchemy's form), which need not be up yet."""
    libpq_url = with_driver(database_url, "postgresql")
    metrics = Metrics()
    parts = Parts(
        settings=settings,
        metrics=metrics,
        bodies=Bodies(),
        committer=Committer(Session(libpq_url, "gateway"), metrics),
        reading=Session(libpq_url, "gateway probes"),
        engine=create_engine(
            database_url,
            hide_parameters=True,
            pool_pre_ping=True,
            # Usage reports, and one who asks for metrics.
            pool_size=AT_ONCE + 1,
            max_overflow=0,
            pool_timeout=5,
            connect_args={"connect_timeout": CONNECT_SECONDS},
        ),
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        yield
        await parts.close()

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)  # noqa: S101 - registered for it alone
        return refuse(request, error)

    handlers: dict[Any, Any] = {Refused: refused}
    app = FastAPI(
        title="Integration pipeline gateway",
        description=_DESCRIPTION,
        version="1",
        lifespan=lifespan,
        exception_handlers=handlers,
        # The pages would load their scripts from other people's servers; the document itself is served.
        docs_url=None,
        redoc_url=None,
    )
    own_fields = OwnFields(settings.mapping_file)
    vendors = (
        hubspot(settings, own_fields),
        salesforce_outbound(settings),
        salesforce_changes(settings, own_fields),
        quickbooks(settings),
        xero(settings),
        stripe(settings),
        plaid(settings, parts.at_close),
    )
    app.include_router(webhook_routes(parts, vendors))
    app.include_router(usage_routes(parts))
    app.include_router(health_routes(parts))
    return app
