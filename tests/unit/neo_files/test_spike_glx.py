"""SpikeGLX through neo: words of digital lines, gates and triggers as gaps, two cards on one clock by their pulses."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.artifacts.recorder import RecorderDescription
from closedloop.devices.device import Device
from closedloop.devices.neo_device import read_neo_devices
from closedloop.errors import RecordingError
from closedloop.neo_files.contents import read_contents
from closedloop.neo_files.file_sizes import other_sizes
from closedloop.neo_files.source import source_of
from closedloop.neo_files.timing import clock_of, ticks_per_sample
from closedloop.neo_files.wiring import CodeWiring, LineWiring, NeoWiring, RawWiring, SyncWiring
from closedloop.recording.source import regular_ticks
from closedloop.study.completeness.other_makers import missing_of
from tests.unit.messages import refused
from tests.unit.neo_files.spike_glx_files import word_of_codes, write_imec, write_nidq

VOLTS = np.random.default_rng(0).integers(-200, 200, (30_000, 3)).astype(np.int16)
CODES = [(3_000 * place, 29 * place % 255 + 1) for place in range(1, 9)]
ONE_CARD = NeoWiring(
    raw=RawWiring(stream="nidq", channels=("MN*",)),
    codes=CodeWiring(stream="nidq", channels=("XD0",), lines=tuple(range(8))),
)
TWO_CARDS = replace(
    ONE_CARD,
    raw=RawWiring(stream="imec0.ap"),
    sync=SyncWiring(LineWiring("imec0.ap-SYNC", "SY0", 6), LineWiring("nidq", "XD0", 15)),
)


def read(folder: Path, wiring: NeoWiring = ONE_CARD) -> Device:
    (device,) = read_neo_devices(folder, [wiring])
    return device


def word(codes: list[tuple[int, int]] = CODES, *, skew: int = 0, hold: int = 3) -> NDArray[np.int16]:
    return word_of_codes(codes, len(VOLTS), hold=hold, skew=skew)


def test_voltage_and_codes_of_one_card(tmp_path: Path) -> None:
    write_nidq(tmp_path, VOLTS, word(), first_sample=4_000)
    device = read(tmp_path)
    assert [(s.clock_segment, s.first_tick, s.end_tick) for s in device.segments] == [(0, 4_000, 34_000)]
    assert [(tick - 4_000, value) for tick, value in zip(device.codes.tick, device.codes.value, strict=True)] == CODES
    (voltage,) = device.voltages
    np.testing.assert_array_equal(voltage.samples.read(0, 100, 200), VOLTS[100:200])
    assert [one.label for one in device.electrodes] == ["MN0C0", "MN0C1", "MN0C2"]
    assert any("no samples that were lost inside of a file" in sentence for sentence in device.repairs)


def test_triggers_and_gates_are_gaps_and_each_files_own_codes_are_read(tmp_path: Path) -> None:
    """neo gives the digital lines of the first file for all of them, and without its first sample."""
    for gate, trigger, first in ((0, 0, 1_000), (0, 1, 90_000), (1, 0, 200_000)):
        own = word([(2_000, 10 * gate + trigger + 1)])
        write_nidq(tmp_path, VOLTS, own, first_sample=first, gate=gate, trigger=trigger)
    device = read(tmp_path)
    assert [s.first_tick for s in device.segments] == [1_000, 90_000, 200_000]
    assert {s.clock_segment for s in device.segments} == {0}
    assert device.codes.tick.tolist() == [3_000, 92_000, 202_000]
    assert device.codes.value.tolist() == [1, 2, 11]


def test_a_first_sample_that_steps_back_is_a_reset(tmp_path: Path) -> None:
    for trigger, first in ((0, 50_000), (1, 0)):
        write_nidq(tmp_path, VOLTS, word(), first_sample=first, trigger=trigger)
    assert [s.clock_segment for s in read(tmp_path).segments] == [0, 1]


def test_bits_that_move_one_after_the_other_give_the_codes_that_were_sent(tmp_path: Path) -> None:
    write_nidq(tmp_path, VOLTS, word(skew=3, hold=300))
    codes = replace(ONE_CARD.codes or CodeWiring(), settle_ms=1.0)
    assert read(tmp_path, replace(ONE_CARD, codes=codes)).codes.value.tolist() == [value for _, value in CODES]


def test_the_highest_of_sixteen_lines_is_one_too(tmp_path: Path) -> None:
    write_nidq(tmp_path, VOLTS, word([(5_000, 1 << 15)]))
    codes = CodeWiring(stream="nidq", channels=("XD0",), lines=(15,))
    assert read(tmp_path, replace(ONE_CARD, codes=codes)).codes.value.tolist() == [1]


def test_a_rate_that_is_no_whole_number_is_timed_in_nanoseconds(tmp_path: Path) -> None:
    write_nidq(tmp_path, VOLTS, word(), rate_hz=30_000.25)
    device = read(tmp_path)
    assert device.tick_hz == 1_000_000_000
    np.testing.assert_allclose(device.codes.tick, [tick / 30_000.25 * 1e9 for tick, _ in CODES], atol=1)


@pytest.mark.parametrize("ppm", [0.0, 35.0, -80.0])
def test_codes_of_another_card_come_onto_the_voltages_clock_by_its_pulses(tmp_path: Path, ppm: float) -> None:
    """The NI card's crystal is `ppm` fast and began 11 ms later: without the pulses codes would be off by that."""
    n = 6 * 30_000
    late, faster = 330, 1 + ppm / 1e6
    pulses = [15_000 + 30_000 * second for second in range(6)]
    sent = [(9_000 + 20_000 * place, 3 * place + 1) for place in range(8)]

    def on_ni(tick: int) -> int:
        return round((tick - late) * faster)

    sync = np.zeros(n, np.uint16)
    seen = np.zeros(n, np.uint16)
    for pulse in pulses:
        sync[pulse : pulse + 15_000] |= 1 << 6
        seen[on_ni(pulse) : on_ni(pulse + 15_000)] |= 1 << 15
    codes = word_of_codes([(on_ni(tick), value) for tick, value in sent], n, hold=3).view(np.uint16)
    volts = np.resize(VOLTS, (n, 3))
    write_imec(tmp_path, volts, sync.view(np.int16))
    write_nidq(tmp_path, volts, (seen | codes).view(np.int16))
    device = read(tmp_path, TWO_CARDS)
    assert device.codes.value.tolist() == [value for _, value in sent]
    np.testing.assert_allclose(device.codes.tick, [tick for tick, _ in sent], atol=1)
    assert any("6 pulses" in sentence for sentence in device.repairs)


