"""What can go wrong between a database and its read models."""

from __future__ import annotations


class ReportingError(RuntimeError):
    """The read models could not be refreshed; the message names what failed and the next step."""
