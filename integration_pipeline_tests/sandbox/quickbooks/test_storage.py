"""Look-ups of a company with many records read only what they look for."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_pipeline.sandbox.quickbooks.storage import SCHEMA
from integration_pipeline.sandbox.storage import SqliteFile

_OF_A_COMPANY = "SELECT body FROM records WHERE realm = 'r' AND entity = 'Invoice' AND NOT deleted"


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (f"{_OF_A_COMPANY} AND doc_number = 'A'", "records_by_number"),
        (f"{_OF_A_COMPANY} AND doc_number IN ('A', 'B') ORDER BY id DESC", "records_by_number"),
        (f"{_OF_A_COMPANY} AND name = 'A' AND active IS NOT 0", "records_by_name"),
        (f"{_OF_A_COMPANY} AND party = 1 ORDER BY id DESC", "records_by_party"),
        (f"{_OF_A_COMPANY} AND id = 1", "records_by_id"),
        (f"{_OF_A_COMPANY} AND updated_s >= 1 ORDER BY updated_s, id LIMIT 10", "records_by_update"),
        (
            "SELECT body FROM records WHERE realm = 'r' AND entity = 'Item' AND NOT deleted"
            " AND json_extract(body, '$.Sku') = 'S' AND active IS NOT 0 ORDER BY id",
            "items_by_sku",
        ),
    ],
)
def test_a_look_up_uses_the_index_made_for_it(tmp_path: Path, statement: str, index: str) -> None:
    file = SqliteFile(tmp_path / "quickbooks.sqlite", SCHEMA)
    [plan, *_] = [row[3] for row in file.rows(f"EXPLAIN QUERY PLAN {statement}")]
    file.close()
    assert f"USING INDEX {index} " in plan
