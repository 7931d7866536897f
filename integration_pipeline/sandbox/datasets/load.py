"""Writes a data set, and its later changes, into a HubSpot account over HubSpot's public API.

Every object carries the unique property `demo_key`, so loading twice creates nothing and an interrupted load
can be repeated; `demo_data_set` lets one count tell whether a type is complete. Requests are few (batches of
100, associations inside the create call), because an account takes 190 in ten seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import dataclass
from typing import TypeVar

from integration_pipeline.sandbox.datasets.account import BATCH, Account, Json
from integration_pipeline.sandbox.datasets.model import (
    PROPERTY_GROUPS,
    Change,
    CrmObject,
    DataSet,
    Link,
    Owner,
    PropertyDefinition,
)

DEMO_KEY = "demo_key"
DEMO_DATA_SET = "demo_data_set"
CONCURRENCY = 6
# https://developers.hubspot.com/docs/api-reference/legacy/crm/associations/associations-v4: type ids
ASSOCIATION_TYPES = {
    ("deals", "companies"): 5,
    ("deals", "contacts"): 3,
    ("deals", "line_items"): 19,
    ("contacts", "companies"): 1,
}
FIELD_TYPES = {"string": "text", "number": "number", "date": "date", "enumeration": "select"}

Progress = Callable[[int, int], None]
Ids = dict[Link, str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """What a load did: objects created and found by type, requests sent, waits for the rate limit."""

    created: dict[str, int]
    found: dict[str, int]
    properties_created: int
    requests: int
    waits: int


def load(dataset: DataSet, base_url: str, token: str, on_progress: Progress | None = None) -> LoadSummary:
    """Create what `dataset` has and the account has not; `on_progress` gets (objects done, objects in all).

    Raises `account.LoadError`, naming the call and the account's own words; repeating the load is safe.
    """
    with closing(Account(base_url, token)) as account:
        return _Load(dataset, account, on_progress or _silent).run()


def apply_later_changes(dataset: DataSet, base_url: str, token: str) -> int:
    """Patch the loaded objects as `dataset.later_changes` say, in order; returns the number of patches.

    Raises ValueError when the data set was not loaded, `account.LoadError` with the account's own words.
    """
    with closing(Account(base_url, token)) as account:
        ids = _ids_of_changed(dataset, account)
        for wave in _waves(dataset.later_changes):
            for object_type in dict.fromkeys(change.object_type for change in wave):
                patches = [change for change in wave if change.object_type == object_type]
                for batch in _batches(patches):
                    account.update(
                        object_type,
                        {ids[Link(object_type, change.key)]: change.properties for change in batch},
                    )
    return len(dataset.later_changes)


class _Load:
    """One run of `load`: ids found or created so far, and the counts for the summary."""

    def __init__(self, dataset: DataSet, account: Account, on_progress: Progress) -> None:
        self._dataset = dataset
        self._account = account
        self._on_progress = on_progress
        self._types = tuple(dict.fromkeys(item.object_type for item in dataset.objects))
        self._objects = {name: dataset.of_type(name) for name in self._types}
        self._ids: Ids = {}
        self._done = 0
        self._properties_created = 0
        self._created = dict.fromkeys(self._types, 0)
        self._found = dict.fromkeys(self._types, 0)

    def run(self) -> LoadSummary:
        with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="load") as pool:
            fresh = dict(zip(self._types, pool.map(self._define, self._types), strict=True))
            self._load_owners()
            # A type that did not know the property cannot hold objects with a value of it.
            present = {name: 0 if fresh[name] else self._count(name) for name in self._types}
            incomplete = {name for name in self._types if present[name] < len(self._objects[name])}
            linked = {
                link.object_type
                for name in incomplete
                for item in self._objects[name]
                for link in _links(item)
            }
            for name in self._types:
                if present[name] and name in incomplete | linked:
                    self._find(pool, name)
                else:
                    self._note_found(name, present[name])
                if name in incomplete:
                    self._create(pool, name)
        return LoadSummary(
            self._created, self._found, self._properties_created, self._account.requests, self._account.waits
        )

    def _define(self, object_type: str) -> bool:
        """Define missing properties; says whether `demo_key` was among them."""
        known = self._account.property_names(object_type)
        wanted = [item for item in self._dataset.properties if item.object_type == object_type]
        wanted.append(PropertyDefinition(object_type, DEMO_KEY, "Demo key", unique=True))
        wanted.append(PropertyDefinition(object_type, DEMO_DATA_SET, "Demo data set"))
        missing = [item for item in wanted if item.name not in known]
        if missing:
            self._account.create_properties(object_type, [_definition_json(item) for item in missing])
            self._properties_created += len(missing)
        return DEMO_KEY not in known

    def _load_owners(self) -> None:
        if not self._dataset.owners:
            return
        known = self._account.owner_ids()
        missing = [owner for owner in self._dataset.owners if owner.email not in known]
        first_free = max(map(int, known.values()), default=1000) + 1
        new = {owner.email: str(number) for number, owner in enumerate(missing, first_free)}
        if missing and self._account.create_owners(
            [_owner_json(owner, new[owner.email]) for owner in missing]
        ):
            known |= new
        for owner in self._dataset.owners:
            if owner.email in known:
                self._ids[Link("owners", owner.key)] = known[owner.email]

    def _count(self, object_type: str) -> int:
        return self._account.count(object_type, DEMO_DATA_SET, self._dataset.name)

    def _find(self, pool: ThreadPoolExecutor, object_type: str) -> None:
        """Look up which objects of a type the account has."""
        keys = [_demo_key(self._dataset, item.key) for item in self._objects[object_type]]
        reads = [pool.submit(self._account.ids, object_type, DEMO_KEY, batch) for batch in _batches(keys)]
        for ids in _results(reads):
            self._remember(object_type, ids)
            self._note_found(object_type, len(ids))

    def _create(self, pool: ThreadPoolExecutor, object_type: str) -> None:
        missing = [
            item for item in self._objects[object_type] if Link(object_type, item.key) not in self._ids
        ]
        creates = [
            pool.submit(self._account.create, object_type, DEMO_KEY, [self._input(item) for item in batch])
            for batch in _batches(missing)
        ]
        for ids in _results(creates):
            self._remember(object_type, ids)
            self._created[object_type] += len(ids)
            self._progress(len(ids))

    def _remember(self, object_type: str, ids: dict[str, str]) -> None:
        for demo_key, crm_id in ids.items():
            self._ids[Link(object_type, demo_key.removeprefix(f"{self._dataset.name}:"))] = crm_id

    def _note_found(self, object_type: str, count: int) -> None:
        self._found[object_type] += count
        self._progress(count)

    def _input(self, item: CrmObject) -> Json:
        """The object as an input of batch/create; a reference to an owner the account lacks is left out."""
        properties = {
            **item.properties,
            DEMO_KEY: _demo_key(self._dataset, item.key),
            DEMO_DATA_SET: self._dataset.name,
        }
        properties |= {name: self._ids[link] for name, link in item.references.items() if link in self._ids}
        return {
            "properties": properties,
            "associations": [
                _association(ASSOCIATION_TYPES[item.object_type, link.object_type], self._ids[link])
                for link in item.associations
            ],
        }

    def _progress(self, done: int) -> None:
        self._done += done
        self._on_progress(self._done, len(self._dataset.objects))


def _links(item: CrmObject) -> Iterator[Link]:
    yield from item.associations
    yield from item.references.values()


def _silent(_done: int, _total: int) -> None:
    return


def _demo_key(dataset: DataSet, key: str) -> str:
    """Unique in the account even when several data sets are loaded."""
    return f"{dataset.name}:{key}"


def _definition_json(definition: PropertyDefinition) -> Json:
    body: Json = {
        "name": definition.name,
        "label": definition.label,
        "type": definition.kind,
        "fieldType": FIELD_TYPES[definition.kind],
        "groupName": PROPERTY_GROUPS[definition.object_type],
        "hasUniqueValue": definition.unique,
    }
    if definition.options:
        body["options"] = [
            {"label": option, "value": option, "displayOrder": order, "hidden": False}
            for order, option in enumerate(definition.options)
        ]
    return body


def _owner_json(owner: Owner, owner_id: str) -> Json:
    return {"id": owner_id, "email": owner.email, "firstName": owner.first_name, "lastName": owner.last_name}


def _association(type_id: int, to_id: str) -> Json:
    return {
        "to": {"id": to_id},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": type_id}],
    }


def _ids_of_changed(dataset: DataSet, account: Account) -> Ids:
    """CRM ids of every object that changes. Raises ValueError when one is not in the account."""
    ids: Ids = {}
    for object_type in dict.fromkeys(change.object_type for change in dataset.later_changes):
        changed = (change.key for change in dataset.later_changes if change.object_type == object_type)
        keys = {_demo_key(dataset, key): key for key in changed}
        for batch in _batches(list(keys)):
            found = account.ids(object_type, DEMO_KEY, batch)
            if missing := [demo_key for demo_key in batch if demo_key not in found]:
                raise ValueError(
                    f"{object_type}: {DEMO_KEY} {missing[0]!r} is not in the account; load the data set first"
                )
            ids |= {Link(object_type, keys[demo_key]): crm_id for demo_key, crm_id in found.items()}
    return ids


def _waves(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Changes in order, cut wherever an object changes again: a batch may name an object once."""
    wave: list[Change] = []
    seen: set[Link] = set()
    for change in changes:
        link = Link(change.object_type, change.key)
        if link in seen:
            yield wave
            wave, seen = [], set()
        wave.append(change)
        seen.add(link)
    if wave:
        yield wave


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def _results(futures: Sequence[Future[T]]) -> Iterator[T]:
    """Results as they come; the first failure stops what has not begun."""
    try:
        for future in as_completed(futures):
            yield future.result()
    finally:
        for future in futures:
            future.cancel()
