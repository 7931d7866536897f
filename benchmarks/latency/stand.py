"""The test stand: every program of the real-time path, each in a process of its own, on this machine only.

Belongs here: starting and stopping them, what they are told. Does not belong here: load, figures.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Engine

from benchmarks.latency.portal import Portal
from integration_pipeline.child_process import ChildProcess
from integration_pipeline.crm.hubspot.subscriptions import subscriptions
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.gateway.server import GatewayProcess
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.realtime.process import READY, worker_process
from integration_pipeline.runtime import DAGSTER_DATABASE, PIPELINE_DATABASE, open_engine
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import DEFAULT_MAPPING, Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.migrate import upgrade

ROOT = Path(__file__).parents[2]
_WATCHED = "benchmarks.latency.worker"
NO_LIMIT = 1_000_000
HUBSPOT_LIMIT = 190
"""Calls in ten seconds that one private app may make."""

# Both end with this program, and neither opens anything but it.
_TOKEN = "pat-benchmark"  # noqa: S105
_SECRET = "secret-of-the-benchmark"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Stand:
    """What runs throughout. `settings` are the pipeline's, as its programs get them."""

    home: Path
    server: EmbeddedPostgres
    sandbox: SandboxProcess
    gateway: GatewayProcess
    portal: Portal
    engine: Engine
    settings: Settings

    @property
    def database_url(self) -> str:
        """libpq's."""
        return self.server.url(PIPELINE_DATABASE, driver="postgresql")

    @property
    def database_log(self) -> Path:
        return self.server.data_dir / "postgres.log"

    def environment(self, *, realtime: bool) -> dict[str, str]:
        """For a program that works on this stand."""
        return {
            "DAGSTER_HOME": str(self.home / "dagster"),
            "DAGSTER_POSTGRES_URL": self.server.url(DAGSTER_DATABASE, driver="postgresql+psycopg2"),
            "DATABASE_URL": self.database_url,
            "HUBSPOT_BASE_URL": self.portal.base_url,
            "HUBSPOT_OVERLAP_MINUTES": "0",
            "HUBSPOT_TOKEN": _TOKEN,
            "MAPPING_FILE": str(DEFAULT_MAPPING),
            "PYTHONPATH": str(ROOT),
            "REALTIME": "on" if realtime else "off",
        }

    @contextmanager
    def working(self, calls_per_ten_seconds: int, stacks: Path | None = None) -> Generator[ChildProcess]:
        """One worker, until the end of the block."""
        environment = self.environment(realtime=True)
        environment["HUBSPOT_REQUESTS_PER_TEN_SECONDS"] = str(calls_per_ten_seconds)
        log = self.home / "worker.log"
        if stacks is None:
            worker = worker_process(environment, log)
        else:
            environment["STACKS_TO"] = str(stacks)
            worker = ChildProcess(_WATCHED, [], ready=READY, log=log, environment=environment)
        with worker:
            yield worker

    def listen(self) -> None:
        """Have everything that the mapping reads announced to the gateway."""
        mapping = read_mapping(self.settings.mapping_file)
        read = {kind: mapping.properties(kind) for kind in ObjectType}
        self.portal.announce_to(self.gateway.webhook_url, _SECRET, list(subscriptions(read)))

    def pids(self) -> dict[str, int]:
        """Process ids by program, PostgreSQL's that of the parent of all its processes."""
        postmaster = self.server.pid
        assert postmaster is not None  # noqa: S101 - it runs as long as the stand
        return {
            "sandbox CRM": self.sandbox.pid,
            "gateway": self.gateway.pid,
            "PostgreSQL": postmaster,
        }


@contextmanager
def stand(home: Path, database_settings: Mapping[str, str]) -> Generator[Stand]:
    """PostgreSQL, the sandbox and a gateway, in `home`."""
    home.mkdir(parents=True, exist_ok=True)
    # Commit timestamps cost next to nothing and tell when an entry was booked; all else is as shipped.
    settings = {"track_commit_timestamp": "on", **database_settings}
    with (
        EmbeddedPostgres.start(home / "postgres", settings=settings) as server,
        SandboxProcess(home / "sandbox", token=_TOKEN) as sandbox,
        Portal(sandbox.base_url, _TOKEN) as portal,
    ):
        server.ensure_database(PIPELINE_DATABASE)
        server.ensure_database(DAGSTER_DATABASE)
        pipeline_settings = Settings(
            database_url=server.url(PIPELINE_DATABASE, driver="postgresql"),
            hubspot_base_url=sandbox.base_url,
            hubspot_token=SecretStr(_TOKEN),
            hubspot_client_secret=SecretStr(_SECRET),
            hubspot_overlap_minutes=0,
            mapping_file=DEFAULT_MAPPING,
            gateway_port=0,
        )
        engine = open_engine(server.url(PIPELINE_DATABASE))
        try:
            upgrade(engine)
            with GatewayProcess(pipeline_settings, log=home / "gateway.log") as gateway:
                yield Stand(home, server, sandbox, gateway, portal, engine, pipeline_settings)
        finally:
            engine.dispose()
