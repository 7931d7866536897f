"""The stages in their order, for drivers that run all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.pipeline.customers import link_customers
from integration_pipeline.pipeline.extract import Source, extract, extract_deals
from integration_pipeline.pipeline.gate import gate_deals, gate_documents, gate_raw_deals
from integration_pipeline.pipeline.normalize import normalize
from integration_pipeline.pipeline.post import post
from integration_pipeline.pipeline.recognize import recognize
from integration_pipeline.pipeline.reports import StageReport
from integration_pipeline.pipeline.schedule import schedule
from integration_pipeline.pipeline.scope import Scope

Stage = Callable[[Pipeline, Scope], StageReport]

AFTER_EXTRACTION: tuple[tuple[str, Stage], ...] = (
    ("raw_gate", gate_raw_deals),
    ("customers", link_customers),
    ("normalize", normalize),
    ("deal_gate", gate_deals),
    ("schedule", schedule),
    ("document_gate", gate_documents),
    ("post", post),
    ("recognize", recognize),
)
"""What follows extraction, each on the deals of a scope."""


WORKER_SESSION: Mapping[str, Any] = MappingProxyType(
    {
        # Prepared at once, planned once for all parameters: planning takes longer than these statements do.
        "prepare_threshold": 0,
        # For certain deals every table is asked by key. The planner, which knows neither how few the deals
        # are nor how few rows their JSON holds, would rather read a table whole.
        "options": "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off "
        "-c enable_mergejoin=off -c synchronous_commit=off",
    }
)
"""What psycopg's `connect` is given by a process that runs the stages on a handful of deals, again and again.

Its commits do not wait for the disk, but the one that books does (`ledger.wait_for_disk`), and with it is on
disk what the session committed before: the claim, too. What a crash of the machine may take is what was not
booked yet, and that is found due again.
"""
# Until such a transaction ends it holds the deals' own rows only. A long run commits piece by piece.
_LARGEST_SHARED = 100


def after_extraction(pipeline: Pipeline, scope: Scope) -> Iterator[StageReport]:
    """Every stage on the scope's deals. Yields as it goes.

    For a handful of deals all of it is one transaction up to the claim that `post` commits before it sends:
    nothing is lost with it that the next run would not find due again.
    """
    if scope.deal_keys is None or len(scope.deal_keys) > _LARGEST_SHARED:
        for _, stage in AFTER_EXTRACTION:
            yield stage(pipeline, scope)
        return
    with pipeline.engine.connect() as connection:
        shared = pipeline.sharing(connection)
        for _, stage in AFTER_EXTRACTION:
            yield stage(shared, scope)
        connection.commit()


def run_stages(pipeline: Pipeline, scope: Scope) -> list[StageReport]:
    """Every stage after extraction on the scope's deals; their reports in order. Safe to repeat."""
    return list(after_extraction(pipeline, scope))


def sync(pipeline: Pipeline, source: Source, scope: Scope) -> Iterator[StageReport]:
    """From the CRM to the ledger: everything that changed, or just the scope's deals. Yields as it goes."""
    ids = scope.deal_ids(source.name)
    yield extract(pipeline, source) if ids is None else extract_deals(pipeline, source, ids)
    yield from after_extraction(pipeline, scope)
