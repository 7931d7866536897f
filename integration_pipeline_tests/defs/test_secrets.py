"""Tokens and passwords stay in the environment: nothing Dagster records has them."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import make_url

from integration_pipeline.defs.jobs import SYNC_DEALS
from integration_pipeline_tests.defs.office import FIRST_MONTH, PASSWORD, TOKEN, Office, Synced


def test_neither_token_nor_password_is_in_a_run_its_tags_or_its_events(synced: Synced) -> None:
    entries = synced.instance.all_logs(synced.run.run_id)
    recorded = [repr(synced.run), *(entry.to_json() for entry in entries)]
    assert len(recorded) > 100
    assert not [line for line in recorded if TOKEN in line or PASSWORD in line]


def test_neither_is_in_a_file_of_the_home_folder(synced: Synced) -> None:
    home = Path(synced.instance.root_directory)
    files = [path for path in home.rglob("*") if path.is_file()]
    assert home / "dagster.yaml" in files
    assert not [path for path in files if PASSWORD in path.read_text() or TOKEN in path.read_text()]


def test_a_database_that_cannot_be_reached_is_named_without_its_password(office: Office) -> None:
    url = make_url(office.settings.database_url or "").update_query_dict({"host": "/nowhere"})
    lost = office.having(database_url=url.render_as_string(hide_password=False))
    told = lost.run_in_vain(SYNC_DEALS, FIRST_MONTH)
    assert "/nowhere" in told
    assert PASSWORD not in told


def test_an_account_that_refuses_the_token_is_named_without_it(office: Office) -> None:
    refused = office.having(hubspot_token=SecretStr("pat-na1-revoked"))
    told = refused.run_in_vain(SYNC_DEALS, FIRST_MONTH)
    assert "401" in told
    assert "pat-na1-revoked" not in told
