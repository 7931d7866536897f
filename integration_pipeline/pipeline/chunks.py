"""Cutting work into the pieces that one transaction or one vendor call carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def chunked(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    """`items` in slices of at most `size`, in order; nothing for an empty sequence."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
