"""The contracts of the database: the deals that are won and passed the gate, and their usage.

Belongs here: reading those. Does not belong here: what a deal's versions say together (`pipeline.contracts`),
planning what is posted (`pipeline.schedule`); nothing is written here.
"""

from __future__ import annotations

from itertools import groupby

from sqlalchemy import Connection, text

from integration_pipeline.billing.usage.events import UsageEvent
from integration_pipeline.pipeline.contracts import StoredTerms, is_metered, versions_of_deal
from integration_pipeline.pipeline.usage import usage_of_contracts
from integration_pipeline.simulation.figures import Contract


def current_contracts(connection: Connection) -> tuple[Contract, ...]:
    """The contracts that would be scheduled now, by deal key; none if the database holds no tables yet."""
    if connection.execute(text("SELECT to_regclass('billing.plannable_deals')")).scalar() is None:
        return ()
    found = connection.execute(text(_VERSIONS))
    return tuple(
        versions_of_deal(
            [StoredTerms(row.version, row.terms, row.amendment_effective, row.recorded_on) for row in rows]
        )
        for _, rows in groupby(found, key=lambda row: row.deal_key)
    )


def recorded_usage(connection: Connection, contracts: tuple[Contract, ...]) -> list[UsageEvent]:
    """The usage events that were recorded for `contracts`; each names its contract."""
    metered = [versions[-1].terms.contract_id for versions in contracts if is_metered(versions)]
    return [event for events in usage_of_contracts(connection, metered).values() for event in events]


# What the gate has not passed was never in force. A version that is not won has no terms to go by.
_VERSIONS = """
    SELECT
        version.deal_key, version.version, CAST(version.terms AS text) AS terms,
        version.amendment_effective, version.recorded_on
    FROM billing.plannable_deals AS deal
    INNER JOIN crm.deals AS version ON version.deal_key = deal.deal_key
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'deal' AND gate.subject_id = version.id AND gate.passed
    WHERE deal.state = 'won' AND deal.terms IS NOT NULL
        AND version.state = 'won' AND version.terms IS NOT NULL
    ORDER BY version.deal_key, version.version
"""
