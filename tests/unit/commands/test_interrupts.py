"""An interrupted command ends in one line and exit code 130, whoever interrupts it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import typer

from closedloop.commands.interrupts import interruptible


@pytest.fixture(autouse=True)
def _own_handler() -> Iterator[None]:
    """Leave the test process as it was found."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_ctrl_c_is_one_line_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, interruptible("Stopped. Run it again."):
        raise KeyboardInterrupt
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "Stopped. Run it again.\n"


def test_a_termination_signal_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended, interruptible("Stopped."):
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_what_is_not_interrupted_passes() -> None:
    with interruptible("Stopped."):
        result = 3
    assert result == 3
    with pytest.raises(ValueError, match="wrong"), interruptible("Stopped."):
        raise ValueError("wrong")
