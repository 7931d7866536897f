"""What the system's process table says about a pid.

Belongs here: telling a live postmaster of a given data folder from a zombie and from a stranger with its
old pid.
Does not belong here: whether anything runs on a folder at all; the folder's lock answers that (folder.py).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def is_postmaster_of(pid: int, cluster: Path) -> bool:
    """Whether `pid` is alive, a postgres, and was started with `-D cluster`.

    The command line is judged, not the working folder: in a container root may not read the latter of another
    user's process. Backends rewrite their command line, so they never match.
    """
    command = _command_line_on_linux(pid) if sys.platform.startswith("linux") else _command_line_by_ps(pid)
    return f"postgres -D {cluster} " in command + " "


def _command_line_on_linux(pid: int) -> str:
    """The command line; nothing for a zombie, or when there is no such process."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return arguments.replace(b"\0", b" ").decode(errors="surrogateescape")


def _command_line_by_ps(pid: int) -> str:
    shown = subprocess.run(  # noqa: S603 - the pid is a number
        ["/bin/ps", "-ww", "-o", "stat=,command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    state, _, command = shown.partition(" ")
    return "" if state.startswith("Z") else command
