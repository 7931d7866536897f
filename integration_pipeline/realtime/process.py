"""The worker as a process: its database, its CRM, its rules as they are on disk.

Belongs here: opening what it needs, noticing that the mapping or the rules changed, ending on a signal. Does
not belong here: the work (`worker`), what runs in other threads of the process (`beside`).
"""

from __future__ import annotations

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from sqlalchemy import Engine, create_engine

from integration_pipeline.child_process import ChildProcess
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.stages import WORKER_SESSION, run_stages
from integration_pipeline.realtime.beside import LOOK_AGAIN_SECONDS, beside
from integration_pipeline.realtime.worker import Worker
from integration_pipeline.runtime import database, open_source, pipeline_on, with_driver
from integration_pipeline.settings import Settings
from integration_pipeline.transport.client import RetryPolicy, TimeLimits
from integration_pipeline.yaml_documents import stamp

READY = "real-time worker is ready"
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
        if time.monotonic() - self._looked >= LOOK_AGAIN_SECONDS and self._looking.acquire(blocking=False):
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
        return [stamp(file) for file in self._files]

    def _read_again(self) -> None:
        try:
            self._pipeline = pipeline_on(self._engine, self._settings)
        except ValueError as error:
            _log.error("the mapping or the rules on disk cannot be used, the old ones stay: %s", error)
        else:
            _log.warning("mapping %s is in force", self._pipeline.mapping_version)


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
            with beside(pipeline, settings, url, stop):
                announce()
                worker.run(stop)
        finally:
            engine.dispose()


def worker_process(environment: Mapping[str, str], log: Path) -> ChildProcess:
    """A worker in a process of its own, under the settings in `environment`."""
    return ChildProcess("integration_pipeline.realtime", [], ready=READY, log=log, environment=environment)
