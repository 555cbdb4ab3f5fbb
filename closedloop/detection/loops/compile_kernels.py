"""Compile a loop to machine code with numba; imported only where it is not kept yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from llvmlite import binding, ir
from numba import typeof
from numba.core import compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target

from closedloop.detection.loops.machine_code import MachineCode


def compile_kernel(loop: Any, arguments: tuple[Any, ...], *, is_float: Sequence[bool]) -> MachineCode:
    """Compile a loop for arguments of these types; it may allocate nothing.

    Parameters
    ----------
    loop
        Made by numba's `njit`.
    arguments
        Such as it will be called with.
    is_float
        Of each number that they are passed as.
    """
    flags = compiler.Flags()
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.nrt = False  # counts no owners of arrays
    types = tuple(typeof(argument) for argument in arguments)
    typing_context, target_context = cpu_target.typing_context, cpu_target.target_context
    with global_compiler_lock:  # numba's tables are read by generators, which two threads must not run at once
        typing_context.refresh()
        target_context.refresh()
        found = compiler.compile_extra(
            typing_context, target_context, loop.py_func, args=types, return_type=None, flags=flags, locals={}
        )
    module = found.library._final_module
    outside = [one for one in (*module.functions, *module.global_variables) if one.is_declaration]
    needs = tuple(one.name for one in outside if not one.name.startswith("llvm."))
    code = MachineCode(found.fndesc.llvm_func_name, str(found.fndesc.restype), needs, b"")
    caller = _caller(code.caller, is_float)
    caller.triple, caller.data_layout = module.triple, module.data_layout
    module.link_in(binding.parse_assembly(str(caller)))
    return replace(code, content=bytes(target_context.codegen()._tm.emit_object(module)))


def _caller(name: str, is_float: Sequence[bool]) -> ir.Module:
    """Write a function that takes a loop's address and all its numbers from one place in memory, and calls it."""
    module, whole = ir.Module(), ir.IntType(64)
    function = ir.Function(module, ir.FunctionType(ir.IntType(32), [whole.as_pointer()]), name)
    builder = ir.IRBuilder(function.append_basic_block())
    (block,) = function.args
    kinds = [whole, whole, *(ir.DoubleType() if one else whole for one in is_float)]
    loop, *numbers = [builder.load(builder.gep(block, [whole(n)])) for n in range(1 + len(kinds))]
    given = [builder.bitcast(number, kind) for number, kind in zip(numbers, kinds, strict=True)]
    address = builder.inttoptr(loop, ir.FunctionType(ir.IntType(32), kinds).as_pointer())
    builder.ret(builder.call(address, given))
    return module
