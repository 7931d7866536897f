"""The whole real-time path, a process each, any of which may be killed and started again.

Gateway and worker are forked from a process that has imported them: a tenth of the time of a new Python.

Belongs here: starting, killing, waiting until everything is settled. Does not belong here: what people change
in the CRM (`load`), where a program dies by itself (`doomed`), what has to be in the books (`expectation`).
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from multiprocessing.connection import Connection as Wire
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psycopg
from pydantic import SecretStr
from sqlalchemy import NullPool, create_engine

from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.runtime import PIPELINE_DATABASE, pipeline_on
from integration_pipeline.sandbox.hubspot.limits import Limits
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import DEFAULT_MAPPING, Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline_tests.ports import free_port
from integration_pipeline_tests.realtime.crash import doomed
from integration_pipeline_tests.realtime.crash.doomed import Trap, kill_all, with_children
from integration_pipeline_tests.realtime.expectation import ExpectedDeal, hold_books_to

TOKEN = "pat-crash"
_SECRET = "secret-of-the-crash-tests"
PATIENCE_SECONDS = 90
# Ten retries, the first at once, the last after half a minute at least: longer than anything here is down,
# since a sender that has given up says nothing of whoever it gave up on.
_RETRY_SCALE = 0.0008
_SUBSCRIPTIONS = (
    ("deal.creation", None),
    ("deal.deletion", None),
    ("deal.associationChange", None),
    ("deal.propertyChange", "dealstage"),
    ("deal.propertyChange", "amount"),
    ("company.propertyChange", "name"),
)


class Program(Enum):
    """What can be killed."""

    WORKER = "worker"
    GATEWAY = "gateway"
    SANDBOX = "sandbox"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True)
class _Child:
    """A program of ours. It ends when `wire` does, which this process holds."""

    process: ForkServerProcess
    wire: Wire

    @property
    def pid(self) -> int:
        assert self.process.pid is not None
        return self.process.pid

    def end(self) -> None:
        self.process.kill()
        self.process.join()
        self.wire.close()


@dataclass(slots=True)
class Rig:
    """Everything runs between `__enter__` and `__exit__`, but for what was killed and not `revive`d.

    `deals` is what the oracle expects, by the deal's id.
    """

    home: Path
    deals: dict[str, ExpectedDeal] = field(default_factory=dict[str, ExpectedDeal])
    gateway_port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    _sent: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]], init=False)
    _last_sent: str = field(default="0", init=False)
    _people: httpx.Client = field(init=False)
    _server: EmbeddedPostgres | None = field(default=None, init=False)
    _sandbox: SandboxProcess | None = field(default=None, init=False)
    _children: dict[Program, _Child] = field(default_factory=dict[Program, _Child], init=False)

    def __post_init__(self) -> None:
        self._people = httpx.Client(
            base_url=f"http://127.0.0.1:{self.sandbox_port}",
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=10,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        self.traps.mkdir(parents=True)
        try:
            for program in (Program.POSTGRES, Program.SANDBOX, Program.GATEWAY, Program.WORKER):
                self.start(program)
            self.call("PUT", "/_sandbox/webhooks", _webhooks(self.gateway_port))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._people.close()
        for child in self._children.values():
            child.end()
        if self._sandbox is not None:
            with suppress(RuntimeError):
                self._sandbox.kill()
        if self._server is not None:
            self._server.stop()

    @property
    def traps(self) -> Path:
        return self.home / "traps"

    @property
    def server(self) -> EmbeddedPostgres:
        assert self._server is not None
        return self._server

    @property
    def database_url(self) -> str:
        """libpq's. The socket stays where it is when the server is killed."""
        return self.server.url(PIPELINE_DATABASE, "postgresql")

    # Programs.

    def start(self, program: Program) -> None:
        """Start what is not running."""
        match program:
            case Program.POSTGRES:
                # As shipped: what is said to be on disk is to be there after a kill.
                self._server = EmbeddedPostgres.start(self.home / "postgres")
                self._server.ensure_database(PIPELINE_DATABASE)
            case Program.SANDBOX:
                limits = Limits(
                    requests_per_ten_seconds=None, requests_per_day=None, searches_per_second=None
                )
                self._sandbox = SandboxProcess(
                    self.home / "sandbox", token=TOKEN, port=self.sandbox_port, limits=limits
                )
                self._sandbox.start()
            case Program.GATEWAY:
                self._children[program] = self._fork(doomed.gateway, "gateway.log")
            case Program.WORKER:
                self._children[program] = self._fork(doomed.worker, "worker.log")

    def _fork(self, program: Callable[[doomed.Doom, Callable[[], None]], None], log: str) -> _Child:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([doomed.__name__])
        ours, theirs = context.Pipe()
        process = context.Process(
            target=doomed.run, args=(program, self._environment(), self.traps, self.home / log, theirs)
        )
        process.start()
        theirs.close()
        try:
            assert ours.recv() == "ready"
        except EOFError:
            raise RuntimeError(f"did not start\n{self.logs()}") from None
        return _Child(process, ours)

    def pids(self, program: Program) -> tuple[int, ...]:
        """All its processes."""
        match program:
            case Program.POSTGRES:
                postmaster = self.server.pid
                return () if postmaster is None else with_children(postmaster)
            case Program.SANDBOX:
                assert self._sandbox is not None
                return (self._sandbox.pid,)
            case _:
                return (self._children[program].pid,)

    def kill(self, program: Program) -> None:
        kill_all(self.pids(program))

    def lay(self, trap: Trap) -> None:
        """Have somebody killed when the time comes; the trap laid before is taken away."""
        trap.lay(self.traps)

    def is_dead(self, program: Program) -> bool:
        match program:
            case Program.POSTGRES:
                return self.server.pid is None
            case Program.SANDBOX:
                [pid] = self.pids(program)
                return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
            case _:
                return not self._children[program].process.is_alive()

    def wait_until_dead(self, program: Program) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.is_dead(program):
            assert time.monotonic() < deadline, f"{program.value} lives\n{self.logs()}"
            time.sleep(0.005)

    def revive(self, program: Program) -> None:
        """Start what was killed once more, as whoever looks after the machine does."""
        match program:
            case Program.SANDBOX:
                assert self._sandbox is not None
                self._sandbox.kill()
            case Program.GATEWAY | Program.WORKER:
                self._children[program].end()
            case Program.POSTGRES:
                pass
        self.start(program)

    def _environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.database_url,
            "HUBSPOT_BASE_URL": f"http://127.0.0.1:{self.sandbox_port}",
            "HUBSPOT_CLIENT_SECRET": _SECRET,
            "HUBSPOT_TOKEN": TOKEN,
            "HUBSPOT_OVERLAP_MINUTES": "0",
            "MAPPING_FILE": str(DEFAULT_MAPPING),
            "GATEWAY_PORT": str(self.gateway_port),
        }

    def settings(self) -> Settings:
        """The pipeline's, for what works in this process."""
        return Settings(
            database_url=self.database_url,
            hubspot_base_url=f"http://127.0.0.1:{self.sandbox_port}",
            hubspot_token=SecretStr(TOKEN),
            hubspot_overlap_minutes=0,
            mapping_file=DEFAULT_MAPPING,
        )

    # The CRM.

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask the sandbox, until it answers: it may be down just now. Only for what may be done twice."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._people.request(method, path, json=body)
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the sandbox does not come back"
                time.sleep(0.02)
            else:
                answer.raise_for_status()
                return answer.json() if answer.content else None

    # And what has to come of it.

    def wait_until_settled(self) -> None:
        """Until everything was delivered and nothing in the inbox waits."""
        self._wait_for_none(self._undelivered, "delivered")
        with psycopg.connect(self.database_url, autocommit=True) as connection:

            def unsettled() -> int:
                row = connection.execute(_UNSETTLED).fetchone()
                assert row is not None
                return int(row[0])

            self._wait_for_none(unsettled, "settled")

    def _undelivered(self) -> int:
        queue = self.call("GET", "/_sandbox/webhooks/queue")
        return sum(queue[each] for each in ("open", "duplicates", "requests"))

    def _wait_for_none(self, left: Callable[[], int], what: str) -> None:
        """Until nothing is left. Slowness is no fault, standing still is."""
        least, deadline = left(), time.monotonic() + PATIENCE_SECONDS
        while (now := left()) > 0:
            if now < least:
                least, deadline = now, time.monotonic() + PATIENCE_SECONDS
            assert time.monotonic() < deadline, f"{now} are never {what}\n{self.logs()}"
            time.sleep(0.01)

    def hold_to_promises(self) -> None:
        """All acknowledged events are in the inbox once, and done; the books are what the deals are worth."""
        self.hold_inbox_to_promises()
        with self.pipeline() as pipeline, pipeline.engine.connect() as connection:
            hold_books_to(connection, pipeline, self.deals)

    def hold_inbox_to_promises(self) -> None:
        """All acknowledged events are in the inbox once, and done."""
        deliveries = self._new_deliveries()
        statuses = {each["status"] for each in deliveries}
        assert statuses <= {"acknowledged"}, f"there are webhooks that are {statuses}"
        self._sent.update((each["type"], str(each["object_id"])) for each in deliveries)
        with psycopg.connect(self.database_url) as connection:
            kept = Counter[tuple[str, str]](connection.execute(_KEPT).fetchall())
            states = {row[0] for row in connection.execute("SELECT DISTINCT state FROM inbox.events")}
        assert kept == self._sent, f"lost: {self._sent - kept}, not sent or kept twice: {kept - self._sent}"
        assert states <= {"done"}, f"there are events that are {states}"

    def _new_deliveries(self) -> list[dict[str, Any]]:
        """The sandbox's account of its events since the last time, when all of them were settled."""
        found: list[dict[str, Any]] = []
        after: str | None = self._last_sent
        while after:
            page = self.call("GET", f"/_sandbox/webhooks/deliveries?after={after}")
            found += page["results"]
            after = page.get("paging", {}).get("next", {}).get("after")
        if found:
            self._last_sent = str(found[-1]["id"])
        return found

    @contextmanager
    def pipeline(self) -> Generator[Pipeline]:
        engine = create_engine(self.server.url(PIPELINE_DATABASE), poolclass=NullPool)
        try:
            yield pipeline_on(engine, self.settings())
        finally:
            engine.dispose()

    def logs(self) -> str:
        """The ends of what the programs said, for a test that fails."""
        files = (self.home / "worker.log", self.home / "gateway.log", self.home / "sandbox" / "server.log")
        return "\n".join(f"{file.name}: {file.read_text()[-3_000:]}" for file in files if file.exists())


def _webhooks(gateway_port: int) -> dict[str, object]:
    return {
        "target_url": f"http://127.0.0.1:{gateway_port}/webhooks/hubspot",
        "client_secret": _SECRET,
        "retry_scale": _RETRY_SCALE,
        "subscriptions": [
            {"event_type": kind} | ({"property_name": name} if name else {}) for kind, name in _SUBSCRIPTIONS
        ],
    }


_UNSETTLED = "SELECT count(*) FROM inbox.events WHERE state IN ('pending', 'failed')"
_KEPT = """
    SELECT kind, coalesce(body ->> 'fromObjectId', body ->> 'objectId') FROM inbox.events
"""
