"""The contracts of the database: the terms of the deals that are won and passed the gate.

Belongs here: that one question. Does not belong here: planning what is posted (`pipeline.schedule`); nothing
is written here.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from integration_pipeline.billing.terms import ContractTerms


def current_contracts(connection: Connection) -> tuple[ContractTerms, ...]:
    """The terms that would be scheduled now, by deal key; none if the database holds no tables yet."""
    if connection.execute(text("SELECT to_regclass('crm.current_deals')")).scalar() is None:
        return ()
    found = connection.execute(text(_CURRENT_TERMS))
    return tuple(ContractTerms.model_validate_json(row.terms) for row in found)


_CURRENT_TERMS = """
    SELECT CAST(deal.terms AS text) AS terms
    FROM crm.current_deals AS deal
    WHERE deal.state = 'won'
        AND deal.terms IS NOT NULL
        AND EXISTS (
            SELECT FROM posting.gate_records AS gate
            WHERE gate.subject_kind = 'deal' AND gate.subject_id = deal.id AND gate.passed
        )
    ORDER BY deal.deal_key
"""
