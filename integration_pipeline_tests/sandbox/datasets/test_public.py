"""The public data set: its known totals, its text unchanged, errors for a folder that is something else."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from integration_pipeline.sandbox.datasets.model import DataSet
from integration_pipeline.sandbox.datasets.public import PublicDataError, read_public


@pytest.fixture(scope="module")
def dataset(public_folder: Path) -> DataSet:
    return read_public(public_folder)


class TestFacts:
    def test_it_has_8800_deals_85_companies_7_products_and_35_agents(self, dataset: DataSet) -> None:
        counts = Counter(item.object_type for item in dataset.objects)
        assert counts == {"deals": 8800, "line_items": 8800, "companies": 85, "products": 7}
        assert len(dataset.owners) == 35

    def test_stages_are_distributed_as_published(self, dataset: DataSet) -> None:
        stages = Counter(deal.properties["dealstage"] for deal in dataset.of_type("deals"))
        assert stages == {
            "closedwon": 4238,
            "closedlost": 2473,
            "presentationscheduled": 1589,
            "appointmentscheduled": 500,
        }

    def test_won_deals_are_worth_10_005_534_dollars(self, dataset: DataSet) -> None:
        won = [d.properties for d in dataset.of_type("deals") if d.properties["dealstage"] == "closedwon"]
        assert sum(int(deal["amount"]) for deal in won) == 10_005_534
        assert {deal["deal_currency_code"] for deal in won} == {"USD"}

    def test_only_the_1425_open_deals_without_account_lack_a_company(self, dataset: DataSet) -> None:
        lonely = [
            deal
            for deal in dataset.of_type("deals")
            if all(link.object_type != "companies" for link in deal.associations)
        ]
        assert len(lonely) == 1425
        assert {deal.properties["dealstage"] for deal in lonely} == {
            "presentationscheduled",
            "appointmentscheduled",
        }

    def test_keys_are_unique_within_a_type(self, dataset: DataSet) -> None:
        keys = [(item.object_type, item.key) for item in dataset.objects]
        assert len(keys) == len(set(keys))


class TestText:
    def test_a_deal_keeps_the_text_of_its_row(self, dataset: DataSet) -> None:
        [deal] = [deal for deal in dataset.of_type("deals") if deal.key == "deal-Z063OYW0"]
        assert deal.properties == {
            "dealname": "Z063OYW0 GTXPro Isdom",
            "pipeline": "default",
            "dealstage": "closedwon",
            "amount": "4514",
            "deal_currency_code": "USD",
            "opportunity_id": "Z063OYW0",
            "legacy_close_date": "3/11/2017",
            "legacy_engage_date": "10/25/2016",
            "legacy_product": "GTXPro",
            "sales_agent": "Darcel Schlecht",
        }

    def test_gtxpro_stays_apart_from_gtx_pro(self, dataset: DataSet) -> None:
        catalogue = {product.properties["name"] for product in dataset.of_type("products")}
        sold = {line.properties["name"] for line in dataset.of_type("line_items")}
        assert sold - catalogue == {"GTXPro"}
        assert catalogue - sold == {"GTX Pro"}

    def test_the_misspelled_sector_stays(self, dataset: DataSet) -> None:
        sectors = {company.properties["legacy_sector"] for company in dataset.of_type("companies")}
        assert "technolgy" in sectors


class TestWrongFolder:
    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(PublicDataError, match=r"accounts\.csv: file is missing"):
            read_public(tmp_path)

    def test_a_missing_column_is_named_with_its_file(self, public_folder: Path, tmp_path: Path) -> None:
        shutil.copytree(public_folder, tmp_path, dirs_exist_ok=True)
        pipeline = tmp_path / "sales_pipeline.csv"
        pipeline.write_text(pipeline.read_text().replace("close_value", "value", 1))
        with pytest.raises(PublicDataError, match=r"sales_pipeline\.csv: column 'close_value' is missing"):
            read_public(tmp_path)

    def test_an_unknown_stage_is_named_with_its_opportunity(
        self, public_folder: Path, tmp_path: Path
    ) -> None:
        shutil.copytree(public_folder, tmp_path, dirs_exist_ok=True)
        pipeline = tmp_path / "sales_pipeline.csv"
        pipeline.write_text(pipeline.read_text().replace(",Won,", ",Gewonnen,", 1))
        with pytest.raises(PublicDataError, match="opportunity 1C1I7A6R: deal_stage 'Gewonnen' is unknown"):
            read_public(tmp_path)

    def test_a_file_that_is_not_text_is_named(self, public_folder: Path, tmp_path: Path) -> None:
        shutil.copytree(public_folder, tmp_path, dirs_exist_ok=True)
        (tmp_path / "products.csv").write_bytes(b"product,series,sales_price\nGTX\xff,GTX,1\n")
        with pytest.raises(PublicDataError, match=r"products\.csv: not UTF-8 text"):
            read_public(tmp_path)
