"""The loops over samples as machine code: compiled by numba once, kept, and called without numba ever after.

To import numba, have it set up its types and take one of its own cached functions takes more than a second: most of
what the detection of ten seconds took. What numba makes of a loop is a plain function of the machine, whose pointers
and numbers are passed one by one; so that code itself is kept, in a file named by all that decides it: the content of
all files with loops (numba's own cache knows of one alone), the arguments' types, the processor, numba's version.
"""

from __future__ import annotations

import ctypes
import json
import os
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
from llvmlite import binding

from closedloop.detection.loops.machine_code import MachineCode
from closedloop.detection.loops.processor import processor
from closedloop.errors import DocumentError, StorageError
from closedloop.execution.shards import made_once
from closedloop.plain_text.json_text import parse_json

KERNEL_FILES = (
    "compile_kernels.py",
    "compiled.py",
    "crossing_kernels.py",
    "kernels.py",
    "lanes.py",
    "machine_code.py",
    "processor.py",
    "search_kernels.py",
    "tiles.py",
)
_FOLDER = Path(__file__).parent
_GIVES_VALUE, _GIVES_NONE = 0, -2  # numba's calling convention: the status that a function returns; others are errors
_DECIDING = ("NUMBA_OPT", "NUMBA_ENABLE_AVX", "NUMBA_LOOP_VECTORIZE")
_SIZE_BYTES = 8
_FIRST_ARGUMENT = 3  # after the loop's address, and those of its value and its error
_ARRAY, _TUPLE = "array", "tuple"

if find_spec("numba") is None:  # said at once, not when a loop is not kept yet
    raise ModuleNotFoundError("No module named 'numba'", name="numba")

Kind = tuple[Any, ...]


class _LastCall(threading.local):
    """What was called last in this thread; of one thread alone, because the arguments stand in one place in memory."""

    call: _Call | None = None


class CompiledLoop:
    """A loop of another module, which is imported only where its machine code is not kept yet.

    Parameters
    ----------
    name
        Of the loop; no two have one.
    module
        Imports where it stands.
    """

    def __init__(self, name: str, module: Callable[[], ModuleType]) -> None:
        self._name, self._module = name, module
        self._prepared: dict[Kind, _Prepared] = {}
        self._last = _LastCall()
        self._preparing = threading.Lock()

    def __call__(self, *arguments: Any) -> Any:
        """Run it, with the loop's own arguments; what is the same object as in the last call is not looked at again."""
        call = self._last.call
        if call is None or not call.takes(arguments):
            kind = tuple(_kind(argument) for argument in arguments)
            with self._preparing:  # once, whichever thread comes first
                if kind not in self._prepared:
                    self._prepared[kind] = self._prepare(kind, arguments)
            call = self._last.call = _Call(self._prepared[kind], kind, arguments)
        return call.run()

    def _prepare(self, kind: Kind, arguments: tuple[Any, ...]) -> _Prepared:
        name = f"{self._name}-{_hash(_machine(), content_of_kernels().hex(), self._name, kind)}.kernel"
        code = _kept(name)
        if code is None:
            loop: Callable[..., Any] = getattr(self._module(), self._name)
            code = _compiled(loop, arguments, is_float=[one for part in kind for one in _are_floats(part)])
            if code is None or not _can_run(code):
                return loop  # numba runs it itself
            _keep(name, code)
        return _load(code)


def _compiled(loop: Callable[..., Any], arguments: tuple[Any, ...], *, is_float: Sequence[bool]) -> MachineCode | None:
    """Return the machine code of a loop; None where another numba has other insides than those we know."""
    try:
        from closedloop.detection.loops.compile_kernels import compile_kernel  # noqa: PLC0415 - with numba

        return compile_kernel(loop, arguments, is_float=is_float)
    except (AttributeError, ImportError, TypeError):  # numba's own compiler is called by names that it may change
        return None


@dataclass(frozen=True)
class _Loaded:
    """Machine code in memory: where the loop is, and what calls it with the numbers in a place in memory."""

    code: MachineCode
    address: int
    caller: Callable[[int], int]


_Prepared: TypeAlias = "_Loaded | Callable[..., Any]"


class _Call:
    """A loop with its arguments as numbers in one place in memory, where only what is new has to be written.

    Parameters
    ----------
    loop
        In memory, or numba's.
    kind, arguments
        What it is called with.
    """

    def __init__(self, loop: _Prepared, kind: Kind, arguments: tuple[Any, ...]) -> None:
        self._loop, self._kinds, self._arguments = loop, kind, list(arguments)
        parts = [_flat(argument) for argument in arguments]
        self._starts = [*accumulate(map(len, parts), initial=_FIRST_ARGUMENT)]
        self._result = (ctypes.c_int64 * 2)()  # a value; of an error, where it is described
        value = ctypes.addressof(self._result)
        head = [0 if not isinstance(loop, _Loaded) else loop.address, value, value + _SIZE_BYTES]
        numbers = [*head, *(number for part in parts for number in part)]
        self._block: Any = (ctypes.c_int64 * len(numbers))(*numbers)
        self._place = ctypes.addressof(self._block)

    def takes(self, arguments: tuple[Any, ...]) -> bool:
        """Take other arguments; False where these are of another kind."""
        if len(arguments) != len(self._arguments):
            return False
        for n, argument in enumerate(arguments):
            if argument is self._arguments[n]:
                continue
            start = self._starts[n]
            if type(argument) is int and self._kinds[n] == "int":
                self._block[start] = argument
            elif _kind(argument) == self._kinds[n]:
                self._block[start : self._starts[n + 1]] = _flat(argument)
            else:
                return False
            self._arguments[n] = argument
        return True

    def run(self) -> Any:
        """Call the loop."""
        loop = self._loop
        if not isinstance(loop, _Loaded):
            return loop(*self._arguments)
        status = loop.caller(self._place)
        if status not in (_GIVES_VALUE, _GIVES_NONE):
            raise ValueError(f"{loop.code.symbol}: the loop ended with status {status}")
        return self._result[0] if loop.code.gives != "none" else None


