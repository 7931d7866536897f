"""The versions a materialization carries when no run of its asset made it.

Belongs here: which code and data versions, and which inputs, such a materialization names. Does not belong
here: its metadata (`announcing`).

Without versions Dagster would show the asset, and all that depends on it, as out of date. What real time did
leaves nothing out of date: whatever it read it also took to the end. So an asset, or a month of it, keeps the
versions of its newest materialization. If those are of an older code version, it stays out of date, and
rightly so: the month's other deals were not computed anew. What was never materialized gets the versions that
a run would give it now.
"""

# Dagster's annotations of partition definitions and records leave type arguments out.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.definitions.data_version import (
    CODE_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
    NULL_DATA_VERSION,
    NULL_EVENT_POINTER,
    compute_logical_data_version,
    extract_data_version_from_entry,
    get_input_data_version_tag,
    get_input_event_pointer_tag,
)

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph

Tags = Mapping[str, str]

_OF_VERSIONS = (
    CODE_VERSION_TAG,
    DATA_VERSION_TAG,
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    INPUT_DATA_VERSION_TAG_PREFIX,
    INPUT_EVENT_POINTER_TAG_PREFIX,
)


class Versions:
    """Looks up version tags in what `instance` has on record about the assets of `graph`."""

    def __init__(self, instance: dg.DagsterInstance, graph: BaseAssetGraph[Any]) -> None:
        self._instance = instance
        self._graph = graph

    def of_asset(self, key: dg.AssetKey, new: dg.DataVersion | None = None) -> Tags:
        """The tags of an asset without partitions; `new` is its data version if it has none on record."""
        record = self._instance.get_latest_data_version_record(key)
        if record is not None and (tags := _of_versions(record.event_log_entry.tags)):
            return tags
        return self._first(key, None, new)

    def of_partitions(self, key: dg.AssetKey, partitions: Iterable[str]) -> Mapping[str, Tags]:
        """The tags of each of these partitions: two queries, however many there are."""
        wanted = set(partitions)
        newest = self._instance.event_log_storage.get_latest_storage_id_by_partition(
            key, dg.DagsterEventType.ASSET_MATERIALIZATION, wanted
        )
        known: dict[str, Tags] = {}
        if newest:
            found = self._instance.fetch_materializations(
                dg.AssetRecordsFilter(asset_key=key, storage_ids=list(newest.values())), limit=len(newest)
            )
            for record in found.records:
                if record.partition_key and (tags := _of_versions(record.event_log_entry.tags)):
                    known[record.partition_key] = tags
        return {partition: known.get(partition) or self._first(key, partition, None) for partition in wanted}

    def _first(self, key: dg.AssetKey, partition: str | None, given: dg.DataVersion | None) -> Tags:
        node = self._graph.get(key)
        inputs: dict[dg.AssetKey, dg.DataVersion] = {}
        tags: dict[str, str] = {}
        for parent in sorted(node.parent_keys):
            of_partition = partition if self._graph.get(parent).is_partitioned else None
            record = self._instance.get_latest_data_version_record(parent, partition_key=of_partition)
            version = extract_data_version_from_entry(record.event_log_entry) if record else None
            inputs[parent] = version or NULL_DATA_VERSION
            tags[get_input_data_version_tag(parent)] = inputs[parent].value
            tags[get_input_event_pointer_tag(parent)] = (
                str(record.storage_id) if record else NULL_EVENT_POINTER
            )
        code_version = node.code_version or ""
        tags[CODE_VERSION_TAG] = code_version
        if given is not None:
            return {**tags, DATA_VERSION_TAG: given.value, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
        return {**tags, DATA_VERSION_TAG: compute_logical_data_version(code_version, inputs).value}


def _of_versions(tags: Mapping[str, str] | None) -> Tags:
    return {name: value for name, value in (tags or {}).items() if name.startswith(_OF_VERSIONS)}
