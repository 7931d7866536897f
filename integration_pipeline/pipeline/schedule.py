"""Schedule: passed deals become billing schedules, and schedules become planned documents with intents.

Belongs here: which deals are due, reading what their plan depends on, taking turns with posters. Does not
belong here: what a deal's versions say together (`contracts`), storing the difference (`plan`), judging
documents (`gate`), sending them (`post`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, text

from integration_pipeline.billing.errors import InvalidTerms
from integration_pipeline.billing.invoices import DocumentKind
from integration_pipeline.billing.versions import TermsVersion
from integration_pipeline.pipeline.chunks import chunked
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.contracts import (
    PlannedContract,
    StoredTerms,
    is_metered,
    plan_contract,
    versions_of_deal,
)
from integration_pipeline.pipeline.deal_locks import lock_deals
from integration_pipeline.pipeline.plan import HeldDocument, Plan, Slot
from integration_pipeline.pipeline.post import POSTER_LOCK
from integration_pipeline.pipeline.reports import StageReport, reporting
from integration_pipeline.pipeline.scope import Scope
from integration_pipeline.pipeline.statistics import after_bulk
from integration_pipeline.pipeline.unbillable import set_aside
from integration_pipeline.pipeline.usage import usage_of_contracts

_CHUNK = 500


def schedule(pipeline: Pipeline, scope: Scope) -> StageReport:
    """Plan the documents of every deal in scope whose plan is missing or out of date.

    It is out of date when the deal changed or was withdrawn, under other rules, when an open-ended contract's
    horizon has moved by a month, and when usage came in.

    Counts: `deals_scheduled`, `deals_waiting` (a document is being posted just now: next time),
    `deals_unbillable` (in quarantine, with the reason), `invoices_planned`, `credit_notes_planned`,
    `superseded`, `unchanged`. Money: `planned`, `credited`.
    A deal that is no longer won and got an invoice after its verdict waits for a new verdict.
    """
    with reporting("schedule") as report:
        parameters = {**scope.parameters(), **_up_to_date(pipeline)}
        keys: Sequence[str]
        if scope.deal_keys is None:
            with pipeline.transaction() as connection:
                keys = connection.execute(_DUE, parameters).scalars().all()
        else:
            keys = sorted(scope.deal_keys)
        for chunk in chunked(keys, _CHUNK):
            with pipeline.transaction() as connection:
                if pipeline.shared is None:
                    lock_deals(connection, chunk)
                _plan_chunk(connection, pipeline, {**parameters, "deal_keys": list(chunk)}, report)
        after_bulk(pipeline, report.counts["invoices_planned"], "billing", "posting")
    return report


def _up_to_date(pipeline: Pipeline) -> dict[str, Any]:
    """What a plan must have been made with, to be left alone."""
    entities = list(pipeline.rules.entities)
    return {
        "rule_set_version": pipeline.rules_version,
        "entities": entities,
        "horizons": [pipeline.horizon(entity) for entity in entities],
    }


def _plan_chunk(
    connection: Connection, pipeline: Pipeline, parameters: dict[str, Any], report: StageReport
) -> None:
    # The lock makes planning of a deal single file: two drivers may have found the same deal due.
    deals = connection.execute(_LOCKED_DEALS, parameters).all()
    if not deals:
        return
    held: dict[str, list[HeldDocument]] = defaultdict(list)
    revisions: dict[tuple[str, Slot], int] = {}
    planned_before = [deal.deal_key for deal in deals if deal.planned_id is not None]
    for row in (
        connection.execute(_DOCUMENTS, {"keys": planned_before, "lock": POSTER_LOCK})
        if planned_before
        else ()
    ):
        slot = row.slot, DocumentKind(row.kind)
        revisions[row.deal_key, slot] = max(revisions.get((row.deal_key, slot), 0), row.revision)
        if row.state == "planned" and not row.reversed:
            held[row.deal_key].append(HeldDocument(slot, row))
    ready: list[Row[Any]] = []
    overtaken: list[int] = []
    for deal in deals:
        states = {document.row.intent_state for document in held[deal.deal_key]}
        if states & {"claimed", "uncertain"}:
            report.counts["deals_waiting"] += 1
        elif deal.state != "won" and "posted" in states and deal.waived_by is None:
            # It passed because nothing was invoiced yet. To credit what was takes a person's word.
            report.counts["deals_waiting"] += 1
            overtaken.append(deal.id)
        else:
            ready.append(deal)
    if overtaken:
        connection.execute(_WITHDRAW_VERDICTS, {"deals": overtaken})
    contracts, refused = _contracts(connection, pipeline, [deal for deal in ready if deal.state == "won"])
    set_aside(
        connection, [(deal, refused[deal.deal_key]) for deal in ready if deal.deal_key in refused], report
    )
    plan = Plan(pipeline, report)
    for deal in ready:
        if deal.deal_key not in refused:
            plan.add(deal, contracts.get(deal.deal_key), held[deal.deal_key], revisions)
    plan.store(connection)


def _contracts(
    connection: Connection, pipeline: Pipeline, deals: Sequence[Row[Any]]
) -> tuple[dict[str, PlannedContract], dict[str, InvalidTerms]]:
    """What each deal bills, and why some cannot be billed."""
    stored = _stored_terms(connection, deals)
    versions = {key: versions_of_deal(each) for key, each in stored.items()}
    metered = [_contract_id(each) for each in versions.values() if is_metered(each)]
    usage = usage_of_contracts(connection, metered)
    contracts: dict[str, PlannedContract] = {}
    refused: dict[str, InvalidTerms] = {}
    for key, each in versions.items():
        try:
            contracts[key] = plan_contract(pipeline, each, usage.get(_contract_id(each), ()))
        except InvalidTerms as error:
            refused[key] = error
    return contracts, refused


def _contract_id(versions: Sequence[TermsVersion]) -> str:
    return versions[-1].terms.contract_id


def _stored_terms(connection: Connection, deals: Sequence[Row[Any]]) -> Mapping[str, Sequence[StoredTerms]]:
    """The versions that matter, by deal: just the present one, unless any of the deal's is an amendment."""
    stored: dict[str, list[StoredTerms]] = defaultdict(list)
    amended = [deal.deal_key for deal in deals if deal.is_amended]
    for row in connection.execute(_AMENDED, {"keys": amended}) if amended else ():
        stored[row.deal_key].append(_terms_in(row))
    for deal in deals:
        if deal.deal_key not in stored:
            stored[deal.deal_key].append(_terms_in(deal))
    return stored


