"""Keeps a family of processes from outliving the command that started it, even one that was killed.

`python guard.py PROGRAM ARGUMENT ...` runs the program in its own process group and reads standard input,
which the starter holds open. When that ends, because the starter closed it or is gone, the whole group is
interrupted and, after a grace period, killed. Run as a file, it imports nothing of ours and starts at once.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE_SECONDS = 8.0


def guard(command: list[str]) -> int:
    """Run `command` until it ends or standard input does; answers its exit code."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603
    threading.Thread(target=_stop_when_left_alone, args=(child,), daemon=True).start()
    return child.wait()


def _stop_when_left_alone(child: subprocess.Popen[bytes]) -> None:
    sys.stdin.buffer.read()
    os.killpg(child.pid, signal.SIGINT)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _kill_group(child.pid)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return  # everybody left by themselves


if __name__ == "__main__":
    sys.exit(guard(sys.argv[1:]))
