from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from integration_pipeline.crm.hubspot.source import HubSpotSource
from integration_pipeline.crm.records import ObjectType
from integration_pipeline.transport.failures import Malformed, Rejected

if TYPE_CHECKING:
    from integration_pipeline_tests.crm.hubspot.conftest import Connect, Impostor

LIST = "/crm/v3/objects/products"
SEARCH = "/crm/v3/objects/products/search"
BATCH = "/crm/v3/objects/products/batch/read"
DEALS = "/crm/v3/objects/deals/batch/read"
LINKS = "/crm/v4/associations/deals/companies/batch/read"
# Too many to be read one by one.
SEVERAL = ["7", "71", "72", "73"]
NOBODY: list[object] = []
EARLY, LATE = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
Reading = Callable[[], object]


def product(identifier: object = "7", at: str = EARLY, **changes: object) -> dict[str, object]:
    return {
        "id": identifier,
        "properties": {"name": "Seat", "hs_lastmodifieddate": at},
        "updatedAt": at,
        "archived": False,
        **changes,
    }


@pytest.fixture
def source(connect: Connect, impostor: Impostor) -> HubSpotSource:
    return connect(base_url=impostor.url, search_page_size=2)


def everything(source: HubSpotSource) -> list[object]:
    return [*source.changed_since(ObjectType.PRODUCT, None, ["name"])]


def changes(source: HubSpotSource) -> list[object]:
    return [*source.changed_since(ObjectType.PRODUCT, datetime(2020, 1, 1, tzinfo=UTC), ["name"])]


@pytest.mark.parametrize(
    ("record", "complaint"),
    [
        (product(["7"]), r"\$\.results\[0\]\.id = \['7'\] where an id belongs"),
        (product(None), r"\$\.results\[0\]\.id = None"),
        (product(properties=[]), r"\$\.results\[0\] \(product 7\)\.properties = \[\] where an object"),
        (product(properties={"name": 5}), r"\(product 7\)\.properties\.name = 5 where text or null"),
        (product(at="yesterday"), r"\(product 7\)\.properties\.hs_lastmodifieddate = 'yesterday'"),
        (product(properties={}, updatedAt=None), r"\(product 7\)\.updatedAt = None"),
        (product(archived="no"), r"\(product 7\)\.archived = 'no' where true or false"),
        ("not a record", r"\$\.results\[0\] = 'not a record' where an object belongs"),
    ],
)
def test_a_record_of_another_shape_is_named_with_its_field(
    impostor: Impostor, source: HubSpotSource, record: object, complaint: str
) -> None:
    impostor.answers(LIST, {"results": [record]})

    with pytest.raises(Malformed, match=complaint):
        everything(source)


def test_an_answer_without_results_is_malformed(impostor: Impostor, source: HubSpotSource) -> None:
    impostor.answers(LIST, {"status": "ok"})

    with pytest.raises(Malformed, match=r"\$\.results = None where a list belongs"):
        everything(source)


def test_a_list_whose_cursor_repeats_is_not_read_for_ever(impostor: Impostor, source: HubSpotSource) -> None:
    impostor.answers(LIST, {"results": [product()], "paging": {"next": {"after": "100"}}})

    with pytest.raises(Malformed, match=r"paging\.next\.after = '100' where a cursor not given before"):
        everything(source)


def test_a_paging_without_a_cursor_is_malformed(impostor: Impostor, source: HubSpotSource) -> None:
    impostor.answers(LIST, {"results": [product()], "paging": {"next": {"link": "https://evil.example"}}})

    with pytest.raises(Malformed, match=r"paging\.next\.after = None"):
        everything(source)


def test_a_search_out_of_order_is_malformed(impostor: Impostor, source: HubSpotSource) -> None:
    impostor.answers(SEARCH, {"results": [product("1", LATE), product("2", EARLY)]})

    with pytest.raises(Malformed, match="out of order, where hs_lastmodifieddate from 2019-12-31"):
        changes(source)


def test_a_search_that_ignores_its_filters_is_not_read_for_ever(
    impostor: Impostor, source: HubSpotSource
) -> None:
    impostor.answers(
        SEARCH,
        {"results": [product("1"), product("2")], "paging": {"next": {"after": "2"}}, "total": 9},
    )

    with pytest.raises(Malformed, match="out of order"):
        changes(source)


def test_association_cursors_that_repeat_are_not_followed_for_ever(
    impostor: Impostor, source: HubSpotSource
) -> None:
    impostor.answers(DEALS, {"results": [product("7")]})
    impostor.answers(
        LINKS, {"results": [{"from": {"id": "7"}, "to": NOBODY, "paging": {"next": {"after": "5"}}}]}
    )

    with pytest.raises(Malformed, match="a cursor not given before"):
        source.fetch(ObjectType.DEAL, SEVERAL, ["dealname"])


def test_associations_of_records_nobody_asked_for_are_malformed(
    impostor: Impostor, source: HubSpotSource
) -> None:
    impostor.answers(DEALS, {"results": [product("7")]})
    impostor.answers(LINKS, {"results": [{"from": {"id": "8"}, "to": NOBODY}]})

    with pytest.raises(Malformed, match="results for the ids asked for, not 8"):
        source.fetch(ObjectType.DEAL, SEVERAL, ["dealname"])


def test_a_batch_answered_in_part_is_rejected_as_a_whole(impostor: Impostor, source: HubSpotSource) -> None:
    errors = [{"status": "error", "category": "INTERNAL", "message": "shard down"}]
    impostor.answers(BATCH, {"results": [product()], "errors": errors, "numErrors": 1}, status=207)

    with pytest.raises(Rejected, match='only a part of the batch: "shard down"'):
        source.fetch(ObjectType.PRODUCT, ["7", "8"], ["name"])


def test_a_label_an_account_made_itself_is_kept_as_it_is(impostor: Impostor, source: HubSpotSource) -> None:
    impostor.answers(DEALS, {"results": [product("7")]})
    types = [
        {"category": "USER_DEFINED", "typeId": 28, "label": "Primary payer"},
        {"category": "HUBSPOT_DEFINED", "typeId": 341, "label": None},
        {"category": "HUBSPOT_DEFINED", "typeId": 5, "label": "Deal with Primary Company"},
    ]
    impostor.answers(
        LINKS, {"results": [{"from": {"id": "7"}, "to": [{"toObjectId": 70, "associationTypes": types}]}]}
    )

    [deal] = source.fetch(ObjectType.DEAL, SEVERAL, ["dealname"])

    [company] = deal.associations[ObjectType.COMPANY]
    assert (company.external_id, company.labels) == ("70", ("Primary payer", "primary"))


def test_a_search_that_answers_records_older_than_asked_for_is_malformed(
    impostor: Impostor, source: HubSpotSource
) -> None:
    impostor.answers(SEARCH, {"results": [product(at=EARLY)]})

    with pytest.raises(Malformed, match="out of order, where hs_lastmodifieddate from 2029-12-31"):
        list(source.changed_since(ObjectType.PRODUCT, datetime(2030, 1, 1, tzinfo=UTC), ["name"]))


def test_archiving_counts_as_a_modification(impostor: Impostor, source: HubSpotSource) -> None:
    impostor.answers(LIST, {"results": [product(at=EARLY, archived=True, archivedAt=LATE)]})

    [[record]] = source.archived_since(ObjectType.PRODUCT, None, ["name"])

    assert record.modified_at == datetime(2026, 1, 2, tzinfo=UTC)
