"""Mean and spread of spike waveforms by electrode and unit, summed up part by part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_UNIT_BITS = 8


@dataclass(frozen=True)
class MeanWaveform:
    """The spikes of one unit of one electrode.

    `mean_uv` and `sd_uv` have shape (n_samples,); NaN where no sample was stored, the SD of one spike is NaN.
    """

    electrode_id: int
    unit: int
    n_spikes: int
    mean_uv: NDArray[np.float64]
    sd_uv: NDArray[np.float64]


class WaveformMeans:
    """Sums of waveforms, as many as there are units.

    Parameters
    ----------
    n_samples
        Of a waveform.
    """

    def __init__(self, n_samples: int) -> None:
        self._n_samples = n_samples
        self._n: dict[int, int] = {}
        self._mean: dict[int, NDArray[np.float64]] = {}
        self._squares: dict[int, NDArray[np.float64]] = {}  # summed squares of differences from the mean

    def add(self, electrode_id: NDArray[np.uint16], unit: NDArray[np.uint8], waveform_uv: NDArray[np.float32]) -> None:
        """Take the next spikes.

        Parameters
        ----------
        electrode_id, unit
            Shape (n_spikes,) each.
        waveform_uv
            Shape (n_spikes, n_samples).
        """
        if len(electrode_id) == 0:
            return
        key = electrode_id.astype(np.int64) << _UNIT_BITS | unit
        order = np.argsort(key, kind="stable")
        keys, first = np.unique(key[order], return_index=True)
        for one, own in zip(keys.tolist(), np.split(order, first[1:]), strict=True):
            self._join(one, waveform_uv[own].astype(np.float64))

    def _join(self, key: int, waveforms: NDArray[np.float64]) -> None:
        """Join two groups' means and squares (Chan et al. 1979): the difference of large sums would lose digits."""
        n_new, mean_new = len(waveforms), waveforms.mean(axis=0)
        squares_new = ((waveforms - mean_new) ** 2).sum(axis=0)
        n_old = self._n.get(key, 0)
        mean_old = self._mean.get(key, np.zeros(self._n_samples))
        step = mean_new - mean_old
        n = n_old + n_new
        self._n[key] = n
        self._mean[key] = mean_old + step * (n_new / n)
        old = self._squares.get(key, np.zeros(self._n_samples))
        self._squares[key] = old + squares_new + step**2 * (n_old * n_new / n)

    def finish(self) -> tuple[MeanWaveform, ...]:
        """Return the means, by electrode and unit."""
        return tuple(
            MeanWaveform(
                electrode_id=key >> _UNIT_BITS,
                unit=key & ((1 << _UNIT_BITS) - 1),
                n_spikes=n,
                mean_uv=self._mean[key],
                sd_uv=np.sqrt(self._squares[key] / (n - 1)) if n > 1 else np.full(self._n_samples, np.nan),
            )
            for key, n in sorted(self._n.items())
        )
