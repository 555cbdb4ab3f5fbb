"""A day that another program ran: its images on the recorder's clock, and counts that the truth confirms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.day.journal import Presentation, read_journal
from closedloop.artifacts.imported.laboratory import LaboratoryResponses
from closedloop.artifacts.protocol.images import Sites
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.tables import read_table
from closedloop.devices.device import Device
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.presentation_tables import PresentationTable, ShownRow, read_presentations
from closedloop.recording.codes import ReceivedCodes
from closedloop.recording.segments import Segment
from closedloop.simulation.sessions import TRUTH, MadeSession, make_session
from closedloop.stages.recorded_elsewhere.placing import place_images
from closedloop.stages.recorded_elsewhere.responses import ElsewhereDay, count_responses, most_reliable
from tests.loop.other_makers import OPEN_EPHYS, as_open_ephys, heard
from tests.loop.studies import PROTOCOL

RECORDING = read_protocol(PROTOCOL).recording
WITHOUT_LIGHT = RECORDING.model_copy(update={"photodiode": "no such label"})
N_CHANNELS, SECONDS = 3, 24.0


def quiet(_done: int, _total: int) -> None:
    return None


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make sessions, each once."""
    done = dict[tuple[str, ...], Path]()

    def make(*faults: str, specification: str = "2.3") -> Path:
        if (specification, *faults) not in done:
            folder = tmp_path_factory.mktemp("session")
            wanted = MadeSession(
                specification=specification, seconds=SECONDS, n_channels=N_CHANNELS, faults=faults, seed=3
            )
            make_session(folder, wanted, progress=quiet)
            recording = folder / "recording"
            recording.mkdir()
            for path in [*folder.glob("*.ns6"), *folder.glob("*.nev")]:
                path.rename(recording / path.name)
            done[specification, *faults] = folder
        return done[specification, *faults]

    return make


def presented(folder: Path) -> list[Presentation]:
    return list(read_journal(folder / "journal.jsonl").presentations)


