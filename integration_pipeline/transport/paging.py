"""Following a vendor's cursors to the end, and no further.

Belongs here: paging styles any vendor may have. Does not belong here: where an answer keeps its cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from integration_pipeline.transport.shapes import Json

T = TypeVar("T")


def follow_cursor(page: Callable[[str | None], tuple[T, Json | None]]) -> Iterator[T]:
    """Yield the content of every page. `page` takes a cursor (None first) and gives the next one, None at
    the end.

    Raises `Malformed` when a cursor comes back a second time: such a server would be read for ever.
    """
    seen: set[str] = set()
    after: str | None = None
    while True:
        content, cursor = page(after)
        yield content
        if cursor is None:
            return
        after = cursor.identifier()
        if after in seen:
            raise cursor.wrong("a cursor not given before")
        seen.add(after)
