"""The short program between ours and PostgreSQL's: takes the folder's lock, gives up root, executes.

Belongs here: what must happen inside the new process. It is run by its path with `python -I -S` and imports
the standard library alone; a `preexec_fn` doing the same can deadlock in a process with threads, as the
Dagster daemon and the gateway are.
Does not belong here: which program is run, with which options (server.py).

    launcher.py <lock file> <detach: 0|1> <uid> <gid> <program> -D <data folder> [argument ...]

The lock (flock) is handed on to the program and by it to every process it forks; the kernel releases it when
the last of them is gone. So whether anything still runs on a data folder is the kernel's answer. A pid in a
file cannot give it: that pid may be a zombie, may belong to another program by now, or to another container.

With `detach` the exit code 0 says that the lock is held and the program on its way, in a session of its own.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import sys
from collections.abc import Sequence

_LOCK_SECONDS = 10

# linux/capability.h, linux/prctl.h and linux/securebits.h
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_KEEPCAPS = 8
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2


def main(arguments: Sequence[str]) -> None:
    lock_file, detach, uid, gid, *command = arguments
    lock = os.open(lock_file, os.O_RDWR | os.O_CLOEXEC)
    # The starter knows the lock to be free, but for the moments in which others ask whether it is.
    signal.alarm(_LOCK_SECONDS)
    fcntl.flock(lock, fcntl.LOCK_EX)
    signal.alarm(0)
    os.set_inheritable(lock, True)
    if int(detach):
        # Not the starter's child, so that it outlives the starter and never becomes the starter's zombie; in
        # a session of its own, so that a Ctrl-C meant for the starter does not reach it.
        if os.fork():
            os._exit(0)
        os.setsid()
    os.chdir("/")
    os.umask(0o077)
    if os.geteuid() == 0:
        give_up_root(int(uid), int(gid), program=command[0], data=command[2])
    os.execv(command[0], command)  # noqa: S606 - a list of arguments, no shell


def give_up_root(uid: int, gid: int, *, program: str, data: str) -> None:
    """Become `uid` and `gid`, keeping one capability at most, and only where files are out of reach without.

    PostgreSQL refuses to run as uid 0, while a project of root's usually lies below /root (mode 0700), which
    nobody else may enter. To open that folder to everybody is not ours to do, and copies of the programs
    elsewhere would stay behind. So the server is allowed to enter folders: by the capability to search and
    read, or, where a container does not grant that one (Docker grants only the other), by the one to pass
    over permissions.
    """
    capabilities: list[int | None] = [None]
    if sys.platform.startswith("linux"):
        capabilities += [_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE]
    for capability in capabilities:
        if _suffices(capability, uid, gid, program=program, data=data):
            _become(uid, gid, capability)
            return
    sys.exit(
        f"PostgreSQL does not run as root, and uid {uid} cannot use {program} with {data}. "
        "Run as an ordinary user, or move the project to a folder which other users may enter."
    )


def _suffices(capability: int | None, uid: int, gid: int, *, program: str, data: str) -> bool:
    """Try it in a child, since there is no way back from giving up root."""
    child = os.fork()
    if child == 0:
        try:
            _become(uid, gid, capability)
            reachable = os.access(program, os.R_OK | os.X_OK) and os.access(data, os.R_OK | os.W_OK | os.X_OK)
        except OSError:
            reachable = False
        os._exit(0 if reachable else 1)
    return os.waitpid(child, 0)[1] == 0


def _become(uid: int, gid: int, capability: int | None) -> None:
    if capability is not None:
        _prctl(_PR_SET_KEEPCAPS, 1)
        # Without this bit access(2), by which PostgreSQL looks for its own programs, ignores capabilities.
        _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if capability is not None:
        _keep_only(capability)
        # Ambient: the one set which a program without file capabilities takes over.
        _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)


def _keep_only(capability: int) -> None:
    mask = 1 << capability
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted, inheritable; then the same for capabilities from 32 on.
    sets = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _check(ctypes.CDLL(None, use_errno=True).capset(header, sets))


def _prctl(option: int, *values: int) -> None:
    padded = [*values, 0, 0, 0, 0][:4]
    _check(ctypes.CDLL(None, use_errno=True).prctl(option, *(ctypes.c_ulong(value) for value in padded)))


def _check(result: int) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main(sys.argv[1:])
