"""Schema `ops`: how much of what vendors allow is used, over all processes.

Written by the functions of `migrations/sql/quotas.sql` alone. Moments are seconds since 1970 as the database
tells them, so that arithmetic on them stays as cheap as the calls it is done for.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Integer, Table
from sqlalchemy.dialects.postgresql import ARRAY

from integration_pipeline.store.tables.base import metadata, text

_EPOCH = Float(53)

quotas = Table(
    "quotas",
    metadata,
    text("vendor", primary_key=True),
    # '*' for what is counted over all accounts of a vendor.
    text("account", primary_key=True),
    text("label", primary_key=True),
    # When calls took their slots, ascending, and how many; those of one 128th of the window stand together,
    # at the latest of their moments. Of what is limited at once: when each call under way began.
    Column("moments", ARRAY(_EPOCH), nullable=False, server_default="{}"),
    Column("calls", ARRAY(Integer), nullable=False, server_default="{}"),
    # The calls under way, in the order of their moments; numbers drawn by who makes them.
    Column("leases", ARRAY(BigInteger), nullable=False, server_default="{}"),
    Column("refused_at", _EPOCH, nullable=False, server_default="0"),
    # What refusals left of the limit when the last one came; quiet windows give it back.
    Column("share", _EPOCH, nullable=False, server_default="1"),
    Column("paused_until", _EPOCH, nullable=False, server_default="0"),
    # A quota that the vendor called used up; delete the row when it was raised before that moment.
    Column("spent_until", _EPOCH, nullable=False, server_default="0"),
    schema="ops",
)