@cache
def content_of_kernels(folder: Path = _FOLDER) -> bytes:
    """Hash the files that decide what the kernels do."""
    digest = sha256()
    for name in KERNEL_FILES:
        content = (folder / name).read_bytes()
        digest.update(len(content).to_bytes(_SIZE_BYTES, "little") + content)
    return digest.digest()


def _hash(*words: Any) -> str:
    return sha256(repr(words).encode()).hexdigest()[:24]


@cache
def _machine() -> tuple[Any, ...]:
    """Return what decides the machine code beside the loops."""
    wanted = [(name, os.environ.get(name)) for name in _DECIDING]
    return version("numba"), version("llvmlite"), binding.get_process_triple(), *processor(), *wanted


def _kind(argument: Any) -> Any:
    """Return what of an argument decides the machine code."""
    if isinstance(argument, np.ndarray):
        return (_ARRAY, argument.ndim, argument.dtype, argument.flags.carray)
    if isinstance(argument, tuple):
        return (_TUPLE, type(argument).__name__, *(_kind(one) for one in argument))
    return type(argument).__name__


def _folders() -> tuple[Path, ...]:
    """Return where machine code may be kept: as numba's own cache."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return (Path(chosen) / f"detection_{_hash(str(_FOLDER))}",)
    return _FOLDER / "__pycache__", Path.home() / ".cache" / "closedloop"


def where_kept() -> Path | None:
    """Return the folder that machine code will be kept in; None where none can be written to: it is made each time."""
    for folder in _folders():
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
            return folder
    return None


def knows_numba() -> bool:
    """Return whether this numba has the insides that machine code is taken from; else numba runs the loops itself."""
    try:
        import closedloop.detection.loops.compile_kernels  # noqa: F401, PLC0415 - with numba
    except (AttributeError, ImportError):
        return False
    return True


def _kept(name: str) -> MachineCode | None:
    """Read machine code that is there and whole."""
    for folder in _folders():
        try:
            raw = (folder / name).read_bytes()
            size = int.from_bytes(raw[:_SIZE_BYTES], "little")
            said = parse_json(raw[_SIZE_BYTES : _SIZE_BYTES + size], place=name)
            content = raw[_SIZE_BYTES + size :]
            if said["sha256"] != sha256(content).hexdigest():
                continue
            code = MachineCode(said["symbol"], said["gives"], tuple(said["needs"]), content)
        except (OSError, DocumentError, KeyError, TypeError):  # not whole: it is made anew
            continue
        if _can_run(code):
            return code
    return None


def _keep(name: str, code: MachineCode) -> None:
    """Write machine code where that is possible."""
    facts = {
        "symbol": code.symbol,
        "gives": code.gives,
        "needs": code.needs,
        "sha256": sha256(code.content).hexdigest(),
    }
    said = json.dumps(facts).encode()
    raw = len(said).to_bytes(_SIZE_BYTES, "little") + said + code.content
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).unlink(missing_ok=True)  # it was not whole
            made_once(folder / name, partial(_write, raw))
        except (OSError, StorageError):
            continue
        return


def _write(raw: bytes, path: Path) -> None:
    path.write_bytes(raw)


def _can_run(code: MachineCode) -> bool:
    """Whether all that the code calls is there: a missing function would end the process."""
    return all(binding.address_of_symbol(name) for name in code.needs)


@cache
def _engine() -> Any:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True, codemodel="jitdefault")
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def _load(code: MachineCode) -> _Loaded:
    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code.content))
    engine.finalize_object()
    caller = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(engine.get_function_address(code.caller))
    return _Loaded(code, engine.get_function_address(code.symbol), caller)


def _are_floats(kind: Any) -> list[bool]:
    """Say of each of an argument's parts, as numba passes them, whether it is a float; else it is a whole number."""
    if isinstance(kind, str):
        return [{"int": False, "float": True}[kind]]
    if kind[0] == _TUPLE:
        return [one for part in kind[2:] for one in _are_floats(part)]
    return [False] * (5 + 2 * kind[1])


def _flat(argument: Any) -> list[int]:
    """Return an argument's parts: of an array no owner, no parent, size, bytes an element, place, shape, strides."""
    if isinstance(argument, np.ndarray):
        place = argument.__array_interface__["data"][0]
        return [0, 0, argument.size, argument.itemsize, place, *argument.shape, *argument.strides]
    if isinstance(argument, tuple):
        return [number for one in argument for number in _flat(one)]
    return (
        [int.from_bytes(struct.pack("=d", argument), sys.byteorder, signed=True)]
        if isinstance(argument, float)
        else [argument]
    )
