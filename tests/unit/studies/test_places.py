"""Folders for results: one command at a time, and no table of other settings beside the new ones."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import typer.main

from closedloop.artifacts.layouts import Column, TableLayout
from closedloop.artifacts.tables import as_arrays, read_table
from closedloop.errors import StorageError
from closedloop.studies import places
from closedloop.studies.app import command_modules
from closedloop.studies.files import remove_both, write_both
from closedloop.studies.places import alone_in, study_command

LAYOUT = TableLayout("sizes", {"name": Column("string", "", "whose"), "size": Column("float64", "px", "how large")})


def test_two_commands_do_not_write_into_one_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with alone_in(out, "a_study"):
        with alone_in(tmp_path / "another", "a_study"):
            pass
        with pytest.raises(StorageError, match=r"out: expected a folder of its own, found another command at work"):
            alone_in(out, "a_study").__enter__()
        (out / "table.csv").write_text("kept")
    with alone_in(out, "a_study"):
        assert (out / "table.csv").read_text() == "kept"


def test_a_folder_that_nothing_was_written_into_is_gone_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path / "out", "a_study"):
        1 / 0  # noqa: B018 - as a study that cannot be read ends a command
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    with alone_in(tmp_path / "mine", "a_study"):
        pass
    assert (tmp_path / "mine").is_dir()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "settings.json",
            '{"kind": "another_study"}',
            r"results of this study, found those of another \(another_study\)",
        ),
        ("settings.json", "[]", r"found those of another \(None\)"),
        ("study.json", "{}", "expected a folder for results, found a study"),
        ("experiment.json", "{}", "expected a folder for results, found an experiment"),
    ],
)
def test_what_is_no_folder_of_this_study_is_left_alone(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(StorageError, match=words), alone_in(tmp_path, "a_study"):
        pass
    assert [file.name for file in tmp_path.iterdir()] == [name]
    (tmp_path / name).unlink()
    (tmp_path / "settings.json").write_text('{"kind": "a_study"}')
    with alone_in(tmp_path, "a_study"):
        pass


def test_a_table_without_a_row_is_written_and_removed_again(tmp_path: Path) -> None:
    path = tmp_path / "sizes.parquet"
    write_both(path, LAYOUT, as_arrays([], LAYOUT), simulated=True)
    assert [len(column) for column in read_table(path, LAYOUT).values()] == [0, 0]
    assert path.with_suffix(".csv").read_text() == "name,size\n"
    for _ in range(2):
        remove_both(path)
        assert list(tmp_path.iterdir()) == []


def test_the_command_on_a_page_names_a_folder_for_results_in_every_study() -> None:
    assert study_command("coverage", "--seed", "3") == "closedloop studies coverage --seed 3 --out FOLDER"
    folder = Path(places.__file__).parent
    written = [path for path in folder.rglob("*.py") if '"closedloop", "studies"' in path.read_text()]
    assert written == [Path(places.__file__)], "study_command puts the words of such a command together"
    for name in command_modules():
        group = typer.main.get_command(importlib.import_module(name).app)
        commands = getattr(group, "commands", {"": group}).values()
        assert all("--out" in {word for one in command.params for word in one.opts} for command in commands), name
