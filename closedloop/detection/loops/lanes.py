"""Eight or sixteen channels side by side in one register, for kernels that numba compiles.

numba has no vector type of its own, and leaves it to the compiler to find out that these channels could share an
instruction; in a recursive filter it does so with the state in memory (1.7 times slower) or not at all (backwards: 8
times, measured). `Lanes` is such a type: a value holds one sample of `LANES` channels.
On a processor with narrower registers the compiler splits it; the multiplication and addition of `fma` is rounded once
everywhere, so that all processors give the same bits.
"""
# ruff: noqa: ARG001, PLR0917 - numba calls all of these with arguments of its own, by position

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.datamodel import models, register_default
from numba.extending import intrinsic

from closedloop.detection.loops.processor import has
from closedloop.detection.loops.tiles import LANES

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_WHOLES = ir.VectorType(ir.IntType(32), LANES)
_BITS = ir.IntType(LANES)
_PACKS_BY_TABLE = LANES == 8 and has("avx2")
TOGETHER = 4  # rows of `any_below`


# Rounds that turn `LANES` rows into columns. Each mixes two rows by one instruction: by fours, or singly within fours.
_SINGLY = (
    [n for four in range(0, LANES, 4) for n in (four, four + LANES, four + 1, four + 1 + LANES)],
    [n for four in range(0, LANES, 4) for n in (four + 2, four + 2 + LANES, four + 3, four + 3 + LANES)],
)
_BY_FOURS = (
    [first + n for first in range(0, 2 * LANES, 8) for n in range(4)],
    [first + n for first in range(4, 2 * LANES, 8) for n in range(4)],
)
_TURNS = ((2, *_SINGLY), (1, *_SINGLY), *((distance, *_BY_FOURS) for distance in (4, 8) if distance < LANES))


class LanesType(types.Type):
    """numba's name of the type."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = LanesType()


@register_default(LanesType)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _FLOATS)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: tuple[Any, ...]) -> Any:
    if array_type.layout != "C":
        raise TypeError(f"lanes are neighbours in memory: need a C-contiguous array, not {array_type}")
    view = context.make_array(array_type)(context, builder, array)
    shape, strides = cgutils.unpack_tuple(builder, view.shape), cgutils.unpack_tuple(builder, view.strides)
    return cgutils.get_item_pointer2(context, builder, view.data, shape, strides, array_type.layout, index)


def _row_address(context: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    """Find a row of an array whose rows have `LANES` elements: no strides, so that rows that are known cost nothing."""
    view = context.make_array(array_type)(context, builder, array)
    element = context.get_data_type(array_type.dtype)
    rows = builder.bitcast(view.data, ir.VectorType(element, LANES).as_pointer())
    return builder.gep(rows, [row])


def _load_row(typing: Any, rows: Any, row: Any) -> Any:
    """Read a row of float32 with `LANES` elements."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_row_address(context, builder, rows, *arguments), align=4)

    return lanes(rows, types.intp), code


