from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from integration_pipeline.settings import DEFAULT_MAPPING, MissingSetting, Settings

VARIABLES = (
    *("DATABASE_URL", "DATA_DIR", "MAPPING_FILE", "RULES_FILE", "AS_OF"),
    *("HUBSPOT_BASE_URL", "HUBSPOT_TOKEN", "HUBSPOT_API_VERSION", "HUBSPOT_OVERLAP_MINUTES"),
)


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty folder to work in, and none of our variables in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_nothing_needs_to_be_set() -> None:
    settings = Settings()

    assert (settings.database_url, settings.as_of) == (None, None)
    assert settings.mapping_file == DEFAULT_MAPPING
    assert settings.mapping_file.exists()
    assert settings.rules_file.exists()


def test_variables_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AS_OF", "2026-06-30")
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-1")
    monkeypatch.setenv("HUBSPOT_OVERLAP_MINUTES", "7")
    settings = Settings()

    assert settings.as_of == date(2026, 6, 30)
    assert settings.hubspot().token.get_secret_value() == "pat-1"
    assert settings.hubspot().overlap_minutes == 7


def test_a_file_of_variables_is_read_and_the_environment_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("AS_OF=2026-01-01\nHUBSPOT_TOKEN=pat-file\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("AS_OF", "2026-02-02")
    settings = Settings()

    assert settings.as_of == date(2026, 2, 2)
    assert settings.hubspot().token.get_secret_value() == "pat-file"


class TestVariablesThatADemoLeftBehind:
    @pytest.fixture(autouse=True)
    def demo(self, tmp_path: Path) -> None:
        folder = tmp_path / ".data" / "current"
        folder.mkdir(parents=True)
        (folder / "demo.env").write_text("AS_OF=2026-01-01\nHUBSPOT_TOKEN=pat-demo\n")

    def test_hold_until_ones_own_file_says_otherwise(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("AS_OF=2026-03-03\n")
        settings = Settings.load()

        assert settings.as_of == date(2026, 3, 3)
        assert settings.hubspot().token.get_secret_value() == "pat-demo"

    def test_say_nothing_about_a_database_of_ones_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/books")
        settings = Settings.load()

        assert (settings.as_of, settings.hubspot_token) == (None, None)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AS_OF", "DATABASE_URL", "HUBSPOT_TOKEN"):
        monkeypatch.setenv(name, "")
    settings = Settings()

    assert (settings.as_of, settings.database_url, settings.hubspot_token) == (None, None, None)


def test_a_missing_token_is_named_with_where_to_put_it() -> None:
    with pytest.raises(MissingSetting, match=r"^HUBSPOT_TOKEN is not set: the access token .* \.env$"):
        Settings().hubspot()


def test_neither_tokens_nor_wrong_values_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBSPOT_TOKEN", "pat-secret")
    assert "pat-secret" not in repr(Settings())

    monkeypatch.setenv("AS_OF", "pat-pasted-into-the-wrong-line")
    with pytest.raises(ValidationError) as raised:
        Settings()
    assert "pat-" not in str(raised.value)
    assert "as_of" in str(raised.value)


def test_a_password_in_the_database_url_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@db.example/books")

    assert "hunter2" not in repr(Settings())
