"""Where dbt writes: a folder of its own, shared without locks."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from integration_pipeline.reporting.errors import ReportingError
from integration_pipeline.reporting.project import (
    ARTIFACTS_VARIABLE,
    PROJECT_DIR,
    Artifacts,
    artifacts_root,
    profile_without_server,
)

PROFILE = profile_without_server("pipeline")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A project that parses at once: ours without models."""
    folder = tmp_path / "project"
    for name in ("dbt_project.yml", "profiles.yml", "macros"):
        source = PROJECT_DIR / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            folder.mkdir(exist_ok=True)
            shutil.copy(source, folder)
    return folder


def _pretend_to_parse(artifacts: Artifacts) -> Path:
    run = artifacts.new_run()
    for name in ("manifest.json", "partial_parse.msgpack"):
        (run / name).write_text("parsed")
    return run


def test_of_two_that_parse_at_once_both_go_on_with_one_result(tiny: Path, tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "artifacts", PROFILE, project_dir=tiny)
    runs = [_pretend_to_parse(artifacts) for _ in range(8)]
    together = Barrier(len(runs))

    def publish(run: Path) -> str:
        together.wait()
        artifacts.publish(run)
        return artifacts.manifest().read_text()

    with ThreadPoolExecutor(len(runs)) as pool:
        assert set(pool.map(publish, runs)) == {"parsed"}
    assert not list((tmp_path / "artifacts").glob("new-*"))


def test_a_changed_model_is_a_project_that_was_never_parsed(tiny: Path, tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "artifacts", PROFILE, project_dir=tiny)
    artifacts.publish(_pretend_to_parse(artifacts))
    assert artifacts.manifest().read_text() == "parsed"
    assert (artifacts.new_run() / "partial_parse.msgpack").exists()
    (tiny / "macros" / "as_of.sql").write_text("{% macro as_of() %}cast('2026-01-01' AS date){% endmacro %}")
    assert not (artifacts.new_run() / "partial_parse.msgpack").exists()


def test_a_parse_in_use_outlives_those_of_other_databases(tiny: Path, tmp_path: Path) -> None:
    in_use = Artifacts(tmp_path, PROFILE, project_dir=tiny)
    in_use.publish(_pretend_to_parse(in_use))
    for number in range(12):
        other = Artifacts(tmp_path, profile_without_server(f"other_{number}"), project_dir=tiny)
        other.publish(_pretend_to_parse(other))
        assert in_use.manifest().read_text() == "parsed"
    assert len(list((tmp_path / "parsed").iterdir())) == 8


def test_a_password_does_not_decide_which_parse_is_used(tiny: Path, tmp_path: Path) -> None:
    earlier = Artifacts(tmp_path, {**PROFILE, "DBT_ENV_SECRET_PASSWORD": "old"}, project_dir=tiny)
    earlier.publish(_pretend_to_parse(earlier))
    renewed = Artifacts(tmp_path, {**PROFILE, "DBT_ENV_SECRET_PASSWORD": "new"}, project_dir=tiny)
    assert renewed.manifest().read_text() == "parsed"


def test_old_runs_are_cleared_away(tiny: Path, tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path, PROFILE, project_dir=tiny)
    newest = [artifacts.new_run() for _ in range(25)][-1]
    kept = list((tmp_path / "runs").iterdir())
    assert len(kept) == 20
    assert newest in kept


def test_a_project_that_dbt_cannot_read_is_reported_with_what_dbt_says(tiny: Path, tmp_path: Path) -> None:
    (tiny / "dbt_project.yml").write_text("name: [")
    with pytest.raises(ReportingError, match=r"(?s)cannot read .*Syntax error"):
        Artifacts(tmp_path, PROFILE, project_dir=tiny).manifest()


def test_without_a_folder_to_write_to_the_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(ARTIFACTS_VARIABLE, str(tmp_path / "file" / "folder"))
    with pytest.raises(ReportingError, match=ARTIFACTS_VARIABLE):
        artifacts_root()
