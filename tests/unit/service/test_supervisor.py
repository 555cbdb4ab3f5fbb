from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import StudyError
from closedloop.service.children.leftovers import processes_of
from closedloop.service.children.process import LoopOptions
from closedloop.service.notices.notice import Notice
from closedloop.service.place import ServicePlace
from closedloop.service.supervisor import ServedStudy, Supervisor, opened
from closedloop.study.create import create_study
from tests.unit.study.new_studies import request


def studies(folder: Path, *names: str) -> list[StudyPaths]:
    return [create_study(replace(request(folder), root=folder / name / "study")) for name in names]


@contextmanager
def running(supervisor: Supervisor) -> Iterator[None]:
    """Run a supervisor in a thread, and end it; a loop that it starts ends with the thread."""
    thread = threading.Thread(target=supervisor.run)
    thread.start()
    try:
        yield
    finally:
        supervisor.ask_to_end()
        thread.join(60)
        assert not thread.is_alive()


def until_states(supervisor: Supervisor, **states: str) -> None:
    end = time.monotonic() + 60
    while {name: one.state for name, one in supervisor.standings().items()} != states:
        assert time.monotonic() < end, supervisor.standings()
        time.sleep(0.02)


def supervising(served: list[ServedStudy], *program: str) -> tuple[Supervisor, list[Notice], list[str]]:
    told: list[Notice] = []
    said: list[str] = []
    options = LoopOptions(program=program or ("/bin/sh", "-c", "exit 0"))
    return Supervisor(served, options, said.append, told.append, lambda name: f"http://page/{name}"), told, said


def test_studies_of_one_folder_name_have_two_names_and_each_is_told_of_once(tmp_path: Path) -> None:
    with opened(studies(tmp_path, "a", "b"), ServicePlace(tmp_path / "state")) as served:
        supervisor, told, said = supervising(served)
        with running(supervisor):
            until_states(supervisor, **{"study": "done", "study-2": "done"})
            supervisor.retry("study")
            supervisor.retry("study-2")
        again, told_again, _said = supervising(served)
        with running(again):
            until_states(again, **{"study": "done", "study-2": "done"})
    assert sorted(one.url for one in told) == ["http://page/study", "http://page/study-2"]
    assert sorted(one.study for one in told) == [str(tmp_path / "a" / "study"), str(tmp_path / "b" / "study")]
    assert told_again == []
    assert {"study: done", "study-2: done"} <= set(said)


def test_a_study_that_cannot_be_looked_after_is_no_trouble_for_the_others(tmp_path: Path) -> None:
    with opened(studies(tmp_path, "a", "b"), ServicePlace(tmp_path / "state")) as served:
        served[0].place.log.path.mkdir()  # nothing can be appended to it
        supervisor, told, _said = supervising(served)
        with running(supervisor):
            until_states(supervisor, **{"study-2": "done"})
    assert [(one.study, one.state) for one in told] == [(str(tmp_path / "b" / "study"), "done")]


def test_asked_to_end_twice_it_kills_what_does_not_end(tmp_path: Path) -> None:
    with opened(studies(tmp_path, "a"), ServicePlace(tmp_path / "state")) as served:
        ignores = "trap '' TERM; echo r; while true; do sleep 0.05; done"
        supervisor, _told, _said = supervising(served, "/bin/sh", "-c", ignores)
        with running(supervisor):
            end = time.monotonic() + 60
            while served[0].place.log.last_line() != "r":
                assert time.monotonic() < end
                time.sleep(0.02)
            supervisor.ask_to_end()


def test_what_is_no_study_is_not_held(tmp_path: Path) -> None:
    (good,) = studies(tmp_path, "a")
    place = ServicePlace(tmp_path / "state")
    refused = pytest.raises(StudyError, match="expected no other service")
    with opened([good], place), refused, opened([good], place):
        pass


def test_a_disk_that_takes_nothing_more_ends_no_service(tmp_path: Path) -> None:
    (paths,) = studies(tmp_path, "a")
    with opened([paths], ServicePlace(tmp_path / "state")) as served:
        own = served[0].place
        own.told.mkdir(parents=True)  # where it cannot be written what was told
        supervisor, told, said = supervising(served)
        with running(supervisor):
            until_states(supervisor, study="done")
            supervisor.retry("study")
            end = time.monotonic() + 60
            while sum("told.json" in line for line in said) < 2:
                assert time.monotonic() < end, said
                time.sleep(0.02)
    assert [one.state for one in told] == ["done"]


def test_a_service_whose_disk_takes_nothing_more_ends_with_its_loop(tmp_path: Path) -> None:
    (paths,) = studies(tmp_path, "a")
    with opened([paths], ServicePlace(tmp_path / "state")) as served:
        own = served[0].place
        supervisor, _told, _said = supervising(served, "/bin/sh", "-c", "exec sleep 600")
        with running(supervisor):
            until_states(supervisor, study="running")
            own.log.older.mkdir()
            own.log.path.write_bytes(b"x" * (own.log.most_bytes + 1))  # what has to be moved there
    assert processes_of(paths.root) == set()
