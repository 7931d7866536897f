"""Where a program's threads are, looked at every few milliseconds: for finding what is slow.

Stacks are written one a line, as `thread;outermost;...;innermost count`, the format flame graphs are drawn
from. What waits is counted like what works; the innermost frame tells.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

_EVERY_SECONDS = 0.003


class Sampler(threading.Thread):
    """Counts the stacks of all other threads until the program ends."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="sampler")
        self._stacks: Counter[str] = Counter()

    def run(self) -> None:
        me = threading.get_ident()
        while True:
            time.sleep(_EVERY_SECONDS)
            names = {each.ident: each.name for each in threading.enumerate()}
            for ident, frame in _frames().items():
                if ident != me:
                    self._stacks[f"{names.get(ident, '?')};{_stack(frame)}"] += 1

    def write(self, file: Path) -> None:
        lines = [f"{stack} {count}" for stack, count in self._stacks.most_common()]
        file.write_text("\n".join(lines) + "\n")


def _frames() -> dict[int, FrameType]:
    return sys._current_frames()  # pyright: ignore[reportPrivateUsage] - documented, whatever its name


def _stack(frame: FrameType | None) -> str:
    frames: list[str] = []
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        frames.append(f"{file.parent.name}/{file.name}:{frame.f_code.co_name}")
        frame = frame.f_back
    return ";".join(reversed(frames))
