"""Which fields of deals we write ourselves, so that a change of nothing else leads to no reading.

Belongs here: the mapping's write-back fields, as they are just now. Does not belong here: telling from an
event what changed and who did it (each CRM's `webhooks`).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from integration_pipeline.gateway.refusals import log
from integration_pipeline.mapping.document import read_mapping
from integration_pipeline.yaml_documents import stamp


class OwnFields:
    """Those of the mapping at `file`, read anew when it changes.

    A file that cannot be read changes nothing. Without fields every change of ours is read once, and found to
    be none.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen: tuple[int, int] | None = None
        self._source = ""
        self._names: frozenset[str] = frozenset()

    def of(self, source: str) -> Collection[str]:
        """The fields written at this CRM, by their API names."""
        self._look()
        return self._names if source == self._source else ()

    def _look(self) -> None:
        if (seen := stamp(self._file)) == self._seen:
            return
        self._seen = seen
        try:
            mapping = read_mapping(self._file)
        except ValueError as error:
            log.error("the mapping cannot be used, the fields written back stay as known", reason=str(error))
            return
        self._source = mapping.source
        self._names = frozenset(mapping.write_back.field_names() if mapping.write_back else ())