def _store_row(typing: Any, rows: Any, row: Any, value: Any) -> Any:
    """Write a row of float32 with `LANES` elements."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _row_address(context, builder, rows, *arguments[:2]), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.intp, lanes), code


def _load(typing: Any, rows: Any, row: Any, column: Any) -> Any:
    """Read `LANES` neighbours of a row, int16 or float32, as floats."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_data_type(rows.dtype)
        at = _address(context, builder, rows, arguments[0], tuple(arguments[1:]))
        pointer = builder.bitcast(at, ir.VectorType(element, LANES).as_pointer())
        values = builder.load(pointer, align=rows.dtype.bitwidth // 8)
        return builder.sitofp(values, _FLOATS) if isinstance(rows.dtype, types.Integer) else values

    return lanes(rows, types.intp, types.intp), code


def _store(typing: Any, rows: Any, row: Any, column: Any, value: Any) -> Any:
    """Write `LANES` neighbours of a row of float32."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = _address(context, builder, rows, arguments[0], tuple(arguments[1:3]))
        builder.store(arguments[3], builder.bitcast(at, _FLOATS.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.intp, types.intp, lanes), code


def _splat(typing: Any, number: Any) -> Any:
    """Return all channels the same number."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _spread(builder, arguments[0], _FLOATS)

    return lanes(types.float32), code


def _fma(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        return builder.call(fused, arguments)

    return lanes(lanes, lanes, lanes), code


def _plus(typing: Any, a: Any, b: Any) -> Any:
    """Return a + b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(*arguments)

    return lanes(lanes, lanes), code


def _fused_minus(typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b - c, rounded once."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS] * 3)
        fused = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{LANES}f32")
        a, b, c = arguments
        return builder.call(fused, [a, b, builder.fneg(c)])

    return lanes(lanes, lanes, lanes), code


def _magnitude(typing: Any, value: Any) -> Any:
    """Return |value|."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(_FLOATS, [_FLOATS])
        absolute = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fabs.v{LANES}f32")
        return builder.call(absolute, arguments)

    return lanes(lanes), code


def _below(typing: Any, a: Any, b: Any) -> Any:
    """Return a bit for each channel: a < b."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered("<", *arguments), _BITS)
        return builder.zext(bits, ir.IntType(32))

    return types.uint32(lanes, lanes), code


def _any_below(typing: Any, rows: Any, row: Any, limit: Any) -> Any:
    """Return whether anything in `TOGETHER` rows of float32 is below a limit, channel by channel."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = None
        for n in range(TOGETHER):
            place = builder.add(arguments[1], ir.Constant(ir.IntType(64), n))
            values = builder.load(_row_address(context, builder, rows, arguments[0], place), align=4)
            own = builder.fcmp_ordered("<", values, arguments[2])
            found = own if found is None else builder.or_(found, own)
        return builder.icmp_unsigned("!=", builder.bitcast(found, _BITS), ir.Constant(_BITS, 0))

    return types.boolean(rows, types.intp, lanes), code


def _one_more_where_below(typing: Any, count: Any, a: Any, b: Any) -> Any:
    """Count, channel by channel, how often a < b; right up to 16 million."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        count, a, b = arguments
        one, zero = (ir.Constant(_FLOATS, [number] * LANES) for number in (1.0, 0.0))
        return builder.fadd(count, builder.select(builder.fcmp_ordered("<", a, b), one, zero))

    return lanes(lanes, lanes, lanes), code


def _store_excess(typing: Any, rows: Any, row: Any, value: Any, low: Any) -> Any:
    """Write, as uint32, how many steps of float32 |value| lies above `low`, which is positive; below it, far more.

    The bits of positive floats, taken for whole numbers, are in the floats' order.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, low = (builder.bitcast(argument, _WHOLES) for argument in arguments[2:])
        size = builder.and_(value, ir.Constant(_WHOLES, [0x7FFFFFFF] * LANES))
        builder.store(builder.sub(size, low), _row_address(context, builder, rows, *arguments[:2]), align=4)
        return context.get_dummy_value()

    return types.void(rows, types.intp, lanes, lanes), code


def _keep_less(typing: Any, source: Any, row: Any, limits: Any, target: Any, counts: Any) -> Any:
    """Append, for each column of `LANES` rows of uint32, what is below its limit to a row of another array.

    `limits` and `counts` have shape (LANES,), `target` (LANES, n); a count says where to go on and is moved on.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rows = []
        for n in range(LANES):
            row = builder.add(arguments[1], ir.Constant(ir.IntType(64), n))
            rows.append(builder.load(_row_address(context, builder, source, arguments[0], row), align=4))
        for distance, low, high in _TURNS:
            rows = _mix_pairs(builder, rows, distance, low, high)
        for n, column in enumerate(rows):
            place = ir.Constant(ir.IntType(64), n)
            limit = builder.load(_address(context, builder, limits, arguments[2], (place,)))
            count_at = _address(context, builder, counts, arguments[4], (place,))
            count = builder.load(count_at)
            below = builder.icmp_unsigned("<", column, _spread(builder, limit, _WHOLES))
            target_at = _address(context, builder, target, arguments[3], (place, count))
            _store_together(builder, column, target_at, below)
            n_below = builder.zext(builder.ctpop(builder.bitcast(below, _BITS)), ir.IntType(64))
            builder.store(builder.add(count, n_below), count_at)
        return context.get_dummy_value()

    return types.void(source, types.intp, limits, target, counts), code


def _store_together(builder: Any, values: Any, at: Any, chosen: Any) -> None:
    """Store the chosen values one after the other."""
    if _PACKS_BY_TABLE:
        _store_by_table(builder, values, at, chosen)
        return
    kind = ir.FunctionType(ir.VoidType(), [values.type, at.type, chosen.type])
    name = f"llvm.masked.compressstore.v{LANES}i32"
    builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [values, at, chosen])


def _store_by_table(builder: Any, values: Any, at: Any, chosen: Any) -> None:
    table = _order_of_chosen(builder.module)
    bits = builder.zext(builder.bitcast(chosen, _BITS), ir.IntType(64))
    order = builder.load(builder.gep(table, [ir.Constant(ir.IntType(32), 0), bits]), align=8)
    places = builder.zext(builder.bitcast(order, ir.VectorType(ir.IntType(8), LANES)), _WHOLES)
    kind = ir.FunctionType(_WHOLES, [_WHOLES, _WHOLES])
    move = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx2.permd")
    packed = builder.call(move, [values, places])
    builder.store(packed, builder.bitcast(at, _WHOLES.as_pointer()), align=4)


def _order_of_chosen(module: Any) -> Any:
    name = "order_of_chosen"
    if name in module.globals:
        return module.globals[name]
    kind = ir.ArrayType(ir.IntType(64), 1 << LANES)
    table = ir.GlobalVariable(module, kind, name)
    table.global_constant, table.linkage = True, "internal"
    table.initializer = ir.Constant(
        kind,
        [
            sum(lane << 8 * place for place, lane in enumerate([n for n in range(LANES) if bits >> n & 1]))
            for bits in range(1 << LANES)
        ],
    )
    return table


def _spread(builder: Any, number: Any, kind: Any) -> Any:
    """Return all channels the same number."""
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(_WHOLES, [0] * LANES))


def _mix_pairs(builder: Any, rows: list[Any], distance: int, low: list[int], high: list[int]) -> list[Any]:
    """Mix each two rows that stand so far apart; of a pair, the low mixture comes first."""
    mixed = list(rows)
    for n in range(LANES):
        if not n & distance:
            pair = rows[n], rows[n + distance]
            for place, order in ((n, low), (n + distance, high)):
                mixed[place] = builder.shuffle_vector(*pair, ir.Constant(_WHOLES, order))
    return mixed


def _first_bit(typing: Any, bits: Any) -> Any:
    """Return the place of the lowest bit that is set."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))
        return builder.zext(place, ir.IntType(64))

    return types.intp(types.uint32), code


def _channel_of(typing: Any, value: Any, place: Any) -> Any:
    """Return one channel's number."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.extract_element(*arguments)

    return types.float32(lanes, types.intp), code


# numba's own type of an intrinsic has another number of arguments for mypy than for its callers.
load: Any = intrinsic(_load)
load_row: Any = intrinsic(_load_row)
store_row: Any = intrinsic(_store_row)
store: Any = intrinsic(_store)
splat: Any = intrinsic(_splat)
fma: Any = intrinsic(_fma)
fused_minus: Any = intrinsic(_fused_minus)
plus: Any = intrinsic(_plus)
magnitude: Any = intrinsic(_magnitude)
below: Any = intrinsic(_below)
any_below: Any = intrinsic(_any_below)
keep_less: Any = intrinsic(_keep_less)
store_excess: Any = intrinsic(_store_excess)
one_more_where_below: Any = intrinsic(_one_more_where_below)
first_bit: Any = intrinsic(_first_bit)
channel_of: Any = intrinsic(_channel_of)
