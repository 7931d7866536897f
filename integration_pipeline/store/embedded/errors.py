"""The error of the embedded server. Belongs here: its type alone; messages are written where it is raised."""

from __future__ import annotations


class EmbeddedPostgresError(RuntimeError):
    """A server could not be started or stopped; the message names its data folder and the next step."""
