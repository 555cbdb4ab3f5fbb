"""Dials an EyeLink by its maker's library, which prints on the terminal what it does."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import Any, Protocol, cast

from closedloop.errors import SessionError


class EyeLinkLink(Protocol):
    """What is used of `pylink.EyeLink`; times are milliseconds of the tracker's clock."""

    def isConnected(self) -> int: ...  # noqa: D102, N802 - pylink's names here and below
    def isRecording(self) -> int: ...  # noqa: D102, N802
    def getTrackerVersionString(self) -> str | None: ...  # noqa: D102, N802
    def sendCommand(self, command_text: str) -> object: ...  # noqa: D102, N802
    def sendMessage(self, message_text: str) -> object: ...  # noqa: D102, N802
    def setOfflineMode(self) -> object: ...  # noqa: D102, N802
    def openDataFile(self, name: str) -> int: ...  # noqa: D102, N802
    def closeDataFile(self) -> object: ...  # noqa: D102, N802
    def receiveDataFile(self, src: str, dest: str) -> object: ...  # noqa: D102, N802
    def startRecording(  # noqa: D102, N802
        self, file_samples: int, file_events: int, link_samples: int, link_events: int
    ) -> int: ...
    def stopRecording(self) -> object: ...  # noqa: D102, N802
    def eyeAvailable(self) -> int: ...  # noqa: D102, N802
    def getNextData(self) -> int | None: ...  # noqa: D102, N802
    def getFloatData(self) -> Any: ...  # noqa: D102, N802
    def requestTime(self) -> object: ...  # noqa: D102, N802
    def readTime(self) -> float | None: ...  # noqa: D102, N802
    def close(self) -> object: ...  # noqa: D102


def dial(address: str) -> EyeLinkLink:
    """Open the link to an EyeLink; one that is not there takes 2.5 s to fail, with an error of the library's.

    Raises
    ------
    SessionError
        Its maker's library is not installed.
    """
    with quiet():
        try:
            import pylink  # noqa: PLC0415 - of the eyelink extra
        except ImportError as error:
            raise SessionError(
                "eyelink: expected the library of its maker, found none. Install it: pip install 'closedloop[eyelink]'"
            ) from error
        return cast(EyeLinkLink, pylink.EyeLink(address))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep a library from printing: from Python, and from C by the file descriptors."""
    kept = [(number, os.dup(number)) for number in (1, 2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number, _ in kept:
            os.dup2(nowhere, number)
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        os.close(nowhere)
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)
