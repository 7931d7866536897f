"""What runs beside the worker: a thread for each accounting system that documents go to, one for each vendor
whose accounts are looked at, and one that tells the CRM. They begin anew when the targets file changes.

Belongs here: opening what they need, noticing another targets file. Does not belong here: what they do
(`posting.delivery`, `lookout`, `looks`).
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from sqlalchemy import create_engine

from integration_pipeline.accounting.targets_file import TargetsFile
from integration_pipeline.payment_accounts import open_payment_accounts
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.posting.delivery import Delivery
from integration_pipeline.realtime.lookout import Account, Look, Lookout
from integration_pipeline.realtime.looks import WRITE_BACK, WritingBack, looks_of
from integration_pipeline.runtime import open_writer, with_driver
from integration_pipeline.settings import MissingSetting, Settings
from integration_pipeline.targets import open_targets, targets_of
from integration_pipeline.yaml_documents import stamp

LOOK_AGAIN_SECONDS = 2.0
"""How often files that may change are looked at."""
_TELL_SECONDS = 5.0
"""How often deals that something was booked for are told."""
_AFTER_SURPRISE_SECONDS = 1.0

_log = logging.getLogger(__name__)


@contextmanager
def beside(
    pipeline: Callable[[], Pipeline],
    settings: Settings,
    url: str,
    stop: threading.Event,
    *,
    look_again_seconds: float = LOOK_AGAIN_SECONDS,
) -> Generator[None]:
    """Run all of it until `stop` is set or the block ends.

    Another targets file is in force soon after it was written; one that cannot be used changes nothing.
    Raises `MissingSetting` for an account that is configured without what opens it.
    """
    running = _Running(pipeline, settings, url)
    watcher = threading.Thread(target=running.watch, args=(stop, look_again_seconds), name="targets file")
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()


class _Running:
    """The threads under one targets file after the other."""

    def __init__(self, pipeline: Callable[[], Pipeline], settings: Settings, url: str) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._url = url
        self._seen = self._stamp()
        self._file = _usable(settings)
        self._threads = self._begun()

    def watch(self, stop: threading.Event, every_seconds: float) -> None:
        """Until `stop` is set; then none of them runs any more."""
        try:
            while not stop.wait(every_seconds):
                if self._threads is None or self._changed():
                    self._begin_anew()
        finally:
            self._end()

    def _changed(self) -> bool:
        """Whether there is another file, which can be used."""
        seen, self._seen = self._seen, self._stamp()
        if seen == self._seen:
            return False
        try:
            file = _usable(self._settings)
        except (ValueError, OSError, MissingSetting) as error:
            _log.error("the targets file on disk cannot be used, the old one stays: %s", error)
            return False
        changed, self._file = file != self._file, file
        return changed

    def _begin_anew(self) -> None:
        names = ", ".join(each.name for each in self._file.targets)
        _log.warning("documents go to %s from now on", names or "no accounting system")
        self._end()
        try:
            self._threads = self._begun()
        except Exception:
            _log.exception("what runs beside the worker cannot begin; it is tried again")

    def _begun(self) -> ExitStack:
        with ExitStack() as opened:
            opened.enter_context(_threads(self._pipeline, self._settings, self._file, self._url))
            return opened.pop_all()

    def _end(self) -> None:
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.close()

    def _stamp(self) -> tuple[int, int]:
        file = self._settings.targets_file
        return (0, 0) if file is None else stamp(file)


@contextmanager
def _threads(
    pipeline: Callable[[], Pipeline], settings: Settings, file: TargetsFile, url: str
) -> Generator[None]:
    """Deliveries and lookouts, each in a thread, until the block ends."""
    stop = threading.Event()
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


def _usable(settings: Settings) -> TargetsFile:
    """The targets file on disk. Raises `InvalidDocument`; and `MissingSetting` for a target without its app:
    its connection lasts until the token ends, and that would be noticed only then.
    """
    file = targets_of(settings)
    apps = {app.vendor for app in settings.credentials().apps()}
    for target in file.targets:
        if target.vendor not in apps:
            prefix = target.vendor.upper()
            raise MissingSetting(
                f"{prefix}_CLIENT_ID",
                f"the target {target.name} needs it and {prefix}_CLIENT_SECRET to renew its access",
            )
    return file
