"""Compile a loop to machine code with numba; imported only where it is not kept yet."""

from __future__ import annotations

from typing import Any

from numba import typeof
from numba.core import compiler
from numba.core.registry import cpu_target

from closedloop.detection.loops.machine_code import MachineCode


def compile_kernel(loop: Any, arguments: tuple[Any, ...]) -> MachineCode:
    """Compile a loop for arguments of these types; it may allocate nothing.

    Parameters
    ----------
    loop
        Made by numba's `njit`.
    arguments
        Such as it will be called with.
    """
    typing_context, target_context = cpu_target.typing_context, cpu_target.target_context
    typing_context.refresh()
    target_context.refresh()
    flags = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.nrt = False  # counts no owners of arrays
    types = tuple(typeof(argument) for argument in arguments)
    found = compiler.compile_extra(
        typing_context, target_context, loop.py_func, args=types, return_type=None, flags=flags, locals={}
    )
    module = found.library._final_module
    outside = [one for one in (*module.functions, *module.global_variables) if one.is_declaration]
    needs = tuple(one.name for one in outside if not one.name.startswith("llvm."))
    content = bytes(target_context.codegen()._tm.emit_object(module))
    return MachineCode(found.fndesc.llvm_func_name, str(found.fndesc.restype), needs, content)
