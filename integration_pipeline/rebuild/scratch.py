"""A database beside the live one, made for one rebuild and dropped after it.

It is the live database's twin in schema and collation, with two differences that make history repeatable: its
sessions read the clock from a table, and a row takes the surrogate key of the live row that it is the equal
of.

Belongs here: making, preparing and dropping it. Does not belong here: what is done in it (`replay`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Connection, Engine, create_engine, text

from integration_pipeline.rebuild.refusal import RebuildRefused
from integration_pipeline.store.migrate import upgrade

_PREFIX = "rebuild_of_"
# One rebuild of a database at a time: what it left behind when it was killed can then be told from one at
# work.
_REBUILD_LOCK = 7_310_552_044
# What PostgreSQL looks up first is found first; anything else is where it always is.
_OWN_CLOCK = "-c search_path=replay,pg_catalog,public -c synchronous_commit=off"


@dataclass(frozen=True, slots=True)
class Scratch:
    """The database of a rebuild; `engine` connects to it, with its own clock."""

    engine: Engine

    def set_clock(self, connection: Connection, moment: datetime) -> None:
        """From now on it is `moment` for what asks the database, in the caller's transaction."""
        connection.execute(text("UPDATE replay.clock SET moment = :moment"), {"moment": moment})


@contextmanager
def scratch_database(live: Engine) -> Generator[Scratch]:
    """A migrated database of our own on the live one's server. It is dropped however the block ends.

    Raises `RebuildRefused` if another rebuild of the live database is at work, or if the role may not create
    databases.
    """
    with live.connect().execution_options(isolation_level="AUTOCOMMIT") as holder:
        locked: bool = holder.execute(
            text("SELECT pg_try_advisory_lock(:key)"), {"key": _REBUILD_LOCK}
        ).scalar_one()
        if not locked:
            raise RebuildRefused("another rebuild of this database is at work: wait until it has ended")
        # By number: a name may be too long to be part of another, and cut it could be that of two databases.
        own = f"{_PREFIX}{holder.execute(text(_LIVE_NUMBER)).scalar_one()}"
        for left_behind in holder.execute(text(_LEFT_BEHIND), {"own": own}).scalars().all():
            _drop(holder, left_behind)
        name = f"{own}_{token_hex(4)}"
        try:
            _create(holder, name)
            yield from _prepared(live, name)
        finally:
            _drop(holder, name)
            holder.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _REBUILD_LOCK})


def _prepared(live: Engine, name: str) -> Generator[Scratch]:
    url = live.url.set(database=name)
    migrating = create_engine(url, hide_parameters=True)
    try:
        upgrade(migrating)
        with migrating.begin() as connection:
            driver(connection).execute(_PREPARE)
    finally:
        migrating.dispose()
    engine = create_engine(url, hide_parameters=True, connect_args={"options": _OWN_CLOCK})
    try:
        yield Scratch(engine)
    finally:
        engine.dispose()


def driver(connection: Connection) -> psycopg.Connection[Any]:
    """The driver's own connection under SQLAlchemy's, for COPY and for scripts of several statements."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection)


def _create(holder: Connection, name: str) -> None:
    """With the live database's collation: what is sorted must come in the same order."""
    twin = holder.execute(text(_COLLATION)).scalar_one()
    options = [word + sql.Literal(value) for word, value in _locale_options(twin) if value is not None]
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
        sql.Identifier(name), sql.SQL(" ").join(options)
    )
    try:
        driver(holder).execute(statement)
    except psycopg.errors.InsufficientPrivilege as refusal:
        role = holder.execute(text("SELECT current_user")).scalar_one()
        raise RebuildRefused(
            f"the role {role} may not create databases, and a rebuild needs one for itself: run it as a role "
            f'that may, or let an administrator say ALTER ROLE "{role}" CREATEDB'
        ) from refusal


def _locale_options(twin: dict[str, Any]) -> list[tuple[sql.SQL, str | None]]:
    """From a row of `pg_database`, whose columns are named otherwise before PostgreSQL 17."""
    provider = {"c": "libc", "i": "icu", "b": "builtin"}[twin["datlocprovider"]]
    locale = twin.get("datlocale") or twin.get("daticulocale")
    return [
        (sql.SQL("ENCODING "), twin["encoding_name"]),
        (sql.SQL("LOCALE_PROVIDER "), provider),
        (sql.SQL("LC_COLLATE "), twin["datcollate"]),
        (sql.SQL("LC_CTYPE "), twin["datctype"]),
        (sql.SQL("ICU_LOCALE "), locale if provider == "icu" else None),
        (sql.SQL("BUILTIN_LOCALE "), locale if provider == "builtin" else None),
    ]


def _drop(holder: Connection, name: str) -> None:
    driver(holder).execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


