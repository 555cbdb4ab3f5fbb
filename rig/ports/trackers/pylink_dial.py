"""Dials an EyeLink by its maker's library, which prints on the terminal what it does."""

from __future__ import annotations

from typing import Any, Protocol, cast

from closedloop.errors import SessionError
from closedloop.plain_text.installing import install_command
from closedloop.terminal.streams import kept_still


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

    def startRecording(  # noqa: N802
        self, file_samples: int, file_events: int, link_samples: int, link_events: int
    ) -> int:
        """Begin to record; 0 is well.

        Parameters
        ----------
        file_samples, file_events
            1: into the file on the tracker's disk.
        link_samples, link_events
            1: over the link.
        """
        ...

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
    with kept_still():
        try:
            import pylink  # noqa: PLC0415 - of the eyelink extra
        except ImportError as error:
            raise SessionError(
                f"eyelink: expected the library of its maker, found none. Install it: {install_command('eyelink')}"
            ) from error
        return cast(EyeLinkLink, pylink.EyeLink(address))
