"""The loader against a running sandbox: what it creates, that it creates it once, how it meets refusals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from integration_pipeline.sandbox.datasets.account import LoadError
from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.generation.dirt import DirtKind
from integration_pipeline.sandbox.datasets.load import LoadSummary, apply_later_changes, load
from integration_pipeline.sandbox.datasets.model import CrmObject, DataSet
from integration_pipeline.sandbox.datasets.public import read_public

TOKEN = "pat-datasets"


@pytest.fixture(scope="module")
def dataset() -> DataSet:
    return generate(deals=250)


def load_into(client: httpx.Client, dataset: DataSet) -> LoadSummary:
    return load(dataset, str(client.base_url), TOKEN)


def counts(client: httpx.Client) -> dict[str, int]:
    return client.get("/_sandbox/counts").raise_for_status().json()["objects"]


def sizes(dataset: DataSet) -> dict[str, int]:
    types = {item.object_type for item in dataset.objects}
    return {name: len(dataset.of_type(name)) for name in types}


def record(
    client: httpx.Client, dataset: DataSet, object_type: str, key: str, properties: str = ""
) -> dict[str, Any]:
    response = client.get(
        f"/crm/v3/objects/{object_type}/{dataset.name}:{key}",
        params={
            "idProperty": "demo_key",
            "properties": properties,
            "associations": "companies,contacts,line_items",
        },
    )
    return response.raise_for_status().json()


def linked_ids(found: dict[str, Any], object_type: str) -> set[str]:
    return {item["id"] for item in found.get("associations", {}).get(object_type, {}).get("results", [])}


class TestFirstLoad:
    def test_everything_is_created_and_reported(self, client: httpx.Client, dataset: DataSet) -> None:
        summary = load_into(client, dataset)
        assert summary.created == sizes(dataset)
        assert set(summary.found.values()) == {0}
        assert counts(client) == sizes(dataset)

    def test_a_deal_keeps_its_properties_to_the_letter(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        for key in (dataset.dirt[kind.value][0] for kind in DirtKind):
            [deal] = [deal for deal in dataset.of_type("deals") if deal.key == key]
            found = record(client, dataset, "deals", key, ",".join(deal.properties))
            assert {name: found["properties"][name] for name in deal.properties} == deal.properties

    def test_a_deal_is_linked_to_its_company_contacts_and_lines(
        self, client: httpx.Client, dataset: DataSet
    ) -> None:
        load_into(client, dataset)
        deal = max(dataset.of_type("deals"), key=lambda deal: len(deal.associations))
        found = record(client, dataset, "deals", deal.key)
        for object_type, shown_as in (
            ("companies", "companies"),
            ("contacts", "contacts"),
            ("line_items", "line items"),
        ):
            keys = [link.key for link in deal.associations if link.object_type == object_type]
            expected = {record(client, dataset, object_type, key)["id"] for key in keys}
            assert linked_ids(found, shown_as) == expected

    def test_the_company_of_a_deal_is_its_primary_one(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        deal_id = record(client, dataset, "deals", dataset.dirt[DirtKind.EMOJI_IN_NAME][0])["id"]
        body = client.get(f"/crm/v4/objects/deals/{deal_id}/associations/companies").raise_for_status().json()
        assert 5 in {kind["typeId"] for kind in body["results"][0]["associationTypes"]}

    def test_owners_and_products_are_referred_to_by_their_ids(
        self, client: httpx.Client, dataset: DataSet
    ) -> None:
        load_into(client, dataset)
        deal = dataset.of_type("deals")[0]
        found = record(client, dataset, "deals", deal.key, "hubspot_owner_id")
        owner = (
            client.get(f"/crm/v3/owners/{found['properties']['hubspot_owner_id']}").raise_for_status().json()
        )
        [expected] = [o for o in dataset.owners if o.key == deal.references["hubspot_owner_id"].key]
        assert owner["email"] == expected.email
        line = dataset.of_type("line_items")[0]
        shown = record(client, dataset, "line_items", line.key, "hs_product_id")
        product = record(client, dataset, "products", line.references["hs_product_id"].key)
        assert shown["properties"]["hs_product_id"] == product["id"]

    def test_progress_ends_with_every_object_done(self, client: httpx.Client, dataset: DataSet) -> None:
        told: list[tuple[int, int]] = []
        load(dataset, str(client.base_url), TOKEN, lambda done, total: told.append((done, total)))
        assert told == sorted(told)
        assert told[-1] == (len(dataset.objects), len(dataset.objects))


class TestSecondLoad:
    def test_it_creates_nothing(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        summary = load_into(client, dataset)
        assert set(summary.created.values()) == {0}
        assert summary.properties_created == 0
        assert summary.found == sizes(dataset)
        assert counts(client) == sizes(dataset)

    def test_an_interrupted_load_is_continued(self, client: httpx.Client, dataset: DataSet) -> None:
        half = replace(dataset, objects=dataset.objects[: -len(dataset.of_type("deals")) // 2])
        load_into(client, half)
        summary = load_into(client, dataset)
        assert summary.created["deals"] == len(dataset.of_type("deals")) - summary.found["deals"]
        assert summary.found["deals"] > 0
        assert counts(client) == sizes(dataset)

    def test_a_second_data_set_is_added_to_the_first(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        other = DataSet("tiny", (), (), (CrmObject("products", "product-1", {"name": "Stapler"}),))
        assert load_into(client, other).created == {"products": 1}
        assert counts(client)["products"] == len(dataset.of_type("products")) + 1


class TestLaterChanges:
    def test_each_object_ends_as_its_last_change_says(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        assert apply_later_changes(dataset, str(client.base_url), TOKEN) == len(dataset.later_changes)
        final: dict[tuple[str, str], dict[str, str]] = {}
        for change in dataset.later_changes:
            final.setdefault((change.object_type, change.key), {}).update(change.properties)
        for (object_type, key), properties in final.items():
            found = record(client, dataset, object_type, key, ",".join(properties))["properties"]
            assert {name: found[name] for name in properties} == properties

    def test_a_deal_passes_through_every_stage_in_order(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        apply_later_changes(dataset, str(client.base_url), TOKEN)
        key = dataset.dirt[DirtKind.LOST_AND_WON_AGAIN][0]
        response = client.get(
            f"/crm/v3/objects/deals/{dataset.name}:{key}",
            params={"idProperty": "demo_key", "propertiesWithHistory": "dealstage"},
        )
        history = response.raise_for_status().json()["propertiesWithHistory"]["dealstage"]
        assert [version["value"] for version in reversed(history)] == [
            "closedwon",
            "closedlost",
            "decisionmakerboughtin",
            "closedwon",
        ]

    def test_changes_of_a_data_set_that_was_not_loaded_are_refused(
        self, client: httpx.Client, dataset: DataSet
    ) -> None:
        other = replace(dataset, name="never loaded")
        load_into(client, dataset)
        with pytest.raises(ValueError, match="load the data set first"):
            apply_later_changes(other, str(client.base_url), TOKEN)


class TestRefusals:
    def test_a_wait_told_by_the_account_is_kept(self, client: httpx.Client, dataset: DataSet) -> None:
        load_into(client, dataset)
        client.put("/_sandbox/limits", json={"searches_per_second": 3}).raise_for_status()
        summary = load_into(client, dataset)
        assert summary.waits > 0
        assert summary.found == sizes(dataset)

    def test_the_daily_limit_ends_the_load_with_the_advice_to_wait(
        self, client: httpx.Client, dataset: DataSet
    ) -> None:
        client.put("/_sandbox/limits", json={"requests_per_day": 12}).raise_for_status()
        with pytest.raises(LoadError, match="daily request limit"):
            load_into(client, dataset)

    def test_a_refused_value_is_reported_in_the_accounts_words(self, client: httpx.Client) -> None:
        bad = DataSet("bad", (), (), (CrmObject("deals", "deal-1", {"amount": "twelve thousand"}),))
        with pytest.raises(LoadError, match=r"batch/create: 400 .*amount"):
            load_into(client, bad)

    def test_a_wrong_token_is_reported_without_showing_it(
        self, client: httpx.Client, dataset: DataSet
    ) -> None:
        with pytest.raises(LoadError, match="401") as refusal:
            load(dataset, str(client.base_url), "pat-wrong")
        assert "pat-wrong" not in str(refusal.value)

    def test_an_account_that_does_not_answer_is_named_as_that(self, dataset: DataSet) -> None:
        with pytest.raises(LoadError, match="no answer"):
            load(dataset, "http://127.0.0.1:9", TOKEN)


class TestPublicDataSet:
    def test_its_first_load_fits_into_one_window_of_the_rate_limit(
        self, client: httpx.Client, public_folder: Path
    ) -> None:
        dataset = read_public(public_folder)
        summary = load_into(client, dataset)
        assert counts(client)["deals"] == 8800
        assert summary.requests <= 190
        assert summary.waits == 0
