"""How dbt's models look in Dagster: keys, owners, kinds, what makes them run.

Belongs here: everything Dagster shows about a model. Does not belong here: running them (`definitions`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from dagster import AssetKey, AssetSpec, AutomationCondition
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

GROUP = "reporting"
OWNERS = ("team:finance-ops",)

# The last stages of the pipeline. The ledger moves when something was posted or a month's revenue released;
# the gate when something was set aside or released, which posts nothing and is news all the same.
_NEWS_FROM = (AssetKey("ledger__invoices"), AssetKey("ledger__revenue"), AssetKey("posting__gate"))
# Looked at every few minutes, and seldom with news: then its data version is another one.
_SETTLEMENTS = AssetKey("payments__settlements")


def refresh_when_the_books_move() -> AutomationCondition[Any]:
    """True for every model at once when ledger, gate or payments have news, and neither nor we are at work.

    All at once, as the cut must be of one moment. Unlike `eager` it asks for no complete set of upstream
    partitions (a month without deals never has any) and does nothing for being missing.
    """
    changed: AutomationCondition[Any] = AutomationCondition.data_version_changed()
    news: Any = _any_of_the_last_stages(AutomationCondition.newly_updated())
    # Any: Dagster leaves open what such a condition is about.
    settled: list[Any] = [AutomationCondition.asset_matches(_SETTLEMENTS, changed)]
    news |= settled[0]
    at_work = _any_of_the_last_stages(AutomationCondition.in_progress())
    due: Any = news.since_last_handled() & ~at_work & ~AutomationCondition.in_progress()
    return due.with_label("the books have moved")


def _any_of_the_last_stages(condition: AutomationCondition[Any]) -> AutomationCondition[Any]:
    # Any: Dagster leaves open what such a condition is about.
    found: list[Any] = [AutomationCondition.asset_matches(key, condition) for key in _NEWS_FROM]
    whole: Any = found[0]
    for other in found[1:]:
        whole |= other
    return whole


class ReadModelsTranslator(DagsterDbtTranslator):
    """Models as `reporting__<name>`; sources under the keys of the pipeline's assets, see `sources.yml`."""

    def __init__(self) -> None:
        # Several tables of the pipeline are filled by one of its assets.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> AssetKey:
        """`reporting__invoices`; a source's own key."""
        if dbt_resource_props["resource_type"] == "source":
            return super().get_asset_key(dbt_resource_props)
        return AssetKey(f"{GROUP}__{dbt_resource_props['name']}")

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> AssetSpec:
        """The model with owner, group, kind and a code version that covers all SQL it is compiled from."""
        # Any: the types of Dagster's own signature are incomplete.
        spec: Any = super().get_asset_spec(manifest, unique_id, project)
        node = self.get_resource_props(manifest, unique_id)
        if node["resource_type"] == "source":
            return spec
        return spec.replace_attributes(
            group_name=GROUP,
            owners=list(OWNERS),
            kinds={"dbt", "postgres", "seed" if node["resource_type"] == "seed" else "table"},
            code_version=_code_version(manifest, unique_id),
            automation_condition=refresh_when_the_books_move(),
        )


def _code_version(manifest: Mapping[str, Any], unique_id: str) -> str:
    """dagster-dbt hashes a model's own file only; ours are compiled from ephemeral models and macros too."""
    digest = hashlib.sha256()
    pending, seen = [unique_id], set[str]()
    parts: list[str] = []
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        node: Mapping[str, Any] = manifest["nodes"].get(current) or manifest["macros"].get(current) or {}
        parts.append(str(node.get("raw_code") or node.get("macro_sql") or node.get("checksum")))
        depends_on: Mapping[str, list[str]] = node.get("depends_on", {})
        pending += [macro for macro in depends_on.get("macros", []) if macro.startswith("macro.read_models.")]
        pending += [
            parent
            for parent in depends_on.get("nodes", [])
            if manifest["nodes"].get(parent, {}).get("config", {}).get("materialized") == "ephemeral"
        ]
    for part in sorted(parts):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:16]