def test_two_cards_without_pulses_are_refused_in_one_line(tmp_path: Path) -> None:
    write_imec(tmp_path, VOLTS, np.zeros(len(VOLTS), np.int16))
    write_nidq(tmp_path, VOLTS, word())
    with refused(RecordingError, tmp_path, "expected `sync` for nidq and imec0.ap", "found none"):
        read(tmp_path, replace(TWO_CARDS, sync=None))
    with refused(RecordingError, tmp_path, "expected the same sync pulses on both clocks, found 0 and 0"):
        read(tmp_path, TWO_CARDS)


def test_a_wrong_line_is_one_line_and_so_are_events_that_neo_gets_wrong(tmp_path: Path) -> None:
    write_nidq(tmp_path, VOLTS, word([(4_000, 1)]))
    wrong = CodeWiring(stream="nidq", channels=("XD0",), lines=(9, 10))
    with refused(RecordingError, tmp_path, "expected digital codes in the stream nidq on lines 9, 10, found none"):
        read(tmp_path, replace(ONE_CARD, codes=wrong))
    with refused(RecordingError, tmp_path, "expected the stream of the digital words", "found `events`"):
        read(tmp_path, replace(ONE_CARD, codes=CodeWiring(events="XD0", lines=(1,))))


def test_lines_that_never_rest_are_said_to_be_there(tmp_path: Path) -> None:
    write_nidq(tmp_path, VOLTS, word())
    slow = replace(ONE_CARD.codes or CodeWiring(), settle_ms=5.0)
    with refused(RecordingError, tmp_path, "found none (16 changes of the lines, none that lasts", "settle_ms"):
        read(tmp_path, replace(ONE_CARD, codes=slow))


def test_a_file_of_another_size_than_it_was_closed_with_is_said_and_waited_for(tmp_path: Path) -> None:
    recorder = RecorderDescription.model_validate(
        {"maker": "neo", "devices": [{"raw": {}, "codes": {"lines": [0, 1]}}]}
    )
    file = write_nidq(tmp_path, VOLTS, word())
    assert missing_of(tmp_path, recorder) == ""
    assert not any("no whole copy" in sentence for sentence in read(tmp_path).repairs)
    whole = file.read_bytes()
    file.write_bytes(whole[:-8_000])
    said = f"{file.name} has {len(whole) - 8_000:,} bytes, and {len(whole):,} by fileSizeBytes in {file.stem}.meta"
    assert missing_of(tmp_path, recorder).startswith(said)
    assert any(said in sentence for sentence in read(tmp_path).repairs)
    assert any(sentence.startswith(said) for sentence in read_contents(source_of(tmp_path)).said)
    file.unlink()
    assert missing_of(tmp_path, recorder) == f"{file.name} is not there, whose {file.stem}.meta is"


def test_a_recording_that_was_never_closed_is_said(tmp_path: Path) -> None:
    meta = write_nidq(tmp_path, VOLTS, word()).with_suffix(".meta")
    meta.write_text("".join(line for line in meta.read_text().splitlines(True) if "fileSizeBytes" not in line))
    assert other_sizes(tmp_path) == (
        f"{meta.name} names no fileSizeBytes: the recording was not ended as it should be",
    )


@pytest.mark.parametrize("rate_hz", [30_000.0, 30_000.063, 29_999.757232, 30_000.390639, 25_000.0, 32_051.282051])
def test_ticks_of_a_calibrated_rate_are_right_after_a_day(rate_hz: float) -> None:
    step = ticks_per_sample(rate_hz, clock_of(rate_hz))
    samples = [0, 1, 999_999, 10**7, 10**8 + 7, 24 * 3600 * 30_000]
    expected = [5 + math.floor(sample * step + Fraction(1, 2)) for sample in samples]
    assert regular_ticks(5, np.array(samples), step).tolist() == expected
