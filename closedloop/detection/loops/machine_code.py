"""What a compiled loop is, outside numba."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MachineCode:
    """A loop for one set of types of its arguments.

    Attributes
    ----------
    symbol
        Its name in the object file.
    gives
        "none" or "int64".
    needs
        Names of functions that it calls and has not within.
    content
        The object file.
    """

    symbol: str
    gives: str
    needs: tuple[str, ...]
    content: bytes

    @property
    def caller(self) -> str:
        """Name of the function that calls it with what stands in a place in memory."""
        return f"{self.symbol}.from_block"
