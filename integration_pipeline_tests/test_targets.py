from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from integration_pipeline.accounting.targets_file import UnknownTarget
from integration_pipeline.mapping.document import Candidate, read_mapping
from integration_pipeline.pipeline.context import Pipeline
from integration_pipeline.rules.document import read_rule_set
from integration_pipeline.settings import DEFAULT_MAPPING, Settings
from integration_pipeline.targets import open_targets

TARGETS = """
targets:
  - {name: xero-us, vendor: xero, account: 45e4708e, entities: [us], since: 2026-01-01}
"""


def test_nothing_is_posted_while_the_mapping_reads_ids_of_a_target_that_there_is_none_of(
    tmp_path: Path,
) -> None:
    (tmp_path / "targets.yaml").write_text(TARGETS)
    settings = Settings.model_validate({"targets_file": tmp_path / "targets.yaml"})
    mapping = read_mapping(DEFAULT_MAPPING)
    company = mapping.company.model_copy(
        update={"accounting_ids": {"xero-uss": (Candidate(field="xero_id"),)}}
    )
    pipeline = Pipeline(
        create_engine("postgresql+psycopg://"),
        mapping.model_copy(update={"company": company}),
        read_rule_set(),
    )

    with pytest.raises(UnknownTarget, match="no target 'xero-uss'; the targets file has xero-us"):
        open_targets(settings, pipeline).__enter__()
