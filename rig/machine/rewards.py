"""Rewards, from what was meant to what the valve confirmed: each step is a row of the journal, the last one counts."""

from __future__ import annotations

from dataclasses import dataclass

from closedloop.artifacts.day.journal_rows import RewardNoted
from closedloop.errors import SessionError
from rig.machine.apparatus import Devices
from rig.machine.notebook import Notebook
from rig.ports.reward import NOBODY

_PATIENCE_S = 1.0  # beyond the reward's own duration: a valve that answers later is taken for a dead one


@dataclass(frozen=True)
class _Given:
    """A reward that the valve was told of and has not confirmed."""

    trial: int | None
    duration_ms: float
    until_s: float


class RewardLedger:
    """Gives rewards and keeps count of them.

    Parameters
    ----------
    name
        Of the device; with "none" nobody is told, nothing is waited for, and nothing counts.
    devices
        Has the valve.
    notebook
        Where the rows go.
    """

    def __init__(self, name: str, devices: Devices, notebook: Notebook) -> None:
        self._devices, self._notebook = devices, notebook
        self._is_there = name != NOBODY
        self._waiting: list[_Given] = []
        self._trial: int | None = None
        self._trial_ms = 0.0

    @property
    def is_waiting(self) -> bool:
        """Whether the valve has something to confirm."""
        return bool(self._waiting)

    def confirmed_ms(self, trial: int) -> float:
        """Return what was confirmed for the last trial that was rewarded, if it is this one."""
        return self._trial_ms if trial == self._trial else 0.0

    def give(self, trial: int | None, duration_ms: float) -> str:
        """Give a reward, and return in words why it was not given; empty where the valve was told.

        Parameters
        ----------
        trial
            Whose it is; None for the operator's.
        duration_ms
            How long the valve is to be open.
        """
        if trial is not None:
            self._trial, self._trial_ms = trial, 0.0
        if not self._is_there:
            return "no reward: the rig has no valve"
        if duration_ms <= 0:
            return "no reward: its duration is 0 ms"
        self._note("intended", trial, duration_ms)
        if not self._devices.give(duration_ms):
            self._note("failed", trial, duration_ms)
            return f"reward {duration_ms:g} ms: the valve could not be told"
        self._note("given", trial, duration_ms)
        until_s = self._notebook.now_s() + duration_ms / 1000.0 + _PATIENCE_S
        self._waiting.append(_Given(trial, duration_ms, until_s))
        self.collect()
        return ""

    def collect(self) -> None:
        """Note what the valve has confirmed since; where it never did, that is a failure of the device."""
        if not self._waiting:
            return
        for confirmed_ms in self._devices.acknowledged():
            given = self._waiting.pop(0) if self._waiting else _Given(None, confirmed_ms, 0.0)
            self._note("acknowledged", given.trial, confirmed_ms)
            if given.trial is not None and given.trial == self._trial:
                self._trial_ms += confirmed_ms
        while self._waiting and self._notebook.now_s() >= self._waiting[0].until_s:
            late = self._waiting.pop(0)
            self._note("failed", late.trial, late.duration_ms)
            self._devices.note(
                SessionError(
                    f"reward: expected the valve to confirm {late.duration_ms:g} ms, found no answer. "
                    "Check the valve and its cable."
                )
            )

    def _note(self, state: str, trial: int | None, duration_ms: float) -> None:
        row = {"state": state, "trial": trial, "duration_ms": duration_ms, "time_s": self._notebook.now_s()}
        self._notebook.write(RewardNoted.model_validate(row))
