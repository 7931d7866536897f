"""What every stage needs to know, gathered once: the database, the mapping, the rules, the day.

Belongs here: the things that stay the same over a whole run. Does not belong here: which deals a run is
about (`scope`), how a driver got the settings.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, text

from integration_pipeline.billing.periods import add_months
from integration_pipeline.mapping.document import Mapping
from integration_pipeline.quality import native
from integration_pipeline.quality.rows import Row
from integration_pipeline.quality.rules import Suite, Verdict
from integration_pipeline.rules.document import RuleSet

Evaluate = Callable[[Suite, Sequence[Row]], Verdict]


@dataclass(frozen=True, slots=True)
class PostsTo:
    """Documents of `entity` that are issued on or after `since` go to the accounting system `target`."""

    target: str
    entity: str
    since: date


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One configured pipeline.

    `as_of` fixes the civil day for every entity (tests, rehearsals); None means today in the entity's own
    time zone. `evaluate` judges rows: Great Expectations or the native evaluator, which agree.
    """

    engine: Engine
    mapping: Mapping
    rules: RuleSet
    evaluate: Evaluate = native.evaluate
    as_of: date | None = None
    targets: Sequence[PostsTo] = ()
    """Which entity's documents also go into which accounting system; the own ledger has them all."""
    rules_version: str = field(init=False)
    mapping_version: str = field(init=False)
    """Version of everything that decides what a CRM record means: the mapping and the entities."""
    shared: Connection | None = field(default=None, init=False, compare=False, repr=False)
    """The connection on which stages follow each other, see `sharing`; None: each stage has its own."""

    def __post_init__(self) -> None:
        # Once: to ask a document for its version is to hash all of it.
        object.__setattr__(self, "rules_version", self.rules.version)
        object.__setattr__(self, "mapping_version", f"{self.mapping.version}-{self.rules_version}")

    @property
    def database_url(self) -> str:
        """The database in libpq's form, password included: for connecting, never for showing."""
        return self.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)

    def sharing(self, connection: Connection) -> Pipeline:
        """The same pipeline, whose stages work in the open transaction of `connection`, one after the other.

        Only `post` commits it, before it sends. Whoever opened the connection closes it.
        """
        shared = copy(self)
        object.__setattr__(shared, "shared", connection)
        return shared

    @contextmanager
    def session(self) -> Generator[Connection]:
        """A connection for a stage that commits by itself, with an open transaction if it is a shared one."""
        if self.shared is not None:
            yield self.shared
            return
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Generator[Connection]:
        """A transaction for a piece of a stage's work: committed at the end of the block, unless shared."""
        with self.session() as connection:
            yield connection
            if self.shared is None:
                connection.commit()

    def today(self, entity: str | None = None) -> date:
        """The civil day on which work is done, in the entity's time zone (UTC without an entity)."""
        if self.as_of is not None:
            return self.as_of
        known = self.rules.entities.get(entity or "")
        return datetime.now(known.zone if known else UTC).date()

    def zone_of_entity(self, entity: str) -> ZoneInfo | None:
        """The time zone of an entity; None if the rule set has no such entity."""
        known = self.rules.entities.get(entity)
        return known.zone if known else None

    def horizon(self, entity: str) -> date:
        """Up to when (exclusive) an entity's open-ended contracts are planned: the first of a month."""
        return add_months(self.today(entity).replace(day=1), self.rules.horizon_months)

    def days_by_entity(self) -> dict[str, date]:
        """Today in every entity: `{"us": date, ...}`."""
        return {code: self.today(code) for code in self.rules.entities}


def register(pipeline: Pipeline) -> None:
    """Record the mapping and the rule set in force, and give the ledger its entities and accounts.

    Raises `ValueError` if an account changed its kind, or has entries and changed its code: what is booked
    would change its meaning, or its place.
    """
    with pipeline.engine.begin() as connection:
        for table, document in (("mappings", pipeline.mapping), ("rule_sets", pipeline.rules)):
            connection.execute(
                text(_REGISTER[table]),
                {
                    "version": document.version,
                    "name": document.name,
                    "document": json.dumps(document.model_dump(mode="json")),
                },
            )
        for code, entity in pipeline.rules.entities.items():
            connection.execute(text(_ENTITY), {"code": code, **entity.model_dump()})
            for role, account in pipeline.rules.accounts.items():
                key = {"entity": code, "role": role.value}
                known = connection.execute(text(_KNOWN_ACCOUNT), key).one_or_none()
                if known is not None and known.kind != account.kind:
                    raise ValueError(
                        f"account {known.code} of {code} is a {known.kind} account in the ledger, but the "
                        f"rule set makes it {account.kind}: keep {known.kind} for {role.value}"
                    )
                if known is not None and known.code != account.code and known.has_entries:
                    raise ValueError(
                        f"account {known.code} of {code} has entries in the ledger, but the rule set gives "
                        f"{role.value} the code {account.code}: keep {known.code}"
                    )
                connection.execute(text(_ACCOUNT), {**key, **account.model_dump()})


_REGISTER = {
    "mappings": """
        INSERT INTO billing.mappings (version, name, document)
        VALUES (:version, :name, CAST(:document AS jsonb)) ON CONFLICT DO NOTHING
    """,
    "rule_sets": """
        INSERT INTO billing.rule_sets (version, name, document)
        VALUES (:version, :name, CAST(:document AS jsonb)) ON CONFLICT DO NOTHING
    """,
}
_ENTITY = """
    INSERT INTO ledger.entities (code, name, time_zone, invoice_prefix, credit_note_prefix)
    VALUES (:code, :name, :time_zone, :invoice_prefix, :credit_note_prefix)
    ON CONFLICT (code) DO UPDATE SET
        name = excluded.name, time_zone = excluded.time_zone, invoice_prefix = excluded.invoice_prefix,
        credit_note_prefix = excluded.credit_note_prefix
"""
_KNOWN_ACCOUNT = """
    SELECT account.code, account.kind, EXISTS (
        SELECT FROM ledger.journal_lines AS line
        WHERE line.entity = account.entity AND line.account = account.code
    ) AS has_entries
    FROM ledger.accounts AS account
    WHERE account.entity = :entity AND account.role = :role
"""
_ACCOUNT = """
    INSERT INTO ledger.accounts (entity, code, name, kind, role)
    VALUES (:entity, :code, :name, :kind, :role)
    ON CONFLICT (entity, role) DO UPDATE SET code = excluded.code, name = excluded.name
"""
