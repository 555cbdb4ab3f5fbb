"""An interrupted command ends in one line and exit code 130, whoever interrupts it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest
import typer

from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar


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


def test_an_interrupt_that_a_library_swallows_is_raised_at_the_next_word_of_progress(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def work() -> None:
        with interruptible("Stopped."), bar("reading") as progress:
            with suppress(KeyboardInterrupt):  # as a callback from C does
                signal.raise_signal(signal.SIGTERM)
            progress(1, 2)
            raise AssertionError("went on")

    with pytest.raises(typer.Exit) as ended:
        work()
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "Stopped.\n"
