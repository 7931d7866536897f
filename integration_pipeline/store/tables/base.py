"""What all table definitions share: the metadata, and columns that mean the same everywhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Identity, MetaData, Text, func

SCHEMAS = ("inbox", "raw", "crm", "billing", "posting", "ledger", "payments", "ops")

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def identity() -> Column[int]:
    """A surrogate key drawn by the database."""
    return Column("id", BigInteger, Identity(always=True), primary_key=True)


def text(name: str, **options: Any) -> Column[str]:
    """A mandatory text column."""
    return Column(name, Text, nullable=False, **options)


def moment(name: str, *, nullable: bool = False, default_now: bool = False) -> Column[Any]:
    """A point in time, stored in UTC."""
    return Column(
        name,
        DateTime(timezone=True),
        nullable=nullable,
        server_default=func.clock_timestamp() if default_now else None,
    )