def truth(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the onsets' clock segments and ticks, and the spikes of each presentation in the window, by electrode."""
    table = read_table(folder / "truth.parquet", TRUTH)
    is_onset, is_spike = table["event"] == "onset", table["event"] == "spike"
    order = np.argsort(table["ordinal"][is_onset], kind="stable")
    segment, tick = table["epoch"][is_onset][order], table["tick"][is_onset][order]
    counts = np.array(
        [
            [
                np.count_nonzero(
                    is_spike
                    & (table["electrode_id"] == electrode)
                    & (table["epoch"] == at)
                    & (table["tick"] >= one + 2100)
                    & (table["tick"] < one + 5100)
                )
                for electrode in range(1, N_CHANNELS + 1)
            ]
            for at, one in zip(segment, tick, strict=True)
        ]
    )
    return segment, tick, counts


def write_table(path: Path, columns: str, rows: Sequence[Sequence[object]]) -> Path:
    path.write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def by_clock(folder: Path, path: Path, *, drift: float = 0.0, rows: slice = slice(None)) -> Path:
    """Write what the program's own clock says."""
    shown = presented(folder)[rows]
    lines = [(f"{one.image_index}.png", one.code, f"{one.onset_s * (1 + drift) + 7.5:.6f}") for one in shown]
    return write_table(path, "image,code,time_s", lines)


def count(folder: Path, table: Path, recording: object = RECORDING, **options: object) -> LaboratoryResponses:
    day = ElsewhereDay(table, folder / "recording", table.parent / "scratch", **options)
    return count_responses(day, read_presentations(table), wanted=recording, progress=quiet)


@pytest.mark.parametrize("columns", ["image,onset_tick", "image,onset_s", "image,clock_segment,onset_tick"])
def test_counts_are_those_of_the_truth(columns: str, made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    _, tick, counts = truth(folder)
    shown = presented(folder)
    when = {
        "image,onset_tick": lambda at: (at,),
        "image,onset_s": lambda at: (f"{(at - 0.3) / 30000:.7f}",),
        "image,clock_segment,onset_tick": lambda at: (0, at),
    }[columns]
    rows = [(f"{one.image_index}.png", *when(at)) for one, at in zip(shown, tick.tolist(), strict=True)]
    found = count(folder, write_table(tmp_path / "shown.csv", columns, rows[::-1]), WITHOUT_LIGHT)
    assert np.array_equal(found.rates / 10, counts)
    assert [found.images[at] for at in found.image_index] == [row[0] for row in rows]  # lines may be in any order
    assert found.sites == ("array1-001", "array1-002", "array1-003")
    assert found.simulated


@pytest.mark.parametrize("faults", [(), ("clock_drift", "lost_codes", "doubled_codes", "flipped_codes")])
def test_codes_and_the_programs_clock_give_the_light_onsets(
    faults: tuple[str, ...], made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made(*faults)
    found = count(folder, by_clock(folder, tmp_path / "shown.csv", drift=3e-5))
    _, _, counts = truth(folder)
    assert len(found.rates) == len(counts)
    assert np.mean(found.rates / 10 != counts) < 0.02  # an edge is seen within a sample or two
    assert "ms by the photodiode" in found.mapping["onsets"]


def test_codes_alone_serve_where_none_is_lost(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    rows = [(f"{one.image_index}.png", one.code) for one in presented(folder)]
    found = count(folder, write_table(tmp_path / "shown.csv", "image,code", rows))
    _, _, counts = truth(folder)
    assert np.mean(found.rates / 10 != counts) < 0.02
    lossy = made("clock_drift", "lost_codes", "doubled_codes", "flipped_codes")
    with pytest.raises(ClosedLoopError, match=r"line .*: expected the table's .* codes in array1 in this order"):
        count(lossy, tmp_path / "shown.csv")


def test_after_a_reset_the_clock_segment_says_which(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made("reset")
    segment, tick, counts = truth(folder)
    shown = presented(folder)
    rows = [(f"{n.image_index}.png", at, one) for n, at, one in zip(shown, segment, tick, strict=True) if at >= 0]
    found = count(folder, write_table(tmp_path / "shown.csv", "image,clock_segment,onset_tick", rows), WITHOUT_LIGHT)
    assert {0, 1} <= set(segment.tolist())
    assert "touches a reset of the recorder's clock" in found.mapping["set aside"]
    assert found.rates.sum() / 10 == pytest.approx(counts[segment >= 0].sum(), rel=0.1)
    with pytest.raises(ClosedLoopError, match="expected clock_segment to be one of the recorder's"):
        count(folder, write_table(tmp_path / "b.csv", "image,onset_tick", [(row[0], row[2]) for row in rows]))


def test_what_was_not_recorded_or_accepted_is_left_out_and_counted(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made("pause")
    segment, tick, _ = truth(folder)
    shown = presented(folder)
    rows = [
        (f"{one.image_index}.png", at, int(one.ordinal % 10 > 0))
        for one, at, known in zip(shown, tick.tolist(), segment >= 0, strict=True)
        if known
    ]
    table = write_table(tmp_path / "shown.csv", "image,onset_tick,fixation", [*rows, rows[3], ("late.png", 10**7, 1)])
    found = count(folder, table, WITHOUT_LIGHT.model_copy(update={"max_missing_fraction": 0.5}))
    said = found.mapping["set aside"]
    assert f"{sum(not row[2] for row in rows)} not accepted, 1 the same line twice" in said
    assert "1 before the start or after the end of the recording" in said
    assert "late.png" not in found.images
    assert np.isfinite(found.rates).all()
    with pytest.raises(ClosedLoopError, match=r"expected at most 0% of .* accepted presentations without a recording"):
        count(folder, table, WITHOUT_LIGHT.model_copy(update={"max_missing_fraction": 0.0}))


def test_crossings_are_found_in_the_voltage(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    _, tick, counts = truth(folder)
    rows = [(f"{one.image_index}.png", at) for one, at in zip(presented(folder), tick.tolist(), strict=True)]
    table = write_table(tmp_path / "shown.csv", "image,onset_tick", rows)
    (voltage := tmp_path / "voltage").mkdir()
    (voltage / "array1.ns6").symlink_to(next((folder / "recording").glob("*.ns6")))
    day = ElsewhereDay(table, voltage, tmp_path / "scratch")
    raw = WITHOUT_LIGHT.model_copy(update={"spikes_from": "raw", "detection": "zero_phase_butter"})
    found = count_responses(day, read_presentations(table), wanted=raw, progress=quiet)  # no .nev is needed
    assert found.simulated
    assert np.corrcoef(found.rates.ravel(), counts.ravel())[0, 1] > 0.95
    with pytest.raises(ClosedLoopError, match="expected raw voltage"):
        count_responses(
            replace(day, folder=_without_voltage(folder, tmp_path)),
            read_presentations(table),
            wanted=raw,
            progress=quiet,
        )


def test_a_recorder_of_another_maker_gives_the_same_counts(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    table = by_clock(folder, tmp_path / "shown.csv")
    raw = RECORDING.model_copy(update={"spikes_from": "raw"})
    as_open_ephys(tmp_path / "ephys", heard(folder / "recording"))
    day = ElsewhereDay(table, tmp_path / "ephys", tmp_path / "scratch", recorder=OPEN_EPHYS)
    other = count_responses(day, read_presentations(table), wanted=raw, progress=quiet)
    assert np.array_equal(other.rates, count(folder, table, raw).rates)
    assert "ms by the photodiode" in other.mapping["onsets"]
    assert any("continuous.dat" in name for name in other.mapping)


def _without_voltage(folder: Path, tmp_path: Path) -> Path:
    (only := tmp_path / "only").mkdir()
    (only / "array1.nev").symlink_to(next((folder / "recording").glob("*.nev")))
    return only


def test_two_processors_have_the_codes_on_their_own_clocks(tmp_path: Path) -> None:
    wanted = MadeSession(seconds=12, n_channels=2, n_processors=2, faults=("clock_drift",), seed=5)
    make_session(tmp_path, wanted, progress=quiet)
    (recording := tmp_path / "recording").mkdir()
    for path in [*tmp_path.glob("*.ns6"), *tmp_path.glob("*.nev")]:
        path.rename(recording / path.name)
    found = count(tmp_path, by_clock(tmp_path, tmp_path / "shown.csv"))
    assert found.sites == ("array1-001", "array2-001")
    assert np.isfinite(found.rates).all()
    assert "array2: " in found.mapping["onsets"]
    rows = [(f"{one.image_index}.png", one.onset_s) for one in presented(tmp_path)]
    with pytest.raises(ClosedLoopError, match="which each of 2 processors has on its own clock, found onset_s"):
        count(tmp_path, write_table(tmp_path / "b.csv", "image,onset_s", rows))


def test_another_days_table_is_refused(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = made()
    generator = np.random.default_rng(0)
    rows = [("a.png", int(generator.integers(1, 60_000)), at + generator.uniform(0, 0.1)) for at in range(20)]
    with pytest.raises(
        ClosedLoopError,
        match=r"shown\.csv: array1: expected at least 50% of the table.s 20 codes.* belongs to another session",
    ):
        count(folder, write_table(tmp_path / "shown.csv", "image,code,time_s", rows))


@pytest.mark.parametrize("off_ms", [-60, 12, 30])
def test_onsets_that_the_light_does_not_confirm_are_refused(
    off_ms: int, made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = made()
    _, tick, _ = truth(folder)
    rows = [(f"{one.image_index}.png", int(at) + 30 * off_ms) for one, at in zip(presented(folder), tick, strict=True)]
    table = write_table(tmp_path / "t.csv", "image,onset_tick", rows)
    with pytest.raises(ClosedLoopError, match=r"expected onsets that the photodiode of .* saw, found \d+ of \d+, with"):
        count(folder, table)
    assert len(count(folder, table, WITHOUT_LIGHT).rates) > 0  # nobody can tell


def test_the_most_reliable_sites_are_taken() -> None:
    generator = np.random.default_rng(1)
    signal, index = generator.normal(0, 3, (40, 4)) * [0, 1, 3, 0.3], np.repeat(np.arange(40), 4)
    rates = signal[index] + generator.normal(0, 1, (160, 4))
    images = tuple(map(str, range(40)))
    found = LaboratoryResponses(rates, index, images, ("a", "b", "c", "d"), None, "recording", {}, False)
    rules = Sites(n_sites=2, min_reliability=0.5)
    assert most_reliable(found, rules, file=Path("t.csv")) == ("c", "b")
    with pytest.raises(ClosedLoopError, match=r"expected 4 sites of a reliability of 0\.5 and more"):
        most_reliable(found, rules.model_copy(update={"n_sites": 4}), file=Path("t.csv"))
    once = replace(found, rates=rates[::4], image_index=np.arange(40))
    with pytest.raises(ClosedLoopError, match=r"found each once\. Name the sites by --sites"):
        most_reliable(once, rules, file=Path("t.csv"))


def test_codes_that_come_again_in_every_trial_are_told_apart_by_their_times() -> None:
    """MonkeyLogic sends the same codes in each trial, MWorks none with the picture: both clocks tell which is which."""
    generator = np.random.default_rng(4)
    start_s = np.cumsum(generator.uniform(2.5, 4.0, 60))
    codes = [
        (code, at)
        for one in start_s
        for code, at in zip((9, 10, 20, 30, 18), one + np.array([0, 0.06, 0.7, 1.2, 2]), strict=True)
    ]
    sent = [(code, at + generator.uniform(0, 0.02)) for code, at in codes]
    heard = [(code, at) for code, at in sent if generator.uniform() > 0.02]
    received = ReceivedCodes(
        np.zeros(len(heard), np.int64),
        np.array([round((at * (1 + 4e-5) + 12.0) * 30_000) for _, at in heard], np.int64),
        np.array([code for code, _ in heard]),
    )
    device = Device("array1", 1, 30_000, (), (Segment(0, 0, 30_000 * 300, 30_000 * 300),), received, (), None, (), ())
    pictures = [(code, at) for code, at in sent if code in (20, 30)]
    others = tuple((code, at) for code, at in sent if code not in (20, 30))
    for with_codes in (True, False):
        shown = [
            ShownRow(line, f"{line}.png", code=code if with_codes else None, time_s=at)
            for line, (code, at) in enumerate(pictures)
        ]
        table = PresentationTable(tuple(shown), "code and time_s", other_codes=others)
        placed = place_images(table, [device], file=Path("day.bhv2"), frame_ms=None).of_device["array1"]
        expected = np.array([(at * (1 + 4e-5) + 12.0) * 30_000 for _, at in pictures])
        assert np.abs(placed.tick - expected).max() < 0.0005 * 30_000
