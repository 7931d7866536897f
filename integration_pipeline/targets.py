"""From settings to the connectors of accounting systems, with their credentials and their limits.

Belongs here: which connector a target of the targets file gets, and with what. Does not belong here: what
connectors do (`accounting`), how tokens are kept (`credentials`).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx

from integration_pipeline.accounting.quickbooks.config import QuickBooksConfig
from integration_pipeline.accounting.targets_file import TargetsFile, read_targets
from integration_pipeline.accounting.xero.config import XeroConfig
from integration_pipeline.pipeline.context import Pipeline, PostsTo
from integration_pipeline.settings import Settings

if TYPE_CHECKING:
    from integration_pipeline.accounting.target import AccountingTarget
    from integration_pipeline.credentials import Connections
    from integration_pipeline.transport.shared_limit import SharedRateLimiter


def targets_of(settings: Settings) -> TargetsFile:
    """The targets file in force; without one there are none."""
    return TargetsFile() if settings.targets_file is None else read_targets(settings.targets_file)


def posts_to(settings: Settings) -> tuple[PostsTo, ...]:
    """Whose documents go where."""
    return tuple(
        PostsTo(each.name, entity, each.since)
        for each in targets_of(settings).targets
        for entity in each.entities
    )


@contextmanager
def open_targets(
    settings: Settings, pipeline: Pipeline, *, only: str | None = None
) -> Generator[list[AccountingTarget]]:
    """The connectors of all targets, or of one.

    Raises `UnknownTarget`, also for one that the mapping's `company.accounting_ids` names: under a name with
    a slip in it the ids would go unread, and customers be created who are there. Raises `MissingSetting`
    without the key that tokens are sealed with.
    """
    from integration_pipeline.transport.shared_limit import SharedRateLimiter

    file = targets_of(settings)
    configs = [file.named(only)] if only is not None else list(file.targets)
    with ExitStack() as open_until_the_end:
        if not configs:
            yield []
            return
        for stated in pipeline.mapping.company.accounting_ids:
            file.named(stated)
        connections = open_connections(settings, pipeline)
        targets: list[AccountingTarget] = []
        for config in configs:
            limiter = open_until_the_end.enter_context(
                SharedRateLimiter(pipeline.database_url, config.vendor, config.account, config.limits())
            )
            target = _connector(config, _authorization(connections, config), limiter)
            open_until_the_end.callback(target.close)
            targets.append(target)
        yield targets


def _connector(
    config: QuickBooksConfig | XeroConfig, auth: httpx.Auth, limiter: SharedRateLimiter
) -> AccountingTarget:
    # A process needs the connectors of the targets it has, and no others.
    from integration_pipeline.transport.client import TimeLimits

    # After this long nobody knows what became of a posting, and it is looked up.
    time_limits = TimeLimits(connect=5.0, read=30.0, answer=30.0)
    if isinstance(config, QuickBooksConfig):
        from integration_pipeline.accounting.quickbooks.target import QuickBooksTarget

        return QuickBooksTarget(config, auth=auth, limiter=limiter, time_limits=time_limits)
    from integration_pipeline.accounting.xero.target import XeroTarget

    return XeroTarget(config, auth=auth, limiter=limiter, time_limits=time_limits)


def open_connections(settings: Settings, pipeline: Pipeline) -> Connections:
    """The tokens of all connected accounts. Raises `MissingSetting` without the key they are sealed with."""
    from integration_pipeline.credentials import Connections

    return Connections(pipeline.engine, settings.keyring(), settings.credentials().apps())


def _authorization(connections: Connections, config: QuickBooksConfig | XeroConfig) -> httpx.Auth:
    from integration_pipeline.credentials import ConnectionAuth, Vendor

    return ConnectionAuth(connections, Vendor(config.vendor), config.account)