_LIVE_NUMBER = "SELECT oid FROM pg_database WHERE datname = current_database()"
_LEFT_BEHIND = """
    SELECT datname FROM pg_database
    WHERE left(datname, -9) = :own AND right(datname, 9) ~ '^_[0-9a-f]{8}$'
"""
_COLLATION = """
    SELECT to_jsonb(twin) || jsonb_build_object('encoding_name', pg_encoding_to_char(twin.encoding))
    FROM pg_database AS twin WHERE twin.datname = current_database()
"""
# Keys: rows get the ones of the live database, and what has no equal there gets one far beyond them.
# Customers get theirs when it is known by which company they were founded; their references follow. No
# document is due before the moment at which the live ledger posted it. The chain's own trigger goes: where an
# entry could not be rebuilt, what follows hangs on to the live one. Documents can be hidden from settling.
_PREPARE = """
    CREATE SCHEMA replay;
    CREATE TABLE replay.clock (moment timestamptz);
    INSERT INTO replay.clock VALUES (NULL);
    CREATE FUNCTION replay.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
        SELECT coalesce(clock.moment, pg_catalog.clock_timestamp()) FROM replay.clock
    $$;

    CREATE TABLE replay.keys (
        relation text, name text, id bigint NOT NULL, PRIMARY KEY (relation, name)
    );
    CREATE FUNCTION replay.take_key() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        live bigint;
    BEGIN
        SELECT known.id INTO live
        FROM replay.keys AS known
        WHERE known.relation = tg_table_schema || '.' || tg_table_name AND known.name = (
            SELECT string_agg(to_jsonb(new) ->> part.part, ' ' ORDER BY part.ordinality)
            FROM unnest(tg_argv) WITH ORDINALITY AS part (part, ordinality)
        );
        new.id := coalesce(live, new.id);
        RETURN new;
    END
    $$;
    CREATE TRIGGER take_key BEFORE INSERT ON crm.deals
    FOR EACH ROW EXECUTE FUNCTION replay.take_key('deal_key', 'version');
    CREATE TRIGGER take_key BEFORE INSERT ON billing.schedules
    FOR EACH ROW EXECUTE FUNCTION replay.take_key('deal_id', 'rule_set_version');
    CREATE TRIGGER take_key BEFORE INSERT ON billing.documents
    FOR EACH ROW EXECUTE FUNCTION replay.take_key('document_key');
    CREATE TRIGGER take_key BEFORE INSERT ON posting.intents
    FOR EACH ROW EXECUTE FUNCTION replay.take_key('target', 'document_id');
    CREATE FUNCTION replay.wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        new.due_on := '9999-12-31';
        RETURN new;
    END
    $$;
    CREATE TRIGGER wait BEFORE INSERT ON posting.intents
    FOR EACH ROW EXECUTE FUNCTION replay.wait();
    CREATE TRIGGER take_key BEFORE INSERT ON ledger.journal_entries
    FOR EACH ROW EXECUTE FUNCTION replay.take_key('entity', 'sequence');
    CREATE TRIGGER take_key BEFORE INSERT ON payments.settlements
    FOR EACH ROW EXECUTE FUNCTION replay.take_key('reference');

    ALTER TABLE crm.deals ALTER COLUMN id RESTART WITH 1000000000000000;
    ALTER TABLE crm.customers ALTER COLUMN id RESTART WITH 1000000000000000;
    ALTER TABLE billing.schedules ALTER COLUMN id RESTART WITH 1000000000000000;
    ALTER TABLE billing.documents ALTER COLUMN id RESTART WITH 1000000000000000;
    ALTER TABLE posting.intents ALTER COLUMN id RESTART WITH 1000000000000000;
    ALTER TABLE ledger.journal_entries ALTER COLUMN id RESTART WITH 1000000000000000;
    ALTER TABLE payments.settlements ALTER COLUMN id RESTART WITH 1000000000000000;

    ALTER TABLE crm.customers ALTER COLUMN id SET GENERATED BY DEFAULT;
    ALTER TABLE crm.customer_links DROP CONSTRAINT fk_customer_links_customer_id,
    ADD FOREIGN KEY (customer_id) REFERENCES crm.customers (id) ON UPDATE CASCADE;
    ALTER TABLE crm.customer_candidates DROP CONSTRAINT fk_customer_candidates_customer_id,
    ADD FOREIGN KEY (customer_id) REFERENCES crm.customers (id) ON UPDATE CASCADE;

    DROP TRIGGER journal_entries_chain ON ledger.journal_entries;

    CREATE TABLE replay.usage_events (LIKE billing.usage_events);
    CREATE TABLE replay.movements (LIKE payments.movements);
    CREATE INDEX ON replay.movements (received_at);
    CREATE INDEX ON replay.movements (withdrawn_at);
    CREATE INDEX ON replay.movements (decided_at);

    CREATE TABLE replay.unseen (document_id bigint PRIMARY KEY);
    ALTER VIEW ledger.document_balances RENAME TO all_document_balances;
    CREATE VIEW ledger.document_balances AS
    SELECT * FROM ledger.all_document_balances
    WHERE document_id NOT IN (SELECT document_id FROM replay.unseen);
"""
