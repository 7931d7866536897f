"""The worker as a process: its database, its CRM, its rules as they are on disk. Beside the worker there is a
thread for each accounting system that documents go to, and for each vendor whose accounts are looked at.

Belongs here: opening what they need, noticing that the mapping or the rules changed, ending on a signal. Does
not belong here: the work (`worker`, `posting.delivery`, `lookout`).
"""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from sqlalchemy import Engine, create_engine

from integration_pipeline.accounting.targets_file import TargetsFile
from integration_pipeline.child_process import ChildProcess
from integration_pipeline.payment_accounts import open_payment_accounts
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import WORKER_SESSION, run_stages
from integration_pipeline.posting.delivery import Delivery
from integration_pipeline.realtime.lookout import Account, Look, Lookout
from integration_pipeline.realtime.looks import WRITE_BACK, WritingBack, looks_of
from integration_pipeline.realtime.worker import Worker
from integration_pipeline.runtime import database, open_source, open_writer, pipeline_on, with_driver
from integration_pipeline.settings import MissingSetting, Settings
from integration_pipeline.targets import open_targets, targets_of
from integration_pipeline.transport.client import RetryPolicy, TimeLimits

READY = "real-time worker is ready"
_LOOK_AGAIN_SECONDS = 2.0
_TELL_SECONDS = 5.0
"""How often deals that something was booked for are told."""
_AFTER_SURPRISE_SECONDS = 1.0
# A batch holds its records' locks while it reads. Better that it gives up soon and its events come again.
_RETRIES = RetryPolicy(attempts=4, base_seconds=0.05, cap_seconds=2.0, total_seconds=8.0)
_TIME_LIMITS = TimeLimits(connect=2.0, read=5.0, answer=10.0)

_log = logging.getLogger(__name__)


class CurrentPipeline:
    """The pipeline under the mapping and rules on disk, read anew within two seconds of a change.

    Files that cannot be read, or that the ledger refuses, change nothing: the ones in force stay.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._files = tuple(
            file
            for file in (settings.mapping_file, settings.rules_file, settings.targets_file)
            if file is not None
        )
        self._seen = self._stamps()
        self._looked = time.monotonic()
        self._pipeline = pipeline_on(engine, settings)
        self._looking = threading.Lock()

    def __call__(self) -> Pipeline:
        # Whoever comes while another thread looks goes on with what was in force.
        if time.monotonic() - self._looked >= _LOOK_AGAIN_SECONDS and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        return self._pipeline

    def _look(self) -> None:
        self._looked = time.monotonic()
        if (stamps := self._stamps()) != self._seen:
            # A lost database raises: then the files are looked at again.
            self._read_again()
            self._seen = stamps

    def _stamps(self) -> list[tuple[int, int]]:
        return [_stamp(file) for file in self._files]

    def _read_again(self) -> None:
        try:
            self._pipeline = pipeline_on(self._engine, self._settings)
        except ValueError as error:
            _log.error("the mapping or the rules on disk cannot be used, the old ones stay: %s", error)
        else:
            _log.warning("mapping %s is in force", self._pipeline.mapping_version)


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def serve(settings: Settings, announce: Callable[[], None]) -> None:
    """Work until SIGTERM or SIGINT. `announce` is told when events can be claimed.

    Raises `MissingSetting` for an account that is configured without what opens it.
    """
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    with (
        database(settings) as url,
        open_source(settings, retries=_RETRIES, time_limits=_TIME_LIMITS) as source,
    ):
        engine = create_engine(url, hide_parameters=True, connect_args=dict(WORKER_SESSION))
        try:
            pipeline = CurrentPipeline(engine, settings)
            worker = Worker(pipeline, source, with_driver(url, "postgresql"))
            # Statements are prepared and modules are there before the first event comes.
            run_stages(pipeline(), Scope.deals([f"{source.name}:0"]))
            # What lives by now lives for good: looking through it again and again costs milliseconds.
            gc.collect()
            gc.freeze()
            with _beside(pipeline, settings, url, stop):
                announce()
                worker.run(stop)
        finally:
            engine.dispose()


@contextmanager
def _beside(
    pipeline: CurrentPipeline, settings: Settings, url: str, stop: threading.Event
) -> Generator[None]:
    """Deliveries and lookouts, each in a thread, until `stop` is set or the block ends."""
    file = targets_of(settings)
    _require_apps(settings, file)
    with ExitStack() as opened:
        # The worker's sessions are set up for a handful of deals; here whole tables may be gone through.
        engine = create_engine(url, hide_parameters=True)
        opened.callback(engine.dispose)

        def ordinary() -> Pipeline:
            return replace(pipeline(), engine=engine)

        targets = opened.enter_context(open_targets(settings, ordinary()))
        accounts = opened.enter_context(open_payment_accounts(settings))
        libpq_url = with_driver(url, "postgresql")
        threads = {
            f"delivery to {target.name}": Delivery(target, libpq_url).run for target in targets
        } | _lookouts(looks_of(ordinary, targets, file, accounts), settings, libpq_url)
        if pipeline().mapping.write_back is not None:
            writer = opened.enter_context(open_writer(settings))
            look = WritingBack(ordinary, writer, all_every_seconds=settings.look_again_seconds)
            lookout = Lookout({(WRITE_BACK, writer.name): look}, libpq_url, every_seconds=_TELL_SECONDS)
            threads["write back"] = lookout.run
        running = [_started(name, run, stop) for name, run in threads.items()]
        try:
            yield
        finally:
            stop.set()
            for thread in running:
                thread.join()


def _lookouts(
    looks: Mapping[Account, Look], settings: Settings, libpq_url: str
) -> dict[str, Callable[[threading.Event], None]]:
    """One for each vendor: reading the whole history of one must not hold up the others."""
    by_vendor: dict[str, dict[Account, Look]] = defaultdict(dict)
    for account, look in looks.items():
        by_vendor[account[0]][account] = look
    return {
        f"lookout for {vendor}": Lookout(own, libpq_url, every_seconds=settings.look_again_seconds).run
        for vendor, own in by_vendor.items()
    }


def _started(name: str, run: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
    def run_on() -> None:
        while not stop.is_set():
            try:
                run(stop)
            except Exception:
                _log.exception("%s ended; it is begun again", name)
                stop.wait(_AFTER_SURPRISE_SECONDS)

    thread = threading.Thread(target=run_on, name=name)
    thread.start()
    return thread


def _require_apps(settings: Settings, file: TargetsFile) -> None:
    """A connection without its app lasts until its token ends, and would be noticed only then."""
    apps = {app.vendor for app in settings.credentials().apps()}
    for target in file.targets:
        if target.vendor not in apps:
            prefix = target.vendor.upper()
            raise MissingSetting(
                f"{prefix}_CLIENT_ID",
                f"the target {target.name} needs it and {prefix}_CLIENT_SECRET to renew its access",
            )


def worker_process(environment: Mapping[str, str], log: Path) -> ChildProcess:
    """A worker in a process of its own, under the settings in `environment`."""
    return ChildProcess("integration_pipeline.realtime", [], ready=READY, log=log, environment=environment)
