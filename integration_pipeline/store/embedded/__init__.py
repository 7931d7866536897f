"""The PostgreSQL server of a project that has none: binaries from a wheel, data in a local folder.

Belongs here: running that server, for a demo, for tests and for a first installation.
Does not belong here: anything about what is stored. The rest of the package knows a database URL only.
"""

from __future__ import annotations

from integration_pipeline.store.embedded.errors import EmbeddedPostgresError
from integration_pipeline.store.embedded.programs import program
from integration_pipeline.store.embedded.server import EmbeddedPostgres, ServerStatus, status

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "ServerStatus", "program", "status"]
