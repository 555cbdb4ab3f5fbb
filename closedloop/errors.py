"""What can go wrong that a person can put right.

::

    ClosedLoopError
    ├── OptionError        a word of a command line is none that its option or argument takes
    ├── DocumentError      a file of ours is missing, malformed, of a newer version, or not the one that was promised
    │   ├── ProtocolError  the experiment's description asks for something unknown or impossible
    │   └── ManifestError  a published file no longer matches its sha256
    ├── ImageError         an image or an image folder cannot be used
    ├── CheckpointError    a weight file cannot be used
    ├── RecordingError     a Blackrock file cannot be read, or is not of this session
    ├── AlignmentError     the journal and the recording do not belong together
    │   └── ClockRateError its codes are those of the journal, at other distances than two clocks make
    ├── SessionError       the rig cannot present a session folder, or its display or hardware is not fit
    │   ├── DeviceError        what is wired to the rig failed as a session ran
    │   └── BrokenSessionError a session that had begun ended by an error; it can be resumed
    ├── StudyError         the study folder cannot be advanced (another version, simulated mixed with real)
    │   └── StudyBusyError another loop works on it
    ├── ExecutionError     the workers that were asked for cannot be had, or were lost
    └── StorageError       the disk is full or the folder cannot be written

The text of each is one line, *place: what was expected, what was found. What to do.*
The command line prints it and exits with code 1, with 2 for an OptionError; a programmer's mistake stays a
``ValueError`` or ``TypeError``.
"""

from __future__ import annotations

from unicodedata import category


def visible(text: str) -> str:
    r"""Return text with everything that a terminal would act on instead of showing it written out, as `\x1b`.

    Names of files and what stands in them are part of messages: a line end would make two lines of one, an escape
    sequence clear the screen, a right-to-left mark turn the path around.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or category(one) == "Zs" else ascii(one)[1:-1] for one in text)


class ClosedLoopError(Exception):
    """Anything a user, an operator or a file did that the program cannot go on with."""

    def __str__(self) -> str:
        return visible(super().__str__())


class OptionError(ClosedLoopError):
    """A word of a command line is none that its option or argument takes, whatever the files are.

    It can be told from the line alone. What an option names and is not there, or does not fit, is an error of its own.
    """


class DocumentError(ClosedLoopError):
    """A file of ours is missing, malformed, of a newer version, or not the one that was promised."""


class ProtocolError(DocumentError):
    """The experiment's description asks for something unknown or impossible."""


class ManifestError(DocumentError):
    """A published file no longer matches its sha256."""


class ImageError(ClosedLoopError):
    """An image or an image folder cannot be used."""


class CheckpointError(ClosedLoopError):
    """A weight file cannot be used."""


class RecordingError(ClosedLoopError):
    """A Blackrock file cannot be read, or is not of this session."""


class AlignmentError(ClosedLoopError):
    """The journal and the recording do not belong together."""


class ClockRateError(AlignmentError):
    """The codes are those of the journal, at other distances than two clocks make."""


class SessionError(ClosedLoopError):
    """The rig cannot present a session folder, or its display or hardware is not fit."""


class DeviceError(SessionError):
    """What is wired to the rig failed as a session ran."""


class BrokenSessionError(SessionError):
    """A session that had begun ended by an error; its journal is whole up to there, and it can be resumed."""


class RigError(ClosedLoopError):
    """A rig's description is missing, malformed, or of another rig than the one that stands here."""


class StudyError(ClosedLoopError):
    """The study folder cannot be advanced."""


class StudyBusyError(StudyError):
    """Another loop works on the study: what failed can be done when it ends."""


class ExecutionError(ClosedLoopError):
    """The workers that were asked for cannot be had, or were lost."""


class StorageError(ClosedLoopError):
    """The disk is full or the folder cannot be written."""
