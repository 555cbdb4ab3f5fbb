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
from collections.abc import Callable
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from llvmlite import binding

from closedloop.detection.loops.machine_code import MachineCode
from closedloop.errors import StorageError
from closedloop.execution.shards import made_once

KERNEL_FILES = (
    "compile_kernels.py",
    "compiled.py",
    "kernels.py",
    "lanes.py",
    "machine_code.py",
    "search_kernels.py",
    "tiles.py",
)
_FOLDER = Path(__file__).parent
_GIVES_VALUE, _GIVES_NONE = 0, -2  # numba's calling convention: the status that a function returns; others are errors
_DECIDING = ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES", "NUMBA_OPT", "NUMBA_ENABLE_AVX", "NUMBA_LOOP_VECTORIZE")
_SIZE_BYTES = 8
_ARRAY, _TUPLE = "array", "tuple"

if find_spec("numba") is None:  # said at once, not when a loop is not kept yet
    raise ModuleNotFoundError("No module named 'numba'", name="numba")

Kind = tuple[Any, ...]


Passed = tuple[Any, Any, list[Any]]
"""An argument, what of it decides the machine code, and its parts as numba passes them."""


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
        self._calls: dict[Kind, Callable[..., Any]] = {}
        self._last: tuple[list[Passed], Callable[..., Any]] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Run it, with the loop's own arguments; what is the same object as in the last call is not looked at again."""
        if self._last is not None:
            before, call = self._last
            passed, is_alike = [], len(before) == len(arguments)
            for one, argument in zip(before, arguments, strict=False):
                if one[0] is argument:
                    passed.append(one)
                else:
                    now = _pass(argument)
                    is_alike = is_alike and now[1] == one[1]
                    passed.append(now)
            if is_alike:
                self._last = passed, call
                return call(passed)
        passed = [_pass(argument) for argument in arguments]
        kind = tuple(one[1] for one in passed)
        if kind not in self._calls:
            self._calls[kind] = self._prepare(kind, arguments)
        self._last = passed, self._calls[kind]
        return self._calls[kind](passed)

    def _prepare(self, kind: Kind, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        name = f"{self._name}-{_hash(_machine(), content_of_kernels().hex(), self._name, kind)}.kernel"
        code = _kept(name)
        if code is None:
            from closedloop.detection.loops.compile_kernels import compile_kernel  # noqa: PLC0415 - with numba

            loop = getattr(self._module(), self._name)
            code = compile_kernel(loop, arguments)
            if not _can_run(code):
                return lambda passed: loop(*(one[0] for one in passed))  # numba runs it itself
            _keep(name, code)
        return _callable(code, kind)


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
    processor = binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten()
    wanted = [(name, os.environ.get(name)) for name in _DECIDING]
    return version("numba"), version("llvmlite"), binding.get_process_triple(), *processor, *wanted


def _pass(argument: Any) -> Passed:
    return (argument, "int", [argument]) if type(argument) is int else (argument, _kind(argument), _flat(argument))


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


def _kept(name: str) -> MachineCode | None:
    """Read machine code that is there and whole."""
    for folder in _folders():
        try:
            raw = (folder / name).read_bytes()
            size = int.from_bytes(raw[:_SIZE_BYTES], "little")
            said = json.loads(raw[_SIZE_BYTES : _SIZE_BYTES + size])
            content = raw[_SIZE_BYTES + size :]
        except (OSError, ValueError):
            continue
        if said["sha256"] == sha256(content).hexdigest():
            code = MachineCode(said["symbol"], said["gives"], tuple(said["needs"]), content)
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


def _callable(code: MachineCode, kind: Kind) -> Callable[[list[Passed]], Any]:
    """Load machine code; return what calls it."""
    engine = _engine()
    engine.add_object_file(binding.ObjectFileRef.from_data(code.content))
    engine.finalize_object()
    types = [c_type for one in kind for c_type in _c_types(one)]
    call = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *types)(
        engine.get_function_address(code.symbol)
    )

    def run(passed: list[Passed]) -> Any:
        value, error = ctypes.c_int64(), ctypes.c_void_p()
        flat = [ctypes.addressof(value), ctypes.addressof(error)]
        for one in passed:
            flat += one[2]
        status = call(*flat)
        if status not in (_GIVES_VALUE, _GIVES_NONE):
            raise ValueError(f"{code.symbol}: the loop ended with status {status}")
        return value.value if code.gives != "none" else None

    return run


def _c_types(kind: Any) -> list[Any]:
    """Return the types of an argument's parts, as numba passes them.

    Whole numbers go the way of pointers, which is the same for the machine and takes a third of the time here.
    """
    if isinstance(kind, str):
        return [{"int": ctypes.c_void_p, "float": ctypes.c_double}[kind]]
    if kind[0] == _TUPLE:
        return [c_type for one in kind[2:] for c_type in _c_types(one)]
    return [ctypes.c_void_p] * (5 + 2 * kind[1])


def _flat(argument: Any) -> list[Any]:
    """Return an argument's parts: of an array no owner, no parent, size, bytes an element, place, shape, strides."""
    if isinstance(argument, np.ndarray):
        place = argument.__array_interface__["data"][0]
        return [None, None, argument.size, argument.itemsize, place, *argument.shape, *argument.strides]
    if isinstance(argument, tuple):
        return [number for one in argument for number in _flat(one)]
    return [argument]
