"""Named moments on an event's way, at which a process may be watched, or ended by a test of crashes."""

from __future__ import annotations

from collections.abc import Callable

CLAIMED = "claimed"
READ = "read"
STAGE_DONE = "stage_done"
BEFORE_SETTLING = "before_settling"
SETTLED = "settled"
COMMITTED = "committed"

MILESTONES = (CLAIMED, READ, STAGE_DONE, BEFORE_SETTLING, SETTLED, COMMITTED)

Watcher = Callable[[str], None]

_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Have `watcher` called with the milestone's name, in the thread that reaches it."""
    _watchers.append(watcher)


def reached(milestone: str) -> None:
    """Say that a milestone was reached."""
    for watcher in _watchers:
        watcher(milestone)
