from __future__ import annotations

import os

import pytest

from integration_pipeline.reporting.connection import dbt_environment, exported
from integration_pipeline.reporting.errors import ReportingError


def test_a_socket_directory_is_the_host() -> None:
    environment = dbt_environment("postgresql+psycopg://postgres@/pipeline?host=%2Frun%2Fpg&port=5433")
    assert (environment["DBT_HOST"], environment["DBT_PORT"]) == ("/run/pg", "5433")
    assert (environment["DBT_USER"], environment["DBT_DBNAME"]) == ("postgres", "pipeline")


def test_a_password_gets_into_no_variable_that_dbt_may_show() -> None:
    environment = dbt_environment("postgresql://app:s%40cret@db.example.com/pipeline")
    assert [name for name, value in environment.items() if "s@cret" in value] == ["DBT_ENV_SECRET_PASSWORD"]
    assert environment["DBT_PORT"] == "5432"


def test_tls_settings_of_the_url_reach_libpq() -> None:
    environment = dbt_environment("postgresql://app@db/pipeline?sslmode=verify-full&sslrootcert=/etc/ca.pem")
    assert (environment["DBT_SSLMODE"], environment["PGSSLROOTCERT"]) == ("verify-full", "/etc/ca.pem")


@pytest.mark.parametrize(
    ("url", "missing"),
    [
        ("postgresql://app@/pipeline", "host"),
        ("postgresql://db/pipeline", "user"),
        ("postgresql://app@db", "database"),
        ("postgresql://app@db/pipeline?gssencmode=require", "gssencmode"),
    ],
)
def test_what_dbt_could_not_be_told_is_refused_by_name(url: str, missing: str) -> None:
    with pytest.raises(ReportingError, match=missing):
        dbt_environment(url)


def test_exported_variables_are_gone_afterwards_and_old_values_are_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DBT_HOST", "before")
    monkeypatch.delenv("DBT_USER", raising=False)
    with exported({"DBT_HOST": "during", "DBT_USER": "someone"}):
        assert (os.environ["DBT_HOST"], os.environ["DBT_USER"]) == ("during", "someone")
    assert os.environ["DBT_HOST"] == "before"
    assert "DBT_USER" not in os.environ
