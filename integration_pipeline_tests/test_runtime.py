from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from integration_pipeline.crm.records import ObjectType
from integration_pipeline.runtime import database, open_pipeline, open_source, open_writer, with_driver
from integration_pipeline.settings import MissingSetting, Settings
from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.transport.failures import Transient
from integration_pipeline.transport.policies import RetryPolicy


def settings(**values: object) -> Settings:
    return Settings.model_validate({"hubspot_token": "pat-1", **values})


class TestADatabaseOfOnesOwn:
    def test_is_migrated_and_knows_mapping_rules_and_accounts(self, engine: Engine) -> None:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        with open_pipeline(settings(database_url=url)) as pipeline, pipeline.engine.connect() as connection:
            assert connection.execute(text("SELECT version FROM billing.mappings")).scalar_one() == (
                pipeline.mapping.version
            )
            assert connection.execute(text("SELECT version FROM billing.rule_sets")).scalar_one() == (
                pipeline.rules.version
            )
            accounts = connection.execute(text("SELECT count(*) FROM ledger.accounts")).scalar_one()
            assert accounts == len(pipeline.rules.entities) * len(pipeline.rules.accounts)

    def test_is_opened_again_without_a_second_registration(self, engine: Engine) -> None:
        url = engine.url.render_as_string(hide_password=False)
        with open_pipeline(settings(database_url=url)) as first:
            pass
        with open_pipeline(settings(database_url=url)):
            pass

        with engine.connect() as connection:
            versions = connection.execute(text("SELECT version FROM billing.mappings")).scalars().all()
        assert versions == [first.mapping.version]

    def test_keeps_its_password_when_it_gets_our_driver(self) -> None:
        url = with_driver("postgresql://ada:hunter%402@db.example/books", "postgresql+psycopg")

        assert url == "postgresql+psycopg://ada:hunter%402@db.example/books"


class TestTheEmbeddedDatabase:
    def test_is_started_for_the_block_and_stopped_after_it(self, tmp_path: Path) -> None:
        with database(settings(data_dir=tmp_path)) as url:
            engine = create_engine(url)
            with engine.connect() as connection:
                assert connection.execute(text("SELECT current_database()")).scalar() == "pipeline"
            engine.dispose()

        assert EmbeddedPostgres.find(tmp_path / "postgres") is None

    def test_that_was_running_stays_running(self, postgres: EmbeddedPostgres, tmp_path: Path) -> None:
        (tmp_path / "postgres").symlink_to(postgres.data_dir)
        with database(settings(data_dir=tmp_path)):
            pass

        assert EmbeddedPostgres.find(postgres.data_dir) is not None

    def test_is_not_made_where_nobody_asked_for_it(self, tmp_path: Path) -> None:
        with (
            pytest.raises(MissingSetting, match="DATABASE_URL is not set: there is no data in"),
            database(settings(data_dir=tmp_path / "nowhere")),
        ):
            pass

        assert list(tmp_path.iterdir()) == []


def test_the_crm_is_the_one_the_settings_name() -> None:
    with open_source(settings(hubspot_base_url="http://127.0.0.1:1/")) as source:
        assert source.name == "hubspot"

    with pytest.raises(ValueError, match="must be https, or http on this machine"):
        open_source(settings(hubspot_base_url="http://crm.example")).__enter__()


def test_whoever_calls_hubspot_is_counted_in_the_database_all_share(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    shared = settings(database_url=url, hubspot_base_url="http://127.0.0.1:1/")
    once = RetryPolicy(attempts=1)

    with open_source(shared, retries=once) as source, pytest.raises(Transient):
        source.fetch(ObjectType.DEAL, ["1"], ["amount"])
    read = hubspot_calls(engine)
    with open_writer(shared, retries=once) as writer, pytest.raises(Transient):
        writer.read_deals(["1"], ["amount"])

    assert read > 0
    assert hubspot_calls(engine) > read


def hubspot_calls(engine: Engine) -> int:
    with engine.connect() as connection:
        calls = text("SELECT unnest(calls) FROM ops.quotas WHERE vendor = 'hubspot' AND label = '10s'")
        return sum(connection.execute(calls).scalars())
