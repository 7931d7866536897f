"""The parts a demo needs, started together and stopped together, all inside one folder.

Belongs here: folders, child processes, their environment. Does not belong here: what is shown to whom.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from pydantic import SecretStr

from integration_pipeline.cli.output import console
from integration_pipeline.rules.document import DEFAULT_RULE_SET, read_rule_set
from integration_pipeline.runtime import (
    DAGSTER_DATABASE,
    PIPELINE_DATABASE,
    POSTGRES_FOLDER,
)
from integration_pipeline.sandbox.datasets.generated import generate
from integration_pipeline.sandbox.datasets.generation.contracts import FIRST_CLOSE
from integration_pipeline.sandbox.datasets.model import DataSet
from integration_pipeline.sandbox.datasets.public import read_public
from integration_pipeline.sandbox.server import SandboxProcess
from integration_pipeline.settings import CURRENT_DATA, MAPPINGS, Settings
from integration_pipeline.store.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from integration_pipeline.cli.systems import Systems

DEALS = 1_200
"""How many there are in a generated data set unless told otherwise."""
# The sandbox knows no other account, and listens on this machine only.
SANDBOX_TOKEN = "pat-sandbox"  # noqa: S105
SANDBOX_SECRET = "sandbox-app-secret"  # noqa: S105
# The sandbox's search sees a change at once, so a re-read needs no long look back.
SANDBOX_OVERLAP_MINUTES = 0
_LATER = ("HUBSPOT_", "MAPPING_", "RULES_")
# What the demo's owner has connected elsewhere is left alone.
_WITHOUT_SYSTEMS: Mapping[str, str] = dict.fromkeys(("TARGETS_FILE", "STRIPE_API_KEY", "PLAID_ITEMS"), "")


@dataclass(frozen=True, slots=True)
class Workshop:
    """Everything of a running demo."""

    folder: Path
    data_set: DataSet
    settings: Settings
    database_url: str
    dagster_url: str
    sandbox_url: str
    token: str
    systems: Systems | None = None
    """Accounting and payment systems, of a demo that has them."""

    def environment(self) -> dict[str, str]:
        """What child processes need to find the parts."""
        return {
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "DAGSTER_POSTGRES_URL": self.dagster_url,
            "DATABASE_URL": self.database_url,
            "HUBSPOT_BASE_URL": self.sandbox_url,
            "HUBSPOT_CLIENT_SECRET": SANDBOX_SECRET,
            "HUBSPOT_OVERLAP_MINUTES": str(SANDBOX_OVERLAP_MINUTES),
            "HUBSPOT_TOKEN": self.token,
            "MAPPING_FILE": str(self.settings.mapping_file),
            "RULES_FILE": str(self.settings.rules_file),
            **(_WITHOUT_SYSTEMS if self.systems is None else self.systems.environment),
        }

    def run_job(self, on_progress: Callable[[int, int], None]) -> bool:
        """Run the Dagster job over all months in this process; True if it succeeded."""
        os.environ.update(self.environment())
        # Great Expectations takes seconds to import; extraction waits for the CRM's rate limit meanwhile.
        threading.Thread(target=_import_great_expectations, daemon=True).start()
        from integration_pipeline.launch import run_all

        return run_all(on_progress)

    def refresh_read_models(self) -> bool:
        """Build the dbt read models as Dagster's own job would; True if it succeeded."""
        os.environ.update(self.environment())
        from integration_pipeline.launch import refresh_read_models

        with (self.folder / "dbt.log").open("a") as log, redirect_stdout(log):
            return refresh_read_models()


