"""Named moments on an event's way, at which a process may be watched, or ended by a test of crashes."""

from __future__ import annotations

from collections.abc import Callable

# In the gateway: events are proven to be the vendor's; they are committed and not yet acknowledged.
RECEIVED = "received"
KEPT = "kept"
# In a worker.
CLAIMED = "claimed"
READ = "read"
STAGE_DONE = "stage_done"
BEFORE_SETTLING = "before_settling"
SETTLED = "settled"
COMMITTED = "committed"

Watcher = Callable[[str], None]

_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Have `watcher` called with the milestone's name, in the thread that reaches it."""
    _watchers.append(watcher)


def reached(milestone: str) -> None:
    """Say that a milestone was reached."""
    for watcher in _watchers:
        watcher(milestone)
