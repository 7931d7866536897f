"""YAML files a company edits by hand, checked by a pydantic model, with errors that name the line.

Belongs here: reading, checking, versioning of such a file, noticing another one. Does not belong here: what
any of them means (`mapping.document`, `rules.document`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

Location = tuple[int | str, ...]

# The parser in C, where PyYAML was built with it, takes a tenth of the time.
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document(BaseModel):
    """Base of everything written in YAML by hand: frozen, and an unknown key is an error, not a comment."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @property
    def version(self) -> str:
        """First 12 hex digits of the SHA-256 over the content; comments and order of keys do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


class InvalidDocument(ValueError):  # noqa: N818 - the name is the message
    """A hand-written file that cannot be used; `problems` holds (line, place, message) for each fault."""

    def __init__(self, path: Path, problems: Sequence[tuple[int, str, str]]) -> None:
        self.path = path
        self.problems = tuple(problems)
        lines = (f"{path.name}:{line}: {place}: {message}" for line, place, message in problems)
        super().__init__("\n".join(lines))


_Model = TypeVar("_Model", bound=Document)


def read_document(path: Path, model: type[_Model]) -> _Model:
    """The file at `path` as a `model`. Raises `InvalidDocument` with every fault and its line."""
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=_LOADER)
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise InvalidDocument(path, [(0, "file", error.strerror or "cannot be read")]) from None
    except UnicodeDecodeError:
        raise InvalidDocument(path, [(1, "file", "is not text in UTF-8")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = getattr(error, "problem", None) or "is not YAML"
        raise InvalidDocument(path, [((mark.line + 1) if mark else 1, "syntax", message)]) from None
    if not isinstance(root, yaml.MappingNode):
        raise InvalidDocument(path, [(1, "document", "expected a mapping at the top")])
    if repeated := sorted(_repeated_keys(root, ())):
        raise InvalidDocument(path, repeated)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = [
            (_line_of(root, item["loc"]), ".".join(map(str, item["loc"])) or "document", item["msg"])
            for item in error.errors(include_url=False, include_input=False)
        ]
        raise InvalidDocument(path, sorted(problems)) from None


def stamp(file: Path) -> tuple[int, int]:
    """What is another when a file was written anew; the same for any that is not there."""
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _repeated_keys(node: yaml.Node, location: Location) -> Iterator[tuple[int, str, str]]:
    """Keys that stand twice in one place: YAML's reader would keep the last and say nothing."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        for key, value in pairs:
            name = str(key.value)
            if name in seen:
                yield key.start_mark.line + 1, ".".join(map(str, (*location, name))), "is given twice"
            seen.add(name)
            yield from _repeated_keys(value, (*location, name))
    if isinstance(node, yaml.SequenceNode):
        items: list[yaml.Node] = node.value
        for index, item in enumerate(items):
            yield from _repeated_keys(item, (*location, index))


def _line_of(node: yaml.Node, location: Location) -> int:
    """The line of the deepest node on the way to `location` that the file really holds."""
    line = node.start_mark.line + 1
    for step in location:
        child = _child(node, step)
        if child is None:
            break
        line, node = child
    return line


def _child(node: yaml.Node, step: int | str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        pairs: list[tuple[yaml.Node, yaml.Node]] = node.value
        for key, value in pairs:
            if key.value == step:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        items: list[yaml.Node] = node.value
        if step < len(items):
            return items[step].start_mark.line + 1, items[step]
    return None
