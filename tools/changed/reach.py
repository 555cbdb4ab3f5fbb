"""Which files can a test file's fast tests reach: by imports, by names of modules and files in texts, by fixtures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import PurePosixPath

from tools.changed.facts import WHOLE, Facts, Part, module_names, read_parts, read_whole
from tools.changed.tree import PACKAGES, Tree

Place = tuple[str, str]  # a file, a part of it
_ITSELF = ""  # a file, and nothing that it reaches
_PROGRAMS = {"closedloop", "rig"}
_ALL_FILES = "tests/architecture/"  # whose tests look at every file


class Reach:
    """The graph of one tree's files."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._files = set(tree)
        self._names = {path: name for name, path in tree.modules.items()}
        self._facts = cache(self._read)
        self._next = cache(self._leads_to)
        self._data = cache(self._data_of_package)

    @cached_property
    def test_files(self) -> list[str]:
        """The files that hold tests, by path."""
        return [path for path in self._tree if path.startswith("tests/") and PurePosixPath(path).match("test_*.py")]

    def reached(self, test_file: str) -> set[str]:
        """Return the paths of what the fast tests of a file reach, its own included; empty where it has none."""
        facts = self._facts(test_file)
        if not facts.tests:
            return set()
        if test_file.startswith(_ALL_FILES):
            return self._files
        waiting: list[Place] = [(test_file, WHOLE), *((test_file, name) for name in facts.tests)]
        waiting += [(path, WHOLE) for path in self._conftests(test_file)]
        found: set[Place] = set()
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting.extend(self._next(place))
                waiting.extend(self._fixtures(place, test_file))
        return {path for path, _ in found}

    def _read(self, path: str) -> Facts:
        text, module = self._tree.read(path), self._names[path]
        package = f"{module}." if path.endswith("/__init__.py") else module
        return read_parts(text, package) if path.startswith("tests/") else read_whole(text, package)

    def _conftests(self, path: str) -> list[str]:
        folders = (folder.as_posix() for folder in PurePosixPath(path).parents)
        return [conftest for folder in folders if (conftest := f"{folder}/conftest.py") in self._files]

    def _fixtures(self, place: Place, test_file: str) -> Iterator[Place]:
        """Yield the fixtures that a part of the tests names, as an argument or in a text."""
        if (part := self._part(place)) and place[0].startswith("tests/"):
            named = part.names | part.texts
            for conftest in self._conftests(test_file):
                yield from ((conftest, name) for name in self._facts(conftest).fixtures & named)

    def _part(self, place: Place) -> Part | None:
        path, name = place
        return self._facts(path).parts.get(name) if path in self._names else None

    def _leads_to(self, place: Place) -> tuple[Place, ...]:
        path, _ = place
        if (part := self._part(place)) is None:
            return ()
        facts = self._facts(path)
        wanted = set(part.imports)
        found: set[Place] = {(path, WHOLE)} if path.startswith("tests/") else set()
        for name in part.names:
            if name in facts.imported:
                wanted.add(facts.imported[name])
            elif name in facts.parts:
                found.add((path, name))
        for module, name in wanted:
            found.update(self._module(module, name))
        if place[1] == WHOLE:  # what is imported for others alone must be there, and have the names, all the same
            for module, name in facts.imported.values():
                found.update((each, _ITSELF) for each, _ in self._module(module, name))
        named = set(module_names(part.texts))
        for module in named:
            found.update(self._named_module(module))
        starts = {start for start in part.starts if start.endswith(".")}
        if ("pkgutil", "") in part.imports:  # it looks for modules in the packages that it names
            starts |= {f"{module}." for module in (*named, *(module for module, _ in wanted))}
        for start in starts:
            found.update((path, WHOLE) for name, path in self._tree.modules.items() if name.startswith(start))
        found.update((data, WHOLE) for data in self._named_files(path, part))
        found.update((data, WHOLE) for data in self._data(PurePosixPath(path).parent.as_posix()))
        return tuple(found)

    def _module(self, module: str, name: str) -> Iterator[Place]:
        """Yield where `from module import name` leads, and the packages that it is in; a name of none, to all of it."""
        modules = self._tree.modules
        parts = module.split(".")
        if parts[0] not in PACKAGES:
            return
        if name and f"{module}.{name}" in modules:
            yield from self._module(f"{module}.{name}", "")
            return
        for n in range(1, len(parts) + 1):
            if (path := modules.get(".".join(parts[:n]))) is not None:
                yield from ((each, WHOLE) for each in (path, f"{path}i") if each in self._files)
        if (path := modules.get(module)) is None:
            return
        facts = self._facts(path)
        if path.startswith("tests/"):
            yield from ((path, part) for part in facts.parts if not name or part == name)
            if name in facts.imported:
                yield from self._module(*facts.imported[name])
        elif f"{path}i" in self._files:
            yield from self._lazily(f"{path}i", module, name)

    def _lazily(self, stub: str, module: str, name: str) -> Iterator[Place]:
        """Yield what a package that imports on demand brings under a name, or at all."""
        part = read_whole(self._tree.read(stub), f"{module}.").parts[WHOLE]
        for source, what in part.imports:
            if name in ("", "*", what):
                yield from self._module(source, what)

    def _named_module(self, text: str) -> Iterator[Place]:
        modules = self._tree.modules
        parts = text.split(".")
        for n in range(len(parts), 0, -1):
            if (name := ".".join(parts[:n])) in modules:
                yield from self._module(name, "")
                return

    def _named_files(self, path: str, part: Part) -> Iterator[str]:
        """Yield what is named of the checkout: a program that is started; by tests and tools, files and folders."""
        if "-m" in part.texts or (path.startswith("tests/") and "sys" in part.names):
            yield from (f"{program}/__main__.py" for program in _PROGRAMS & part.texts)
        if path.startswith(("closedloop/", "rig/")):
            return
        for name in (text.rstrip("/") for text in part.texts):
            if name in self._files:
                yield name
            elif name not in PACKAGES:
                yield from self._tree.folders.get(name, ()) if name.strip(".") else ()

    def _data_of_package(self, folder: str) -> tuple[str, ...]:
        """Return what is no code and has its home in the folder of a module, or in one around it."""
        around = (PurePosixPath(folder), *PurePosixPath(folder).parents)
        return tuple(data for each in around for data in self._homes.get(each.as_posix(), ()))

    @cached_property
    def _homes(self) -> Mapping[str, list[str]]:
        """Files of data by the nearest folder around them in which there is a module."""
        with_modules = {PurePosixPath(path).parent.as_posix() for path in self._names}
        homes: dict[str, list[str]] = {}
        for path in self._tree:
            if not path.endswith((".py", ".pyi")) and not path.startswith("tests/"):
                around = (folder.as_posix() for folder in PurePosixPath(path).parents)
                if home := next((folder for folder in around if folder in with_modules), ""):
                    homes.setdefault(home, []).append(path)
        return homes
