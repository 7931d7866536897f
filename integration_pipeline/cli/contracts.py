"""What `preview` and `simulate` share: contracts out of files, conventions by name, refusals by field.

Belongs here: reading those arguments. Does not belong here: showing results.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from integration_pipeline.billing.errors import BillingError, InvalidTerms
from integration_pipeline.billing.policies import PROFILES, Policies
from integration_pipeline.billing.term_values import FIRST_YEAR, LAST_YEAR
from integration_pipeline.billing.terms import ContractTerms, load_terms, load_terms_yaml
from integration_pipeline.billing.usage.events import InvalidEvents
from integration_pipeline.cli.output import errors, table
from integration_pipeline.rules.document import RuleSet

STANDARD_INPUT = "-"

Profile = Annotated[
    str | None,
    typer.Option(help=f"Bill by these conventions, not by the rule set's: {', '.join(PROFILES)}."),
]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], metavar="DATE")]


def read_contract(path: Path) -> ContractTerms:
    """Terms from JSON or YAML, by the suffix or else by how the text begins.

    Raises `InvalidTerms` with every problem.
    """
    document = read_file(path)
    suffix = path.suffix.lower()
    is_json = suffix == ".json" or (suffix not in (".yaml", ".yml") and document.lstrip()[:1] in (b"{", b"["))
    return load_terms(document) if is_json else load_terms_yaml(document)


def read_file(path: Path) -> bytes:
    """A file, or standard input for `-`; one that cannot be read is a mistake in the arguments."""
    if str(path) == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return path.read_bytes()
    except OSError as fault:
        raise typer.BadParameter(f"{path} cannot be read: {fault.strerror}") from None


def read_contracts(paths: Sequence[Path]) -> list[ContractTerms]:
    """The terms of every file. Where any are refused, lists the problems of all such files and exits 2."""
    contracts: list[ContractTerms] = []
    refused = False
    for path in paths:
        try:
            contracts.append(read_contract(path))
        except InvalidTerms as fault:
            where = "standard input" if str(path) == STANDARD_INPUT else path
            show_refusal(f"{where}: {_record(fault)} cannot be billed", fault.problems)
            refused = True
    if refused:
        raise typer.Exit(2)
    return contracts


@contextmanager
def refusals_shown() -> Generator[None]:
    """What billing refuses is listed, a line per problem and field, and ends the command with exit code 2."""
    try:
        yield
    except InvalidTerms as fault:
        show_refusal(f"{_record(fault)} cannot be billed", fault.problems)
    except InvalidEvents as fault:
        show_refusal("usage events cannot be counted", fault.problems)
    except BillingError as fault:
        show_refusal(str(fault), ())
    else:
        return
    raise typer.Exit(2)


def show_refusal(what: str, problems: Iterable[tuple[str, str]]) -> None:
    """One sentence and its problems by field, on standard error."""
    errors.print(f"[bold red]error:[/] {escape(what)}")
    listed = table("field", "problem")
    listed.show_header = False
    for field, message in problems:
        listed.add_row(f"[bold]{escape(field or 'document')}[/]", escape(message))
    if listed.row_count:
        errors.print(Padding(listed, (0, 0, 0, 2)))


def policies_named(profile: str | None, rules: RuleSet) -> Policies:
    """The conventions of that name, or those of the rule set."""
    if profile is None:
        return rules.policies
    if profile not in PROFILES:
        raise typer.BadParameter(f"{profile!r} is none of {', '.join(PROFILES)}", param_hint="--profile")
    return PROFILES[profile]


def civil_day(moment: datetime) -> date:
    """The day of an option, within the years that contracts may state."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise typer.BadParameter(f"the year must lie within {FIRST_YEAR}..{LAST_YEAR}", param_hint="--until")
    return moment.date()


def _record(fault: InvalidTerms) -> str:
    return "the contract" if fault.contract_id is None else f"contract {fault.contract_id[:80]}"
