"""What asker and answerer agree on: limits, the frames of an answer, the few words between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

Answer = tuple[Any, Iterable[Any]]
"""What a confined function returns: a JSON-able value, and buffers of bytes that are sent as they are made."""


class FunctionPlace(NamedTuple):
    """A function that answers, by where it stands: who asks it need not load what answering takes."""

    module: str
    name: str

    @classmethod
    def of(cls, function: Callable[..., Answer]) -> FunctionPlace:
        """Return where a function at the top of a module stands."""
        return cls(function.__module__, function.__qualname__)


MOST_REQUEST_BYTES = 1 << 16
LENGTH_BYTES = 8  # before every frame of an answer, little-endian
END, FAILED = (1 << 64) - 1, (1 << 64) - 2  # lengths that no frame has: all were sent; what follows is an error
ENDED = b"ended"  # to the helper: its child is, and how?
OUT_OF_MEMORY = 3  # the child's exit code


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    Attributes
    ----------
    cpu_s
        Processor time, whole seconds, up to one more: other processes on the machine cost none.
    wall_s
        Time that passes.
    memory_bytes
        On top of what the helper has; the answer counts once more, in this process.
    """

    cpu_s: int = 1
    wall_s: float = 8.0
    memory_bytes: int = 256 << 20

    @classmethod
    def of_file(cls, n_bytes: int, *, bytes_per_s: float, growth: float, memory_bytes: int = memory_bytes) -> Limits:
        """Return the limits of reading a file: what a small one needs plenty of, and more in proportion to its size.

        Parameters
        ----------
        n_bytes
            Size of the file.
        bytes_per_s
            How fast it is read at the least.
        growth
            How much memory each of its bytes may take.
        memory_bytes
            How much a small file may take.
        """
        seconds = n_bytes / bytes_per_s
        return cls(cls.cpu_s + int(seconds), cls.wall_s + 4 * seconds, memory_bytes + int(growth * n_bytes))


class ConfinedError(Exception):
    """A child gave no answer; the text says why in a few words, for the message of whoever asked."""
