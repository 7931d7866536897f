"""From one database URL to the environment variables that `dbt_like_sql/profiles.yml` reads.

Belongs here: the names of those variables. Does not belong here: where the URL comes from (`runtime`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from sqlalchemy import make_url

from integration_pipeline.reporting.errors import ReportingError

# A URL's parameters that dbt's profile has no word for, libpq reads from its own variables.
_VARIABLE_OF_PARAMETER = {
    "sslmode": "DBT_SSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "channel_binding": "PGCHANNELBINDING",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
}
_READ_APART = {"host", "port", "application_name", "connect_timeout"}

_environment_lock = threading.RLock()


def dbt_environment(database_url: str) -> dict[str, str]:
    """The variables for dbt to reach the database of a SQLAlchemy URL; a socket directory may be the host.

    Holds the password in clear: for handing to dbt, never for showing. Raises `ReportingError` for a URL that
    names no host, user or database, and for a parameter that would be lost on the way.
    """
    url = make_url(database_url)
    parameters = {name: value if isinstance(value, str) else value[0] for name, value in url.query.items()}
    if unknown := parameters.keys() - _VARIABLE_OF_PARAMETER.keys() - _READ_APART:
        raise ReportingError(
            f"dbt cannot be told the parameter {sorted(unknown)[0]!r} of the database URL: "
            "leave it out, or set it on the server or its role"
        )
    required = {
        "DBT_HOST": (url.host or parameters.get("host"), "host"),
        "DBT_USER": (url.username, "user"),
        "DBT_DBNAME": (url.database, "database"),
    }
    environment: dict[str, str] = {}
    for variable, (value, meaning) in required.items():
        if not value:
            raise ReportingError(
                f"the database URL names no {meaning}: write it as postgresql://user:password@host/database"
            )
        environment[variable] = value
    environment["DBT_PORT"] = str(url.port or parameters.get("port") or 5432)
    environment["DBT_ENV_SECRET_PASSWORD"] = url.password or ""
    for name, variable in _VARIABLE_OF_PARAMETER.items():
        if name in parameters:
            environment[variable] = parameters[name]
    return environment


@contextmanager
def exported(environment: Mapping[str, str]) -> Generator[None]:
    """The process's environment with these variables added, restored at the end; one thread at a time.

    dbt reads its profile from the environment alone, even where it runs inside this process.
    """
    with _environment_lock:
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
