"""Published billing cases, and the adapters that put them to the engine.

Belongs here: `Case`, how an adapter is registered and found. Does not belong here: what the words of a case's
settings mean (`settings`), comparing figures (`comparison`), or the translations (`adapters`, a module per
topic: each translates notation and calls the engine, without figures, arithmetic or rounding of its own).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from integration_pipeline.billing.policies import Policies
from integration_pipeline_tests.cases.settings import read_settings


class NotExpressible(Exception):  # noqa: N818 - reads as the statement it makes
    """The engine has no terms for what a case asks, or its adapter does not know the notation; says why."""


@dataclass(frozen=True, slots=True)
class Case:
    """One published case: what a billing system was given, and the figures it answered with.

    `inputs` and `expected` are plain JSON values. Amounts are in currency units unless their key says
    cents. Adapters read `expected` for its keys only, best through `asked`.
    """

    id: str
    kind: str
    feature: str
    inputs: Mapping[str, Any]
    expected: Mapping[str, Any]
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    convention: str = ""
    notes: str = ""
    source: str = ""
    file: Sequence[Case] = field(default=(), repr=False, compare=False)

    @property
    def family(self) -> str:
        """The billing system or collection a case is from: `KB` of `KB-021`."""
        return self.id.partition("-")[0]

    @property
    def policies(self) -> Policies:
        """The conventions that `settings` and `convention` state, as a profile or a change of one."""
        return read_settings(self.settings, self.convention).policies

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the figures that are expected."""
        return tuple(self.expected)

    def asked_within(self, name: str) -> tuple[str, ...]:
        """The names of the figures that are expected under `name`; none if it is one figure or a list."""
        figures = self.expected.get(name)
        return tuple(cast("Mapping[str, Any]", figures)) if isinstance(figures, Mapping) else ()

    def is_list(self, name: str) -> bool:
        """Whether a list of figures is expected under `name`."""
        return isinstance(self.expected.get(name), list | tuple)

    def how_many(self, name: str) -> int:
        """How many figures are asked for under `name`, as where a case lists the first periods of many."""
        figures = self.expected.get(name)
        return len(cast("Sequence[Any]", figures)) if isinstance(figures, list | tuple) else 1

    @property
    def siblings(self) -> tuple[Case, ...]:
        """Every case of the same file, for a case that refers to another by name."""
        return tuple(self.file)


Adapter = Callable[[Case], Mapping[str, Any]]
"""Translates a case into terms and policies, asks the engine, and answers under the keys of `expected`."""

_ADAPTERS: dict[str, list[Adapter]] = {}


def adapter(*features: str) -> Callable[[Adapter], Adapter]:
    """Register an adapter for `features`: a whole name, or a room of them as `tiers/*`.

    Several adapters may share a feature, since systems write the same feature down differently: the runner
    takes the first that does not raise `NotExpressible`.
    """

    def register(function: Adapter) -> Adapter:
        for feature in features:
            _ADAPTERS.setdefault(feature, []).append(function)
        return function

    return register


@dataclass(frozen=True, slots=True)
class Found:
    """The adapters of a feature: those registered for exactly it, then those of patterns, longest first."""

    exact: tuple[Adapter, ...]
    by_pattern: tuple[Adapter, ...]


def adapters_for(feature: str) -> Found:
    """Every adapter that may know the notation of a feature, none of them twice."""
    _import_adapters()
    exact = tuple(_ADAPTERS.get(feature, ()))
    patterns = sorted(
        (name for name in _ADAPTERS if name.endswith("*") and feature.startswith(name[:-1])),
        key=len,
        reverse=True,
    )
    others = (function for name in patterns for function in _ADAPTERS[name] if function not in exact)
    return Found(exact, tuple(dict.fromkeys(others)))


def _import_adapters() -> None:
    """Import every module of `adapters`: there is no list to maintain, so none to forget a module in."""
    folder = Path(__file__).parent / "adapters"
    for module in pkgutil.iter_modules([str(folder)], f"{__name__.rpartition('.')[0]}.adapters."):
        importlib.import_module(module.name)