@contextmanager
def open_workshop(data: Path | None, *, deals: int = DEALS, systems: bool = False) -> Generator[Workshop]:
    """Start PostgreSQL and the sandbox for a data set; both stop at the end of the block.

    Without a folder `data` as many `deals` are generated. `systems`: with the sandboxes of the accounting and
    payment systems, connected.
    """
    name = data.resolve().name if data is not None else "generated"
    if data is None and deals != DEALS:
        name = f"generated-{deals}"
    data_set = generate(deals=deals) if data is None else read_public(data)
    mapping = MAPPINGS / ("hubspot_demo.yaml" if data is None else "hubspot_sales_opportunities.yaml")
    folder = (CURRENT_DATA.parent / name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rules = Settings().rules_file
    if data is None and rules == DEFAULT_RULE_SET:
        rules = _rules_from(FIRST_CLOSE, folder)
    _point_at(folder)
    started = "PostgreSQL and the sandbox CRM"
    if systems:
        started = "PostgreSQL, the sandbox CRM, QuickBooks, Xero, Stripe and Plaid"
    console.print(f"starting {started} in [bold]{CURRENT_DATA.parent / name}[/]")
    with (
        EmbeddedPostgres.start(folder / POSTGRES_FOLDER) as server,
        SandboxProcess(folder / "sandbox", token=SANDBOX_TOKEN) as sandbox,
        ExitStack() as beside,
    ):
        server.ensure_database(PIPELINE_DATABASE)
        server.ensure_database(DAGSTER_DATABASE)
        from integration_pipeline.instance import write_dagster_home

        write_dagster_home(folder / "dagster")
        opened = None
        if systems:
            # Four vendors take a while to import; the demo without them does not wait for it.
            from integration_pipeline.cli.systems import open_systems

            opened = beside.enter_context(
                open_systems(folder, server.url(PIPELINE_DATABASE), read_rule_set(rules).first_month)
            )
        os.environ.update(opened.environment if opened is not None else _WITHOUT_SYSTEMS)
        workshop = Workshop(
            folder=folder,
            data_set=data_set,
            settings=Settings(
                data_dir=folder,
                mapping_file=mapping,
                rules_file=rules,
                hubspot_base_url=sandbox.base_url,
                hubspot_token=SecretStr(SANDBOX_TOKEN),
                hubspot_overlap_minutes=SANDBOX_OVERLAP_MINUTES,
                hubspot_client_secret=SecretStr(SANDBOX_SECRET),
                database_url=server.url(PIPELINE_DATABASE),
                gateway_port=0,
            ),
            database_url=server.url(PIPELINE_DATABASE),
            dagster_url=server.url(DAGSTER_DATABASE, driver="postgresql+psycopg2"),
            sandbox_url=sandbox.base_url,
            token=SANDBOX_TOKEN,
            systems=opened,
        )
        _remember(workshop)
        yield workshop


def serve_dagster(workshop: Workshop, port: int) -> None:
    """Run Dagster's webserver and daemon until Ctrl-C or SIGTERM; they end with this process, however."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask_to_stop)
    log = workshop.folder / "dagster.log"
    port = _free_port(port)
    with _dagster(workshop, port, log) as family:
        console.print(f"\nDagster      [bold]http://127.0.0.1:{port}[/]  (its log: {log})")
        console.print(f"sandbox CRM  [bold]{workshop.sandbox_url}[/]  (token {workshop.token})")
        if workshop.systems is not None:
            for name, url in workshop.systems.addresses().items():
                console.print(f"{name:<12} [bold]{url}[/]")
        console.print("Ctrl-C stops everything.")
        while not stop.wait(0.5):
            if family.poll() is not None:
                console.print(f"[red]Dagster ended by itself[/]; its log says why: {log}")
                return
        console.print("stopping ...")


@contextmanager
def _dagster(workshop: Workshop, port: int, log: Path) -> Generator[subprocess.Popen[bytes]]:
    root = Path(__file__).parents[2]
    command = [sys.executable, str(Path(__file__).with_name("guard.py"))]
    command += [str(Path(sys.executable).parent / "dagster"), "dev", "-w", str(root / "workspace.yaml")]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    with log.open("ab") as output:
        family = subprocess.Popen(  # noqa: S603 - a fixed program of this environment
            command,
            cwd=root,
            env={**os.environ, **workshop.environment()},
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield family
    finally:
        if family.stdin is not None:
            family.stdin.close()
        family.wait()


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {wanted} and {wanted + 49}")


def _rules_from(first_month: date, folder: Path) -> Path:
    """The default rule set without the months before there were deals: Dagster keeps a record of each month
    in every run, which takes longer than what happens in it.
    """
    file = folder / "rules.yaml"
    default = DEFAULT_RULE_SET.read_text()
    file.write_text(re.sub(r"^first_month: .*$", f"first_month: {first_month}", default, flags=re.MULTILINE))
    return file


def _point_at(folder: Path) -> None:
    """Make this the data folder that later commands find."""
    fresh = CURRENT_DATA.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    fresh.replace(CURRENT_DATA)


def _remember(workshop: Workshop) -> None:
    """What later commands need: `demo.env` for our own, `dagster.env` to be sourced for Dagster's."""
    environment = workshop.environment()
    later = {name: value for name, value in environment.items() if name.startswith(_LATER)}
    if workshop.systems is not None:
        later |= workshop.systems.remembered()
    _write_privately(workshop.folder / "demo.env", [f"{name}={value}" for name, value in later.items()])
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    _write_privately(workshop.folder / "dagster.env", exports)


def _write_privately(file: Path, lines: Sequence[str]) -> None:
    """For nobody else to read: among the lines are tokens, and the key that others are sealed with."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    file.write_text("\n".join(lines) + "\n")


def _import_great_expectations() -> None:
    import_module("great_expectations")
