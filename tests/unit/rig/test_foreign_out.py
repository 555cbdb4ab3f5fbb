"""OUT of another session is refused before anything else, and nothing in it is touched."""

from __future__ import annotations

import shutil

import pytest

from closedloop.artifacts.day.journal import SessionSummary, journal_bytes, read_journal
from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.errors import DocumentError, SessionError
from rig.apparatus import Launch
from rig.launch import run_launch
from rig.session.folder import open_session, plan_sha256
from rig.session.foreign import refuse_foreign_out
from rig.stop import StopRequest


def present(folder, out, **options):
    launch = Launch(session=folder, out=out, display="headless", **options)
    return run_launch(launch, stop=StopRequest(), on_trial=lambda state, now_s: None)


def contents(out):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.iterdir()}


@pytest.mark.parametrize("resume", [False, True])
def test_the_finished_folder_of_another_session_is_refused_and_left_as_it_is(make_session, tmp_path, resume):
    out = tmp_path / "out"
    present(make_session("day-00"), out)
    before = contents(out)
    other = make_session("day-01", session_id="study/day-01")
    with pytest.raises(
        SessionError, match=r"expected the journal of study/day-01, found that of study/day-00\. Choose"
    ):
        present(other, out, resume=resume)
    assert contents(out) == before


@pytest.mark.parametrize("place", ["", "present"])
def test_the_sealed_folder_takes_no_journal_unless_one_is_there_already(make_session, tmp_path, place):
    folder = make_session()
    before = contents(folder)
    with pytest.raises(SessionError, match="expected a folder apart from the session's, found one in"):
        present(folder, folder / place)
    assert contents(folder) == before
    present(folder, tmp_path / "out")  # an earlier rig may have put it there: it can be gone on with
    shutil.copytree(tmp_path / "out", folder / place, dirs_exist_ok=True)
    _, was_complete = present(folder, folder / place, resume=True)
    assert was_complete


def test_that_is_said_first(make_session, tmp_path):
    out = tmp_path / "out"
    present(make_session("day-00"), out)
    unshowable = make_session("day-01", session_id="study/day-01", screen={"image_scale": 20})
    with pytest.raises(SessionError, match="found that of study/day-00"):
        present(unshowable, out)


def test_the_journal_names_the_plan(make_session, tmp_path):
    folder = make_session()
    present(folder, tmp_path / "out")
    [launch] = read_journal(tmp_path / "out" / "journal.jsonl").launches
    assert launch.plan_sha256 == plan_sha256(folder)


def on_a_screen(out, **changes):
    """Make a dry run's journal that of a screen."""
    path = out / "journal.jsonl"
    rows = [
        row.model_copy(update={"clock": "real", "display": "psychopy"} | changes)
        if isinstance(row, LaunchOpened)
        else row
        for row in read_journal(path).rows
    ]
    path.write_bytes(journal_bytes(rows))


def test_another_plan_under_the_same_name_is_told_by_its_hash(make_session, tmp_path):
    first, out = make_session("first", n_presentations=12), tmp_path / "out"
    present(first, out)
    on_a_screen(out)
    refuse_foreign_out(open_session(first), out)
    second = open_session(make_session("second", n_presentations=12, seed=4))
    with pytest.raises(SessionError, match=r"expected a journal of the plan [0-9a-f]{12} .*found one of the plan"):
        refuse_foreign_out(second, out)


def test_an_older_journal_names_no_plan_and_is_told_by_its_session(make_session, tmp_path):
    first, out = make_session("first", n_presentations=12), tmp_path / "out"
    present(first, out)
    on_a_screen(out, plan_sha256=None)
    refuse_foreign_out(open_session(make_session("second", seed=4)), out)
    other = open_session(make_session("third", session_id="study/day-01"))
    with pytest.raises(SessionError, match="found that of study/day-00"):
        refuse_foreign_out(other, out)


def test_a_summary_whose_journal_is_gone_is_not_written_over(make_session, tmp_path):
    folder, out = make_session(), tmp_path / "out"
    present(folder, out)
    (out / "journal.jsonl").unlink()
    with pytest.raises(SessionError, match=r"found summary.json without its journal\. Bring the journal back"):
        present(folder, out)
    assert SessionSummary.read(out / "summary.json").n_accepted == 12


def test_a_file_that_is_no_journal_is_named_by_its_line(make_session, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "journal.jsonl").write_text("some notes\n")
    with pytest.raises(DocumentError, match=r"journal.jsonl, line 1"):
        present(make_session(), out)
    assert (out / "journal.jsonl").read_text() == "some notes\n"


def test_a_finished_session_is_left_as_it_is(make_session, tmp_path):
    folder, out = make_session(), tmp_path / "out"
    present(folder, out)
    before = contents(out)
    assert present(folder, out)[1]
    assert contents(out) == before


def test_a_copy_of_the_session_folder_goes_on_with_it(make_session, tmp_path):
    folder, out = make_session(), tmp_path / "out"
    present(folder, out)
    on_a_screen(out)
    shutil.copytree(folder, tmp_path / "copy")
    refuse_foreign_out(open_session(tmp_path / "copy"), out)
