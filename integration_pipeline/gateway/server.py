"""Running a gateway: in this process (`serve`) or as a child of this one (`GatewayProcess`).

Several may run on one database, behind a balancer or on one port that the system shares out among them.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import structlog
import uvicorn
from pydantic import SecretStr
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from integration_pipeline.child_process import ChildProcess
from integration_pipeline.gateway.app import create_app
from integration_pipeline.gateway.protocol import BoundedHttpProtocol
from integration_pipeline.gateway.refusals import log
from integration_pipeline.gateway.session import CONNECT_SECONDS
from integration_pipeline.runtime import database
from integration_pipeline.settings import Settings
from integration_pipeline.store.migrate import upgrade

READY: Final = "gateway on "
MAX_CONNECTIONS: Final = 512
"""Beyond this, connections get 503 at once."""

_PASSED_ON: Final = (
    "database_url",
    "data_dir",
    "mapping_file",
    "hubspot_client_secret",
    "salesforce_organization",
    "salesforce_outbound_tokens",
    "salesforce_relay_secrets",
    "quickbooks_webhook_tokens",
    "xero_webhook_keys",
    "stripe_webhook_secrets",
    "plaid_client_id",
    "plaid_secret",
    "plaid_base_url",
    "usage_api_key",
    "public_url",
    "gateway_host",
    "gateway_port",
)


def serve(settings: Settings, *, announce: Callable[[str], None] | None = None) -> None:
    """Serve on `gateway_host` and `gateway_port` until SIGTERM or SIGINT, then finish running requests.

    Port 0 takes a free one; `announce` is told the base URL once connections are accepted. The database is
    migrated if it can be reached, and need not be. Raises OSError when the port is taken by something else.
    """
    configure_logging()
    with (
        database(settings) as url,
        socket.create_server(
            (settings.gateway_host, settings.gateway_port), reuse_port=hasattr(socket, "SO_REUSEPORT")
        ) as listener,
    ):
        _migrate(url)
        server = uvicorn.Server(http_config(settings, url))
        if announce is not None:
            announce(f"http://{settings.gateway_host}:{listener.getsockname()[1]}")
        # uvicorn raises the signal again after its shutdown; turned into KeyboardInterrupt it ends here.
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, before)


def http_config(settings: Settings, database_url: str) -> uvicorn.Config:
    """How uvicorn is to serve a gateway: within bounds, and without telling of itself."""
    return uvicorn.Config(
        create_app(settings, database_url),
        http=BoundedHttpProtocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
    )


class GatewayProcess(ChildProcess):
    """A gateway in a process of its own, for tests, benchmarks and the demo.

    >>> with GatewayProcess(settings, log=folder / "gateway.log") as gateway:
    ...     httpx.get(gateway.base_url + "/readyz")

    `settings` name the database and the secrets; all of them travel by environment.
    """

    def __init__(self, settings: Settings, *, log: Path) -> None:
        super().__init__(
            "integration_pipeline.gateway", [], environment=_environment(settings), ready=READY, log=log
        )

    @property
    def base_url(self) -> str:
        """`http://127.0.0.1:8800`, while the gateway runs."""
        return self.announced

    @property
    def webhook_url(self) -> str:
        """Where HubSpot is to send its webhooks."""
        return f"{self.base_url}/webhooks/hubspot"

    def start(self) -> Self:
        super().start()
        return self


def configure_logging() -> None:
    """Every message is one line of JSON on standard error."""
    stamped = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *stamped,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=stamped,
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _migrate(url: str) -> None:
    engine = create_engine(
        url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_SECONDS}
    )
    try:
        upgrade(engine)
    except OperationalError:
        log.warning("the database cannot be reached yet; webhooks are refused until it can")
    finally:
        engine.dispose()


def _environment(settings: Settings) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name in _PASSED_ON:
        value = getattr(settings, name)
        if value is not None:
            variables[name.upper()] = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    return variables
