"""HubSpot's own client library, version 12, works against the sandbox unchanged."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hubspot.crm.associations.v4 import (  # pyright: ignore[reportMissingTypeStubs]
    AssociationSpec,
    BatchInputPublicAssociationMultiPost,
    BatchInputPublicDefaultAssociationMultiPost,
    BatchInputPublicFetchAssociationsBatchRequest,
    PublicAssociationMultiPost,
    PublicDefaultAssociationMultiPost,
    PublicFetchAssociationsBatchRequest,
    PublicObjectId,
)
from hubspot.crm.deals import (  # pyright: ignore[reportMissingTypeStubs]
    BatchInputSimplePublicObjectBatchInputForCreate,
    BatchReadInputSimplePublicObjectId,
    Filter,
    FilterGroup,
    PublicObjectSearchRequest,
    SimplePublicObjectBatchInputForCreate,
    SimplePublicObjectId,
    SimplePublicObjectInput,
    SimplePublicObjectInputForCreate,
)
from hubspot.crm.deals.exceptions import (  # pyright: ignore[reportMissingTypeStubs]
    ApiException,
    NotFoundException,
    UnauthorizedException,
)
from hubspot.crm.properties import PropertyCreate  # pyright: ignore[reportMissingTypeStubs]

from integration_pipeline_tests.sandbox.conftest import Create

# The library's generated code has no types, so everything that comes out of it is Any.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false


def test_a_deal_is_created_read_changed_and_archived(hubspot: Any) -> None:
    deals = hubspot.crm.deals.basic_api
    made = deals.create(SimplePublicObjectInputForCreate(properties={"dealname": "Acme", "amount": "100"}))
    assert deals.get_by_id(made.id, properties=["amount"]).properties["amount"] == "100"

    changed = deals.update(made.id, SimplePublicObjectInput(properties={"dealstage": "closedwon"}))
    assert changed.properties["hs_is_closed_won"] == "true"
    assert changed.updated_at > made.updated_at

    deals.archive(made.id)
    with pytest.raises(NotFoundException):
        deals.get_by_id(made.id)
    assert deals.get_by_id(made.id, archived=True).archived_at is not None


def test_get_all_walks_every_page(hubspot: Any) -> None:
    inputs = [SimplePublicObjectBatchInputForCreate(properties={"dealname": f"D{n}"}) for n in range(100)]
    batch = BatchInputSimplePublicObjectBatchInputForCreate(inputs=inputs)
    hubspot.crm.deals.batch_api.create(batch)
    hubspot.crm.deals.batch_api.create(batch)
    hubspot.crm.deals.basic_api.create(SimplePublicObjectInputForCreate(properties={"dealname": "last"}))

    everything = hubspot.crm.deals.get_all()

    assert len({deal.id for deal in everything}) == 201
    assert everything[-1].properties["dealname"] == "last"


def test_search_finds_won_deals_by_modification_time(hubspot: Any, create: Create) -> None:
    create("deals", dealname="open", dealstage="contractsent")
    won = create("deals", dealname="won", dealstage="closedwon")
    request = PublicObjectSearchRequest(
        filter_groups=[
            FilterGroup(
                filters=[
                    Filter(property_name="hs_is_closed_won", operator="EQ", value="true"),
                    Filter(property_name="hs_lastmodifieddate", operator="GTE", value="2020-01-01"),
                ]
            )
        ],
        sorts=["hs_lastmodifieddate"],
        properties=["dealname"],
        limit=200,
    )

    answer = hubspot.crm.deals.search_api.do_search(request)

    assert (answer.total, [deal.id for deal in answer.results]) == (1, [won])


def test_a_batch_read_reports_the_missing_records(hubspot: Any, create: Create) -> None:
    present = create("deals", dealname="here")
    request = BatchReadInputSimplePublicObjectId(
        inputs=[SimplePublicObjectId(id="999"), SimplePublicObjectId(id=present)],
        properties=["dealname"],
        properties_with_history=[],
    )

    answer = hubspot.crm.deals.batch_api.read(request)

    assert [deal.id for deal in answer.results] == [present]
    assert (answer.num_errors, answer.errors[0].category) == (1, "OBJECT_NOT_FOUND")
    assert answer.errors[0].context == {"ids": ["999"]}


def test_links_are_made_and_read_in_both_directions(hubspot: Any, create: Create) -> None:
    deal, company, line = create("deals"), create("companies", name="Acme"), create("line_items", name="Seat")
    batch = hubspot.crm.associations.v4.batch_api
    primary = AssociationSpec(association_category="HUBSPOT_DEFINED", association_type_id=5)
    pair = {"_from": PublicObjectId(id=deal), "to": PublicObjectId(id=company)}
    batch.create(
        "deals",
        "companies",
        BatchInputPublicAssociationMultiPost(inputs=[PublicAssociationMultiPost(types=[primary], **pair)]),
    )
    lines = PublicDefaultAssociationMultiPost(_from=PublicObjectId(id=deal), to=PublicObjectId(id=line))
    batch.create_default("deals", "line_items", BatchInputPublicDefaultAssociationMultiPost(inputs=[lines]))

    asked = BatchInputPublicFetchAssociationsBatchRequest(
        inputs=[PublicFetchAssociationsBatchRequest(id=company)]
    )
    [found] = batch.get_page("companies", "deals", asked).results
    assert str(found.to[0].to_object_id) == deal
    assert {kind.type_id: kind.label for kind in found.to[0].association_types} == {6: "Primary", 342: None}

    listed = hubspot.crm.associations.v4.basic_api.get_page("deals", deal, "line_items")
    assert [str(link.to_object_id) for link in listed.results] == [line]

    read = hubspot.crm.deals.basic_api.get_by_id(deal, associations=["companies", "line_items"])
    assert {link.type for link in read.associations["companies"].results} == {
        "deal_to_company",
        "deal_to_company_unlabeled",
    }
    assert [link.id for link in read.associations["line items"].results] == [line]


def test_one_default_link_is_put_and_archived(hubspot: Any, create: Create) -> None:
    deal, contact = create("deals"), create("contacts", email="ann@example.com")
    basic = hubspot.crm.associations.v4.basic_api

    made = basic.create_default("deals", deal, "contacts", contact)
    assert made.results[0].association_spec.association_type_id == 3
    basic.archive("contacts", contact, "deals", deal)

    assert basic.get_page("deals", deal, "contacts").results == []


def test_properties_are_listed_created_and_read(hubspot: Any) -> None:
    core = hubspot.crm.properties.core_api
    before = {definition.name for definition in core.get_all("deals").results}
    assert {"dealname", "amount", "hs_is_closed_won", "deal_currency_code"} <= before

    core.create(
        "deals",
        PropertyCreate(
            name="po_number", label="PO", type="string", field_type="text", group_name="dealinformation"
        ),
    )

    assert core.get_by_name("deals", "po_number").label == "PO"
    assert core.get_by_name("deals", "hs_is_closed_won").calculated is True


def test_the_sales_pipeline_tells_which_stages_are_closed(hubspot: Any) -> None:
    [pipeline] = hubspot.crm.pipelines.pipelines_api.get_all("deals").results
    assert pipeline.id == "default"
    assert {
        stage.id: stage.metadata["probability"]
        for stage in pipeline.stages
        if stage.metadata["isClosed"] == "true"
    } == {
        "closedwon": "1.0",
        "closedlost": "0.0",
    }


def test_owners_are_paged_and_found_by_email(hubspot: Any, client: httpx.Client) -> None:
    owners = [
        {"id": str(n), "email": f"rep{n}@example.com", "firstName": "Rep", "lastName": str(n)}
        for n in range(1, 4)
    ]
    client.put("/_sandbox/owners", json={"owners": owners}).raise_for_status()
    api = hubspot.crm.owners.owners_api

    first = api.get_page(limit=2)
    rest = api.get_page(limit=2, after=first.paging.next.after)

    assert [owner.id for owner in [*first.results, *rest.results]] == ["1", "2", "3"]
    assert rest.paging is None
    assert [owner.id for owner in api.get_page(email="rep2@example.com").results] == ["2"]
    assert api.get_by_id(3).email == "rep3@example.com"


def test_a_refused_value_arrives_as_the_librarys_exception(hubspot: Any) -> None:
    with pytest.raises(ApiException, match="PROPERTY_DOESNT_EXIST") as caught:
        hubspot.crm.deals.basic_api.create(SimplePublicObjectInputForCreate(properties={"nope": "1"}))
    assert caught.value.status == 400


def test_a_wrong_token_arrives_as_the_librarys_exception(hubspot: Any) -> None:
    hubspot.access_token = "pat-na1-other"
    with pytest.raises(UnauthorizedException):
        hubspot.crm.deals.basic_api.get_page()
