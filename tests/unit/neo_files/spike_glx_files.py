"""A writer of SpikeGLX' files by its manual ("Metadata", "Output file format"): interleaved .bin, text .meta."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def write_nidq(
    folder: Path,
    volts: NDArray[np.int16],
    word: NDArray[np.int16],
    *,
    light: NDArray[np.int16] | None = None,
    first_sample: int = 0,
    rate_hz: float = 30_000.0,
    name: str = "run",
    gate: int = 0,
    trigger: int = 0,
) -> Path:
    """Write one file of the NI card: neural channels MN, an auxiliary one MA, and a word of digital lines.

    Parameters
    ----------
    volts
        Bits of the analog channels, (n_samples, n_channels), neural ones (MN), 0.25 uV a bit.
    word
        Of the digital lines, (n_samples,).
    light
        Bits of the auxiliary channel, (n_samples,).
    first_sample
        Number of the first sample since the run began.
    """
    n_channels, n_light = volts.shape[1], int(light is not None)
    meta = {
        "typeThis": "nidq",
        "nSavedChans": n_channels + n_light + 1,
        "firstSample": first_sample,
        "niSampRate": _plain(rate_hz),
        "niAiRangeMax": 32768 * 0.25e-6 * 200,
        "niAiRangeMin": -32768 * 0.25e-6 * 200,
        "niMNGain": 200,
        "niMAGain": 1,
        "niMNChans1": f"0:{n_channels - 1}",
        "niXDChans1": "0:15",
        "snsMnMaXaDw": f"{n_channels},{n_light},0,1",
    }
    names = [*(f"MN0C{channel}" for channel in range(n_channels)), *["MA0C0"] * n_light, "XD0"]
    columns = [volts, word] if light is None else [volts, light, word]
    return _write(folder, f"{name}_g{gate}_t{trigger}.nidq", np.column_stack(columns), meta, names)


def write_imec(
    folder: Path,
    volts: NDArray[np.int16],
    sync: NDArray[np.int16],
    *,
    first_sample: int = 0,
    rate_hz: float = 30_000.0,
    name: str = "run",
    gate: int = 0,
    trigger: int = 0,
) -> Path:
    """Write one AP file of a Neuropixels 2.0 probe with its sync word.

    Parameters
    ----------
    volts
        Bits of the electrodes, (n_samples, n_channels).
    sync
        The word SY0, (n_samples,).
    first_sample
        Number of the first sample since the run began.
    """
    n_channels = volts.shape[1]
    meta = {
        "typeThis": "imec",
        "nSavedChans": n_channels + 1,
        "firstSample": first_sample,
        "imSampRate": _plain(rate_hz),
        "imAiRangeMax": 0.62,
        "imAiRangeMin": -0.62,
        "imMaxInt": 2048,
        "imDatPrb_pn": "NP2013",
        "imChan0apGain": 100,
        "snsApLfSy": f"{n_channels},0,1",
    }
    names = [*(f"AP{channel}" for channel in range(n_channels)), "SY0"]
    own = folder / f"{name}_g{gate}_imec0"
    own.mkdir(parents=True, exist_ok=True)
    return _write(own, f"{name}_g{gate}_t{trigger}.imec0.ap", np.column_stack([volts, sync]), meta, names)


def word_of_codes(
    codes: Sequence[tuple[int, int]], n_samples: int, *, hold: int, skew: int = 0, n_lines: int = 16
) -> NDArray[np.int16]:
    """Return the word of every sample; line k moves k * skew samples after the first.

    Parameters
    ----------
    codes
        (sample, value).
    n_samples
        Length.
    hold, skew
        In samples.
    n_lines
        Bits that there are.
    """
    word = np.zeros(n_samples, np.uint16)
    for at, value in codes:
        for line in range(n_lines):
            if value >> line & 1:
                word[at + skew * line : at + hold + skew * line] |= np.uint16(1 << line)
    return word.view(np.int16)


def _write(folder: Path, stem: str, rows: NDArray[np.int16], meta: dict[str, object], names: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{stem}.bin"
    np.ascontiguousarray(rows, "<i2").tofile(file)
    channel_map = "".join(f"({name};{place}:{place})" for place, name in enumerate(names))
    meta = {"fileName": f"D:/{file.name}", "fileSizeBytes": file.stat().st_size, **meta}
    lines = [f"{key}={value}" for key, value in meta.items()]
    lines.append(f"~snsChanMap=({len(names) - 1},0,1){channel_map}")
    file.with_suffix(".meta").write_text("\n".join(lines) + "\n")
    return file


def _plain(rate_hz: float) -> str:
    return f"{rate_hz:.6f}".rstrip("0").rstrip(".")
