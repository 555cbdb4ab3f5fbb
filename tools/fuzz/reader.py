"""What a reader is: sound files, how they are spoiled, and a function that reads them as the program does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import TypeAlias

from tools.fuzz.mutations import spoil_bytes

Mutate: TypeAlias = Callable[[bytes, Random], bytes]
Entry: TypeAlias = Mapping[str, bytes]
"""What is read at once: contents by their path. A single file has one entry, with no folder in its name."""


@dataclass(frozen=True)
class Reader:
    """A row of the table of readers.

    Attributes
    ----------
    name
        As ``--reader`` has it.
    make
        Writes sound inputs into an empty folder: each file in it is one, and so is each folder.
    read
        Reads one, a file or a folder, as a command does: opens it and goes through all of it.
    spoilers
        How files are spoiled, by a pattern of their name; the first that fits counts. Others stay sound.
    share
        How many inputs it gets of a run, beside the others' shares.
    """

    name: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    spoilers: Mapping[str, Mutate] = field(default_factory=lambda: {"*": spoil_bytes})
    share: float = 1.0

    def spoiler(self, name: str) -> Mutate | None:
        """Return how a file of this name is spoiled; None where it stays sound."""
        return next((how for pattern, how in self.spoilers.items() if fnmatchcase(name, pattern)), None)


@dataclass(frozen=True)
class Seeds:
    """The sound inputs of a reader: each with its name, a file's or a folder's."""

    names: tuple[str, ...]
    entries: tuple[Entry, ...]

    def mutant(self, reader: Reader, number: int, seed: int) -> tuple[str, Entry]:
        """Make an input again from its number.

        Parameters
        ----------
        reader
            Whose.
        number
            Of the input.
        seed
            Of the run.
        """
        random = Random(f"{seed}/{reader.name}/{number}")
        place = number % len(self.entries)
        entry = dict(self.entries[place])
        names = [name for name in sorted(entry) if reader.spoiler(Path(name).name)]
        for name in random.sample(names, 1 if random.random() < 0.9 else min(2, len(names))):
            spoil = reader.spoiler(Path(name).name)
            entry[name] = entry[name] if spoil is None else spoil(entry[name], random)
            if random.random() < 0.03:
                entry[name] = _spliced(entry[name], self._like(name, random), random)
        return self.names[place], entry

    def _like(self, name: str, random: Random) -> bytes:
        """Return a file of the same suffix out of any sound input."""
        suffix = Path(name).suffix
        fitting = [content for entry in self.entries for other, content in entry.items() if other.endswith(suffix)]
        return random.choice(fitting)


def _spliced(content: bytes, other: bytes, random: Random) -> bytes:
    """Join the beginning of one file and the end of another."""
    return content[: random.randint(0, len(content))] + other[random.randint(0, len(other)) :]


def load_seeds(folder: Path) -> Seeds:
    """Read what a reader's `make` left."""
    places = sorted(folder.iterdir())
    return Seeds(tuple(place.name for place in places), tuple(read_entry(place) for place in places))


def read_entry(place: Path) -> Entry:
    """Read a file, or all files of a folder, into memory."""
    if place.is_file():
        return {place.name: place.read_bytes()}
    files = (path for path in sorted(place.rglob("*")) if path.is_file())
    return {str(Path(place.name, path.relative_to(place))): path.read_bytes() for path in files}


def write_entry(folder: Path, entry: Entry) -> None:
    """Write an input into an empty folder."""
    for name, content in entry.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def empty(folder: Path) -> None:
    """Remove all that is in a folder, whatever it is."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
