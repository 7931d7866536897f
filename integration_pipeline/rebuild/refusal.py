"""Why a rebuild did not begin, or could not go on."""

from __future__ import annotations


class RebuildRefused(RuntimeError):  # noqa: N818 - reads as the statement it makes
    """Nothing was rebuilt; the message says what stands in the way and what to do."""
