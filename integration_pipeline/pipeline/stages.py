"""The stages in their order, for drivers that run all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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


def sync(pipeline: Pipeline, source: Source, scope: Scope) -> Iterator[StageReport]:
    """From the CRM to the ledger: everything that changed, or just the scope's deals. Yields as it goes."""
    ids = scope.deal_ids(source.name)
    yield extract(pipeline, source) if ids is None else extract_deals(pipeline, source, ids)
    for _, stage in AFTER_EXTRACTION:
        yield stage(pipeline, scope)
