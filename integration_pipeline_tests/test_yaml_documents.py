from __future__ import annotations

from pathlib import Path

import pytest

from integration_pipeline.yaml_documents import Document, InvalidDocument, read_document


class Shelf(Document):
    label: str
    size: int = 1


class Store(Document):
    name: str
    shelves: tuple[Shelf, ...]
    aisles: dict[str, Shelf] | None = None


def written(folder: Path, text: str) -> Path:
    path = folder / "store.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def faults(path: Path) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidDocument) as raised:
        read_document(path, Store)
    return list(raised.value.problems)


GOOD = "name: A\nshelves:\n  - {label: one, size: 2}\n"


def test_a_good_file_is_read(tmp_path: Path) -> None:
    store = read_document(written(tmp_path, GOOD), Store)

    assert store == Store(name="A", shelves=(Shelf(label="one", size=2),))


def test_every_fault_is_reported_with_its_line_and_place(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "name: A\n"
        "shelves:\n"
        "  - label: one\n"
        "    size: many\n"
        "  # a comment\n"
        "  - size: 3\n"
        "aisles:\n"
        "  north:\n"
        "    label: n\n"
        "    colour: red\n",
    )

    assert [(line, place) for line, place, _ in faults(path)] == [
        (4, "shelves.0.size"),
        (6, "shelves.1.label"),
        (10, "aisles.north.colour"),
    ]


def test_a_missing_key_is_reported_where_it_would_belong(tmp_path: Path) -> None:
    assert faults(written(tmp_path, "# nothing yet\nshelves: []\n")) == [(2, "name", "Field required")]


def test_the_message_reads_as_file_line_place_and_fault(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match=r"^store\.yaml:1: nam: Extra inputs are not permitted\n"):
        read_document(written(tmp_path, "nam: A\n"), Store)


def test_broken_yaml_is_reported_with_its_line(tmp_path: Path) -> None:
    [(line, place, _)] = faults(written(tmp_path, "name: A\nshelves: [one\nmore: {\n"))

    assert (line, place) == (3, "syntax")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text"])
def test_a_file_that_holds_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert faults(written(tmp_path, text)) == [(1, "document", "expected a mapping at the top")]


def test_a_missing_file_is_refused_as_such(tmp_path: Path) -> None:
    assert faults(tmp_path / "nowhere.yaml") == [(0, "file", "No such file or directory")]


def test_a_file_that_is_not_text_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "store.yaml"
    path.write_bytes(b"name: \xff\xfe\n")

    assert faults(path) == [(1, "file", "is not text in UTF-8")]


def test_a_key_given_twice_is_refused_rather_than_half_forgotten(tmp_path: Path) -> None:
    path = written(tmp_path, "name: A\nshelves: []\nname: B\n")

    assert faults(path) == [(3, "name", "is given twice")]


def test_no_object_is_made_from_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "name: !!python/object/apply:os.getcwd []\nshelves: []\n")

    assert [place for _, place, _ in faults(path)] == ["syntax"]


class TestVersion:
    def test_says_nothing_of_comments_and_order(self, tmp_path: Path) -> None:
        one = read_document(written(tmp_path, GOOD), Store)
        other = read_document(written(tmp_path, "# c\nshelves: [{size: 2, label: one}]\nname: A\n"), Store)

        assert one.version == other.version
        assert len(one.version) == 12

    def test_changes_with_the_content(self, tmp_path: Path) -> None:
        one = read_document(written(tmp_path, GOOD), Store)
        other = read_document(written(tmp_path, GOOD.replace("size: 2", "size: 3")), Store)

        assert one.version != other.version
