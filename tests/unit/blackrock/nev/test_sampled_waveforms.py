"""Mean waveforms by a sample of a NEV: those of all its spikes where the file is short, near them where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from closedloop.blackrock.nev.header import read_nev_header
from closedloop.blackrock.nev.sampled_waveforms import sample_mean_waveforms
from closedloop.blackrock.nev.waveforms import stream_waveforms
from tests.unit.blackrock.nev.test_waveform_stream import joined, random_file


@pytest.mark.parametrize("packets_a_run", [7, 4096])
def test_of_a_short_file_the_means_are_those_of_all_spikes_but_noise(tmp_path: Path, packets_a_run: int) -> None:
    file = random_file(tmp_path)
    _, _, electrode, _, waveform = joined(list(stream_waveforms(file)))
    found = sample_mean_waveforms(file, read_nev_header(file), n_runs=100, packets_a_run=packets_a_run)
    assert [one.electrode_id for one in found] == [1, 2, 130]
    for one in found:
        own = waveform[electrode == one.electrode_id]
        assert one.n_spikes == len(own)
        np.testing.assert_allclose(one.mean_uv, own.mean(axis=0, dtype=np.float64), rtol=1e-6)


def test_of_a_long_file_moments_from_its_beginning_to_its_end_are_read(tmp_path: Path) -> None:
    file = random_file(tmp_path, n=4000)
    header = read_nev_header(file)
    found = sample_mean_waveforms(file, header, n_runs=10, packets_a_run=100)
    assert 500 < sum(one.n_spikes for one in found) <= 1000
    _, _, electrode, _, waveform = joined(list(stream_waveforms(file)))
    for one in found:
        own = waveform[electrode == one.electrode_id]
        error = own.std(axis=0) / np.sqrt(one.n_spikes)
        assert (np.abs(one.mean_uv - own.mean(axis=0)) < 5 * error).all()


def test_electrodes_without_a_scale_or_a_known_width_are_left_out(tmp_path: Path) -> None:
    file = random_file(tmp_path)
    header = read_nev_header(file)
    one, other, third = header.channels
    damaged = (replace(one, bytes_per_sample=3), one, replace(other, nv_per_bit=0), third)
    found = sample_mean_waveforms(file, replace(header, channels=damaged))
    assert [each.electrode_id for each in found] == [130]
    assert sample_mean_waveforms(file, replace(header, channels=())) == ()
