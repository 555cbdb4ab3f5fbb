"""Documents: strict, versioned JSON, and one line for whatever is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field, ValidationError

from closedloop.artifacts.documents import Document, Section, refuse_other_version, validate
from closedloop.errors import DocumentError, ProtocolError
from tests.unit.messages import refused


class Leaf(Section):
    count: int = Field(ge=0)


class Tree(Document):
    kind: Literal["tree"] = "tree"
    name: str
    weight: float = 1.0
    leaves: tuple[Leaf, ...]


TREE = Tree(simulated=True, name="ä tree", leaves=(Leaf(count=3), Leaf(count=0)))
PLAIN: dict[str, Any] = json.loads(TREE.to_bytes())


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "tree.json"
    path.write_text(json.dumps(PLAIN | changes))
    return path


def test_a_document_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    TREE.write(tmp_path / "tree.json")
    assert Tree.read(tmp_path / "tree.json") == TREE


def test_the_file_is_plain_json_with_version_kind_and_mark(tmp_path: Path) -> None:
    TREE.write(tmp_path / "tree.json")
    text = (tmp_path / "tree.json").read_text()
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "format_version": 1,
        "simulated": True,
        "kind": "tree",
        "name": "ä tree",
        "weight": 1.0,
        "leaves": [{"count": 3}, {"count": 0}],
    }


def test_a_document_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        TREE.name = "another"


def test_a_missing_file_is_said_with_its_path(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path / "tree.json", "found none"):
        Tree.read(tmp_path / "tree.json")


@pytest.mark.parametrize("content", [b"", b'{"kind": "tree"', b"\xff\xfe\x00", b"\x89HDF\r\n"])
def test_a_file_that_is_no_json_is_said_with_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tree.json"
    path.write_bytes(content)
    with refused(DocumentError, path, "expected JSON", "Restore the file."):
        Tree.read(path)


def test_a_newer_version_asks_for_an_upgrade_and_nothing_else(tmp_path: Path) -> None:
    path = written(tmp_path, format_version=2, something_new=1)
    with refused(DocumentError, path, "version 1 or older, found 2", "upgrade"):
        Tree.read(path)


@pytest.mark.parametrize("version", ["1", "", None, 1.0, 1.5, [1], {"a": 1}, True, False, 0, -1, -(2**63)])
def test_a_version_that_is_none_is_said_and_nothing_else(tmp_path: Path, version: object) -> None:
    path = written(tmp_path, format_version=version, something_new=1)
    with refused(DocumentError, path, f"expected a format version, found {version!r}. Restore the file."):
        Tree.read(path)


def test_a_version_of_another_century_is_newer(tmp_path: Path) -> None:
    with refused(DocumentError, tmp_path, f"version 1 or older, found {2**64 - 1}", "upgrade"):
        Tree.read(written(tmp_path, format_version=2**64 - 1))


@pytest.mark.parametrize("version", ["0", "-1", "1.0", "True", "None", "", "01", "one", "[1]", "9" * 5000])
def test_a_version_of_a_table_or_array_that_is_none_is_said(version: str) -> None:
    with refused(DocumentError, "x.h5: expected a format version, found"):
        refuse_other_version(Path("x.h5"), version)


def test_a_key_that_stands_twice_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text('{"kind": "tree",\n"simulated": true,\n"name": "a",\n"name": "b"}')
    with refused(DocumentError, f"{path}, line 4: expected each key once, found name twice"):
        Tree.read(path)


def test_an_unknown_key_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, wieght=2)
    with refused(DocumentError, f"{path}: wieght:", "known key", "spelling"):
        Tree.read(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    path.write_text(json.dumps({key: value for key, value in PLAIN.items() if key != "name"}))
    with refused(DocumentError, f"{path}: name:", "expected a value, found none"):
        Tree.read(path)


def test_the_mark_of_simulated_data_may_not_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    path.write_text(json.dumps({key: value for key, value in PLAIN.items() if key != "simulated"}))
    with refused(DocumentError, f"{path}: simulated:"):
        Tree.read(path)


def test_a_wrong_value_deep_inside_is_named_by_its_whole_path(tmp_path: Path) -> None:
    path = written(tmp_path, leaves=[{"count": 3}, {"count": -4}])
    with refused(DocumentError, f"{path}: leaves.1.count:", "expected at least 0, found -4"):
        Tree.read(path)


def test_several_faults_are_all_said(tmp_path: Path) -> None:
    path = written(tmp_path, leaves=[{"count": -1}, {"count": -2}, {"count": -3}])
    with refused(
        DocumentError, f"{path}: leaves.0.count:", "leaves.1.count: expected at least 0, found -2;", "Correct them."
    ):
        Tree.read(path)


@pytest.mark.parametrize(("changes", "field"), [({"kind": "bush"}, "kind"), ({"name": 3}, "name")])
def test_another_kind_and_another_type_are_refused(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    path = written(tmp_path, **changes)
    with refused(DocumentError, f"{path}: {field}:", "Correct it."):
        Tree.read(path)


def test_json_that_is_no_object_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tree.json"
    path.write_text("[1, 2]")
    with refused(DocumentError, f"{path}: expected a document with keys, found [1, 2]"):
        Tree.read(path)


def test_the_error_is_of_the_class_that_the_caller_asks_for() -> None:
    with refused(ProtocolError, "here: count:"):
        validate(Leaf, {"count": "many"}, place="here", error=ProtocolError)
