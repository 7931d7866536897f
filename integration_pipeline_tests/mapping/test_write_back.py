"""The section of a mapping that says which field is told which fact."""

from __future__ import annotations

from pathlib import Path

import pytest

from integration_pipeline.crm.write_back import FieldType
from integration_pipeline.mapping.document import Mapping, read_mapping
from integration_pipeline.mapping.write_back import InvoiceStatus
from integration_pipeline.settings import DEFAULT_MAPPING, MAPPINGS
from integration_pipeline.yaml_documents import InvalidDocument
from integration_pipeline_tests.mapping.test_document import with_changes


def read_with(folder: Path, section: object) -> Mapping:
    return read_mapping(with_changes(folder, {"write_back": section}))


def test_every_mapping_that_is_shipped_tells_every_fact() -> None:
    for path in MAPPINGS.glob("*.yaml"):
        fields = read_mapping(path).write_back
        assert fields is not None
        assert len(fields.field_names()) == len(type(fields).model_fields)


def test_without_the_section_nothing_is_told(tmp_path: Path) -> None:
    assert read_with(tmp_path, None).write_back is None


def test_only_facts_with_a_field_are_told(tmp_path: Path) -> None:
    fields = read_with(tmp_path, {"amount_due": {"field": "balance"}}).write_back
    assert fields is not None
    assert [fact for fact, _ in fields.told()] == ["amount_due"]
    assert fields.field_types() == {"balance": FieldType.NUMBER}


def test_a_status_is_written_in_the_words_of_the_crm_where_it_has_its_own(tmp_path: Path) -> None:
    section = {"status": {"field": "state", "values": {"overdue": "Late!"}}}
    fields = read_with(tmp_path, section).write_back
    assert fields is not None
    assert fields.status is not None
    assert fields.status.written(InvoiceStatus.OVERDUE) == "Late!"
    assert fields.status.written(InvoiceStatus.PAID) == "paid"
    [wanted] = fields.wanted_fields()
    assert wanted.options == ("not invoiced", "open", "partly paid", "paid", "Late!", "credited")


def test_what_is_written_is_no_part_of_the_version_that_says_what_a_deal_means(tmp_path: Path) -> None:
    assert read_with(tmp_path, None).version == read_mapping(DEFAULT_MAPPING).version


@pytest.mark.parametrize(
    ("section", "fault"),
    [
        (
            {"amount_due": {"field": "amount"}},
            "write_back writes amount, which a term of the deal is read from",
        ),
        ({"amount_due": {"field": "a"}, "currency": {"field": "a"}}, "tells two facts to the field a"),
        ({"status": {"field": "a", "values": {"late": "Late"}}}, "knows not invoiced, open"),
        ({"discount": {"field": "a"}}, "Extra inputs are not permitted"),
        ({"amount_due": {"field": ""}}, "at least 1 character"),
    ],
)
def test_a_section_that_would_do_harm_is_refused(tmp_path: Path, section: object, fault: str) -> None:
    with pytest.raises(InvalidDocument) as raised:
        read_with(tmp_path, section)
    assert fault in str(raised.value)
