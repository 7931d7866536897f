"""A server of ours in a process of its own, for tests, benchmarks and the demo.

The child says in one line on standard output that it is ready, and where. It ends when its standard input
does, which this process holds open while it lives: so it never outlives whoever started it.

Belongs here: starting, stopping and killing such a child, and both ends of that agreement. Does not belong
here: what a child serves.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_WITH_PARENT = "--stop-with-parent"


class ChildProcess:
    """`python -m module arguments`, in `environment` on top of this process's own.

    `ready` is how the child's first line begins; what follows it is `announced`. Messages of the child go to
    the file `log`. Secrets belong in `environment`: everybody can read arguments.
    """

    def __init__(
        self, module: str, arguments: Sequence[str], *, environment: Mapping[str, str], ready: str, log: Path
    ) -> None:
        self._module = module
        self._command = [sys.executable, "-m", module, *arguments, STOP_WITH_PARENT]
        self._environment = environment
        self._ready = ready
        self._log = log
        self._child: subprocess.Popen[str] | None = None
        self.announced = ""

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> Self:
        """Start the child and wait until it is ready. Raises RuntimeError with the end of its log."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self._child = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
                self._command,
                env={**os.environ, **self._environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._child.stdout is not None  # noqa: S101
        line = self._child.stdout.readline()
        if not line.startswith(self._ready):
            self._end(subprocess.Popen[str].kill)
            raise RuntimeError(f"{self._module} did not start: {self._log.read_text()[-2_000:].strip()}")
        self.announced = line.removeprefix(self._ready).strip()
        return self

    def stop(self) -> int:
        """Let the child finish what it is doing and end; its exit code."""
        return self._end(subprocess.Popen[str].terminate)

    def kill(self) -> int:
        """End the child at once, as `kill -9` does."""
        return self._end(subprocess.Popen[str].kill)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self.stop()

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None:
            raise RuntimeError(f"{self._module} is not running; call start() first.")
        return self._child

    def _end(self, how: Callable[[subprocess.Popen[str]], None]) -> int:
        child = self._running()
        how(child)
        try:
            code = child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()
            code = child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        self._child = None
        return code


def stop_with_parent() -> None:
    """In the child: end this process, by SIGTERM, when its standard input ends."""

    def watch() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, aborts the interpreter's shutdown.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def say_ready(ready: str, where: str = "") -> None:
    """In the child: the line that `start` waits for."""
    sys.stdout.write(f"{ready}{where}\n")
    sys.stdout.flush()
