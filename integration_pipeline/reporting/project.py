"""The dbt project on disk, and a folder of its own for everything dbt writes about it.

Belongs here: paths, the parsed project (`manifest.json`), folders of runs. Does not belong here: running
models (`run`, `definitions`).

The project's own folder stays untouched: it may be read-only, and several processes use it at once. Each
writes into a folder nobody else has, and what all share is published by one rename.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from integration_pipeline.reporting.errors import ReportingError

PROJECT_DIR = Path(__file__).resolve().parents[2] / "dbt_like_sql"

ARTIFACTS_VARIABLE = "READ_MODELS_ARTIFACTS"
"""Names the folder for what dbt writes; without it `.data/read_models`, or the user's cache folder."""

MANIFEST = "manifest.json"
_PARTIAL_PARSE = "partial_parse.msgpack"
_SOURCES = ("dbt_project.yml", "profiles.yml", "macros", "models", "seeds", "tests")
_DBT = "from dbt.cli.main import cli; cli()"
_KEPT_RUNS = 20
_KEPT_PARSES = 8


@dataclass(frozen=True, slots=True)
class Artifacts:
    """What dbt writes for one state of the project and one connection.

    `profile` holds the variables of `profiles.yml` (secrets play no part), `arguments` what else dbt is
    called with: dbt parses the project anew when either differs.
    """

    root: Path
    profile: Mapping[str, str]
    arguments: Sequence[str] = ()
    project_dir: Path = PROJECT_DIR

    def manifest(self) -> Path:
        """The parsed project; parsed now if this state of it never was.

        Raises `ReportingError` if dbt cannot read it.
        """
        parsed = self._parsed
        try:
            # What is in use is not what is cleared away when others come.
            os.utime(parsed)
        except FileNotFoundError:
            folder = self.new_run()
            _parse(self.project_dir, folder, self.profile)
            self.publish(folder)
        return parsed / MANIFEST

    def new_run(self) -> Path:
        """A folder for one run of dbt, empty but for what spares it parsing the project again."""
        runs = self.root / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        _keep_newest(runs, _KEPT_RUNS - 1)
        folder = Path(tempfile.mkdtemp(prefix=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-", dir=runs))
        with suppress(FileNotFoundError):
            shutil.copy(self._parsed / _PARTIAL_PARSE, folder)
        return folder

    def publish(self, run: Path) -> None:
        """Let later runs start from what this one parsed. Whoever is first wins: the content is the same."""
        parsed = self._parsed
        if parsed.exists():
            return
        parsed.parent.mkdir(parents=True, exist_ok=True)
        _keep_newest(parsed.parent, _KEPT_PARSES - 1)
        fresh = Path(tempfile.mkdtemp(prefix="new-", dir=self.root))
        for name in (MANIFEST, _PARTIAL_PARSE):
            shutil.copy(run / name, fresh)
        try:
            fresh.rename(parsed)
        except OSError:
            shutil.rmtree(fresh)
            if not parsed.exists():
                raise

    @property
    def _parsed(self) -> Path:
        digest = hashlib.sha256()
        told = [f"{name}={value}" for name, value in sorted(self.profile.items()) if "SECRET" not in name]
        for part in (metadata.version("dbt-core"), str(self.project_dir), *told, *self.arguments):
            digest.update(part.encode() + b"\0")
        for path in sorted(_files_of(self.project_dir)):
            digest.update(
                str(path.relative_to(self.project_dir)).encode() + b"\0" + path.read_bytes() + b"\0"
            )
        return self.root / "parsed" / digest.hexdigest()[:16]


def profile_without_server(database_name: str) -> dict[str, str]:
    """Enough of a profile to parse the project: nothing is connected to, only the name is in the result."""
    return {"DBT_HOST": "localhost", "DBT_USER": "nobody", "DBT_DBNAME": database_name}


def artifacts_root() -> Path:
    """The folder for what dbt writes, made if need be. Raises `ReportingError` if none can be written to."""
    if given := os.environ.get(ARTIFACTS_VARIABLE):
        candidates = [Path(given)]
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        candidates = [
            PROJECT_DIR.parent / ".data" / "read_models",
            cache / "integration-pipeline" / "read_models",
        ]
    for folder in candidates:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.access(folder, os.W_OK | os.X_OK):
                return folder.resolve()
    raise ReportingError(
        f"dbt needs a folder to write to, and {candidates[-1]} is none: name one in {ARTIFACTS_VARIABLE}"
    )


def _files_of(project_dir: Path) -> list[Path]:
    given = [project_dir / name for name in _SOURCES]
    return [path for root in given for path in (root, *root.rglob("*")) if path.is_file()]


def _parse(project_dir: Path, folder: Path, environment: Mapping[str, str]) -> None:
    """In a process of its own: dbt's imports and its logging would stay in this one for good."""
    folders = ["--project-dir", project_dir, "--profiles-dir", project_dir, "--target-path", folder]
    done = subprocess.run(  # noqa: S603 - our own list of arguments
        [sys.executable, "-c", _DBT, "--no-use-colors", "parse", "--quiet", *folders, "--log-path", folder],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ReportingError(f"dbt cannot read {project_dir}:\n{done.stdout.strip()}")


def _keep_newest(folder: Path, count: int) -> None:
    found = sorted((entry for entry in folder.iterdir()), key=_age, reverse=True)
    for entry in found[count:]:
        shutil.rmtree(entry, ignore_errors=True)


def _age(entry: Path) -> float:
    """Another process may just have removed it; then it counts as old."""
    try:
        return entry.stat().st_mtime
    except FileNotFoundError:
        return 0.0