def _terms_in(row: Row[Any]) -> StoredTerms:
    return StoredTerms(row.version, row.terms_text, row.amendment_effective, row.recorded_on)


_DUE = text("""
    SELECT deal.deal_key
    FROM billing.plannable_deals AS deal
    LEFT JOIN unnest(CAST(:entities AS text[]), CAST(:horizons AS date[])) AS ahead (entity, until)
        ON ahead.entity = deal.terms ->> 'entity'
    WHERE crm.in_scope(
            deal.close_month, deal.deal_key, CAST(:first_month AS date), CAST(:last_month AS date), NULL
        )
        AND deal.can_be_planned
        AND (
            deal.planned_id IS DISTINCT FROM deal.id
            OR deal.planned_under <> :rule_set_version
            OR deal.planned_until < ahead.until
            OR deal.has_new_usage
        )
    ORDER BY length(deal.external_id), deal.external_id
""")
_LOCKED_DEALS = text("""
    SELECT
        deal.id, deal.deal_key, deal.source, deal.external_id, deal.name, deal.version, deal.state,
        deal.close_month, deal.customer_id, deal.recorded_on, deal.amendment_effective, deal.waived_by,
        deal.planned_id, CAST(deal.terms AS text) AS terms_text,
        EXISTS (
            SELECT FROM crm.deals AS version
            WHERE version.deal_key = locked.deal_key AND version.amendment_effective IS NOT NULL
        ) AS is_amended
    FROM crm.deal_heads AS locked
    INNER JOIN billing.plannable_deals AS deal ON deal.id = locked.deal_id
    LEFT JOIN unnest(CAST(:entities AS text[]), CAST(:horizons AS date[])) AS ahead (entity, until)
        ON ahead.entity = deal.terms ->> 'entity'
    WHERE locked.deal_key = ANY(CAST(:deal_keys AS text[])) AND crm.in_scope(
            deal.close_month, deal.deal_key, CAST(:first_month AS date), CAST(:last_month AS date), NULL
        )
        AND deal.can_be_planned
        AND (
            deal.planned_id IS DISTINCT FROM deal.id
            OR deal.planned_under <> :rule_set_version
            OR deal.planned_until < ahead.until
            OR deal.has_new_usage
        )
    ORDER BY locked.deal_key
    FOR UPDATE OF locked
""")
# What the gate has not passed was never in force. A version that is not won has no terms to go by.
_AMENDED = text("""
    SELECT
        version.deal_key, version.version, CAST(version.terms AS text) AS terms_text,
        version.amendment_effective, version.recorded_on
    FROM crm.deals AS version
    INNER JOIN posting.gate_records AS gate
        ON gate.subject_kind = 'deal' AND gate.subject_id = version.id AND gate.passed
    WHERE version.deal_key = ANY(CAST(:keys AS text[]))
        AND version.state = 'won' AND version.terms IS NOT NULL
    ORDER BY version.deal_key, version.version
""")
# The intents are locked too: a poster that is about to claim one waits until the plan stands.
# What a poster had claimed that is gone is as good as not claimed: into this ledger nothing is sent that it
# would not answer in the same transaction.
_DOCUMENTS = text("""
    SELECT
        document.*,
        CASE
            WHEN posting.is_free(intent.state, intent.lease_until, intent.fencing_token, :lock) THEN 'pending'
            ELSE intent.state
        END AS intent_state,
        EXISTS (
            SELECT FROM billing.documents AS reversal
            WHERE reversal.reverses_id = document.id AND reversal.state = 'planned'
        ) AS reversed
    FROM billing.documents AS document
    INNER JOIN posting.ledger_intents AS intent ON intent.document_id = document.id
    WHERE document.deal_key = ANY(CAST(:keys AS text[])) AND document.reverses_id IS NULL
    ORDER BY intent.id
    FOR UPDATE OF intent
""")
_WITHDRAW_VERDICTS = text("""
    DELETE FROM posting.gate_records
    WHERE subject_kind = 'deal' AND subject_id = ANY(CAST(:deals AS bigint[])) AND waived_by IS NULL
""")
