"""Books as the pipeline's own tests fill them, and their rebuild."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from integration_pipeline.rebuild.rebuild import Rebuilt, rebuild
from integration_pipeline_tests.pipeline.conftest import Office, mapping, office, pipeline, portal, rules

__all__ = ["mapping", "office", "pipeline", "portal", "rules"]

SCHEMA = "again"

Rebuild = Callable[[], Rebuilt]


@pytest.fixture
def rebuilt(office: Office) -> Rebuild:
    """Rebuilds the office's books into schema `again`."""
    return lambda: rebuild(office.pipeline.engine, SCHEMA, replace=True)


def said(found: Rebuilt) -> list[str]:
    """Everything a rebuild has to say against the books, as sentences."""
    return [*map(str, found.comparison.differences), *found.problems]
