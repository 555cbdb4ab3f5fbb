"""Damaged files through every command that takes something out: a result or one line, never another exception."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from closedloop.commands.recording_files import events
from closedloop.commands.recording_files.extracts import codes, samples, waveforms
from closedloop.commands.recording_files.options import ALL_CHANNELS, ALL_TIME, ALL_UNITS
from closedloop.errors import ClosedLoopError
from tests.unit.blackrock.nev import test_nev_fuzz as nev_fuzz
from tests.unit.blackrock.nsx import test_nsx_fuzz as nsx_fuzz
from tests.unit.blackrock.nsx.nsx_files import SPECIFICATIONS


def nothing(_done: int, _total: int) -> None:
    pass


def take_out(nev: Path, nsx: Path, folder: Path) -> list[Callable[[], Any]]:
    """Every command, and what it says afterwards."""

    def waveform_words() -> None:
        choice = waveforms.SpikeChoice(ALL_CHANNELS, ALL_UNITS, ALL_TIME)
        written = waveforms.waveforms_to_file(nev, folder / "w.h5", choice, nsx_file=None, progress=nothing)
        waveforms.waveform_lines(written)
        waveforms.waveforms_as_json(written)

    def code_words() -> None:
        written = codes.codes_to_table(nev, folder / "c.parquet", time=ALL_TIME, nsx_file=None, progress=nothing)
        codes.code_lines(written)
        codes.codes_as_json(written)

    def event_words() -> None:
        choice = events.EventChoice()
        written = events.events_to_table(nev, folder / "e.parquet", nsx_file=None, choice=choice, progress=nothing)
        events.event_lines(written)
        events.events_as_json(written)

    def sample_words(name: str) -> None:
        written = samples.samples_to_file(
            nsx, folder / name, channels=ALL_CHANNELS, time=ALL_TIME, nev=None, progress=nothing
        )
        samples.sample_lines(written)
        samples.samples_as_json(written)

    tables = [partial(sample_words, name) for name in ("s.parquet", "s.csv", "s.h5")]
    return [waveform_words, code_words, event_words, *tables]


def fuzz(tmp_path: Path, n_mutants: int, seed: int) -> int:
    """Take everything out of mutants; return how many commands gave a result."""
    random, n_done = np.random.default_rng(seed), 0
    nev, nsx, out = tmp_path / "made.nev", tmp_path / "made.ns2", tmp_path / "out"
    out.mkdir()
    nevs = [nev_fuzz.whole_file(tmp_path, specification) for specification in SPECIFICATIONS]
    nsxs = nsx_fuzz.victims(tmp_path)
    for i in range(n_mutants):
        nev.write_bytes(nev_fuzz.mutant(nevs[i % len(nevs)], random))
        nsx.write_bytes(nsx_fuzz.mutated(nsxs[i % len(nsxs)], random))
        for command in take_out(nev, nsx, out):
            try:
                command()
                n_done += 1
            except ClosedLoopError as error:
                assert "\n" not in str(error)  # noqa: PT017 - a result is as good
    assert not list(out.glob(".*"))
    return n_done


def test_40_mutants_end_in_a_result_or_one_line(tmp_path: Path) -> None:
    assert 40 < fuzz(tmp_path, 40, seed=3) < 230


@pytest.mark.slow
@pytest.mark.parametrize("seed", [4, 5, 6, 7])  # in parts, so that processes share them
def test_2_000_mutants_end_in_a_result_or_one_line(tmp_path: Path, seed: int) -> None:
    assert 500 < fuzz(tmp_path, 500, seed=seed) < 2_750
