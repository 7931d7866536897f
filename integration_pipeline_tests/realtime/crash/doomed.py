"""Our programs as they are shipped, but one that reaches a chosen point is killed there, or kills another.

Traps lie in a folder. Whoever reaches the point that a trap waits for, for the chosen time, takes it away
and sends SIGKILL to its victims. So it is sprung once, whoever comes first, and a program need not be started
anew to have another one laid for it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection as Wire
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event

from integration_pipeline.gateway.server import serve as serve_gateway
from integration_pipeline.inbox.milestones import watch
from integration_pipeline.realtime.process import serve as serve_worker
from integration_pipeline.settings import Settings

BEFORE_CLAIM_COMMIT = "before_claim_commit"
CLAIM_COMMITTED = "claim_committed"
BEFORE_POSTING_COMMIT = "before_posting_commit"

_TRAP = "trap.json"
# What a connection's open transaction is about to commit.
_UNDER_WAY = "doomed.under_way"


@dataclass(frozen=True, slots=True)
class Trap:
    """At the `nth` time that `point` is reached `victims` die (pids); without any, whoever reached it."""

    point: str
    nth: int = 1
    victims: tuple[int, ...] = ()

    def lay(self, folder: Path) -> None:
        draft = folder / "draft.json"
        draft.write_text(json.dumps(asdict(self)))
        draft.rename(folder / _TRAP)


class Doom:
    """Watches what points this program reaches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._times: Counter[str] = Counter()
        self._counted_for = ""

    def reached(self, point: str) -> None:
        with suppress(FileNotFoundError):
            laid = (self._folder / _TRAP).read_text()
            if laid != self._counted_for:
                self._counted_for = laid
                self._times.clear()
            self._times[point] += 1
            trap = json.loads(laid)
            if trap["point"] == point and self._times[point] >= trap["nth"]:
                (self._folder / _TRAP).unlink()
                kill_all(trap["victims"] or [os.getpid()])


def kill_all(pids: Sequence[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def with_children(pid: int) -> tuple[int, ...]:
    """A process and its children, the parent first: it would otherwise start others in their place."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid="],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split() for line in listed.splitlines()]
    return (pid, *(int(child) for child, parent in rows if int(parent) == pid))


def _watch_posting(doom: Doom) -> None:
    """Points within the stage `post`, as its connection passes them."""

    def statement(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if "INTO posting.attempts" in statement:
            connection.info[_UNDER_WAY] = BEFORE_CLAIM_COMMIT
        elif "ledger.post_documents" in statement:
            doom.reached(CLAIM_COMMITTED)
            connection.info[_UNDER_WAY] = BEFORE_POSTING_COMMIT

    def commit(connection: Connection) -> None:
        under_way: Any = connection.info.pop(_UNDER_WAY, None)
        if under_way is not None:
            doom.reached(under_way)

    event.listen(Engine, "before_cursor_execute", statement)
    event.listen(Engine, "commit", commit)


def gateway(_doom: Doom, ready: Callable[[], None]) -> None:
    """The gateway, as `python -m integration_pipeline.gateway` runs it."""
    serve_gateway(Settings.load(), announce=lambda _url: ready())


def worker(doom: Doom, ready: Callable[[], None]) -> None:
    """The worker, as `python -m integration_pipeline.realtime` runs it."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    _watch_posting(doom)
    serve_worker(Settings.load(), announce=ready)


def run(
    program: Callable[[Doom, Callable[[], None]], None],
    environment: Mapping[str, str],
    traps: Path,
    log: Path,
    wire: Wire,
) -> None:
    """In a process of its own: a program that says on `wire` when it is ready, and ends with its parent."""
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)

    def end_with_parent() -> None:
        with suppress(EOFError, OSError):
            wire.recv()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=end_with_parent, daemon=True).start()
    doom = Doom(traps)
    watch(doom.reached)
    program(doom, lambda: wire.send("ready"))
