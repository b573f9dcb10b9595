"""Vectors for compiled loops: what a loop says of one number is done for `LANES` numbers at once.

Numba leaves it to LLVM to find out what can be done side by side, and LLVM gives up where sums outlive the innermost
loop. These vectors say it outright. They live in registers; `load`, `row` and `column` take them from an array of
float32 with one dimension, `store` puts them back, and tuples of them are worked on as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import llvmlite.binding
import numba.types
from llvmlite import ir
from numba import extending
from numba.extending import models, register_model

# Numba describes its own types in part only.
types: Any = numba.types

LANES: Final = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers of a vector: one register of 512 bits, one of 256, or two of 128."""
ROW: Final = 4
"""Vectors of a `row`: what a kernel of width 3 meets at two places side by side."""
TAPS: Final = 3
"""Numbers of one row of a kernel."""
COLUMN: Final = 5
"""Vectors of a `column`: as many sums as stay in registers beside what is added to them."""

_FLOAT, _INDEX, _BYTE, _SIZE = ir.FloatType(), ir.IntType(32), ir.IntType(8), ir.IntType(64)
_VECTOR, _INDICES, _BYTES = (ir.VectorType(kind, LANES) for kind in (_FLOAT, _INDEX, _BYTE))
_ALIGNMENT: Final = {_VECTOR: 4, _BYTES: 1}
_ZEROS: Final = ir.Constant(_VECTOR, [0.0] * LANES)
_FUSED: Final = ("contract",)
"""Product and sum may be rounded once, by the processor's instruction for both."""


class _Lanes(numba.types.Type):
    """A vector of float32."""


class _Places(numba.types.Type):
    """For each lane which of four numbers was the largest, 0 to 3, or 4 where that one was not above zero."""


_lanes: Any = _Lanes("Lanes")
_places: Any = _Places("Places")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


@register_model(_Places)
class _PlacesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _BYTES)  # type: ignore[no-untyped-call]


class _Writer:
    """Writes LLVM's instructions for one call of a function below."""

    def __init__(self, context: Any, builder: Any, signature: Any) -> None:
        self._context, self.builder, self._signature = context, builder, signature

    def pointer(self, array: Any, at: Any, target: Any = None, argument: int = 0) -> Any:
        """Return where an element of the array that is this argument lies."""
        data = self._context.make_array(self._signature.args[argument])(self._context, self.builder, array).data
        place = self.builder.gep(data, [at], inbounds=True)
        return place if target is None else self.builder.bitcast(place, target.as_pointer())

    def load(self, array: Any, at: Any, step: Any = None, count: int = 1, vector: Any = _VECTOR) -> list[Any]:
        """Return vectors whose beginnings lie `step` apart."""
        found = []
        for number in range(count):
            at = self.builder.add(at, step) if number else at
            found.append(self.builder.load(self.pointer(array, at, vector)))
            found[-1].align = _ALIGNMENT[vector]
        return found

    def store(self, array: Any, at: Any, step: Any, vectors: list[Any]) -> Any:
        """Store vectors whose beginnings lie `step` apart."""
        for number, vector in enumerate(vectors):
            at = self.builder.add(at, step) if number else at
            place = self.pointer(array, at, vector.type)
            self.builder.store(vector, place).align = _ALIGNMENT[vector.type]
        return self._context.get_dummy_value()

    def fill(self, number: Any) -> Any:
        first = self.builder.insert_element(_ZEROS, number, _INDEX(0))
        return self.builder.shuffle_vector(first, _ZEROS, ir.Constant(_INDICES, [0] * LANES))

    def madd(self, a: Any, b: Any, c: Any) -> Any:
        return self.builder.fadd(self.builder.fmul(a, b, flags=_FUSED), c, flags=_FUSED)

    def total(self, vector: Any) -> Any:
        half = LANES // 2
        while half:
            turned = ir.Constant(_INDICES, [(lane + half) % LANES for lane in range(LANES)])
            vector = self.builder.fadd(vector, self.builder.shuffle_vector(vector, vector, turned))
            half //= 2
        return self.builder.extract_element(vector, _INDEX(0))

    def members(self, value: Any) -> list[Any]:
        """Return what a tuple holds."""
        return [self.builder.extract_value(value, number) for number in range(value.type.count)]

    def tuple(self, values: Iterable[Any], kind: Any = None) -> Any:
        return self._context.make_tuple(self.builder, kind or self._signature.return_type, list(values))


def intrinsic(function: Callable[..., Any]) -> Any:
    """Make a function of what returns its signature and what writes its code."""
    return extending.intrinsic(function)


def _code(signature: Any, write: Callable[..., Any]) -> tuple[Any, Callable[..., Any]]:
    """Return what Numba wants of an intrinsic: its signature, and what writes its code from the arguments' values."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return write(_Writer(context, builder, signature), *args)

    return signature, codegen


def _many(count: int) -> Any:
    return types.UniTuple(_lanes, count)


# Between arrays and registers --------------------------------------------------------------------------


@intrinsic
def load(_typing: Any, array: Any, at: Any) -> Any:
    """Return the vector that begins at an index."""
    return _code(_lanes(array, at), lambda w, array, at: w.load(array, at)[0])


@intrinsic
def row(_typing: Any, array: Any, at: Any) -> Any:
    """Return four vectors side by side."""
    return _code(_many(ROW)(array, at), lambda w, array, at: w.tuple(w.load(array, at, _SIZE(LANES), ROW)))


@intrinsic
def column(_typing: Any, array: Any, at: Any, step: Any) -> Any:
    """Return five vectors whose beginnings lie `step` apart."""
    return _code(
        _many(COLUMN)(array, at, types.intp),
        lambda w, array, at, step: w.tuple(w.load(array, at, step, COLUMN)),
    )


@intrinsic
def store(_typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Put a vector where an index says; a tuple's members side by side."""

    def write(w: _Writer, array: Any, at: Any, vector: Any) -> Any:
        return w.store(array, at, _SIZE(LANES), w.members(vector) if many else [vector])

    many = isinstance(vector, types.UniTuple)
    return _code(types.void(array, at, vector), write)


@intrinsic
def store_column(_typing: Any, array: Any, at: Any, step: Any, vectors: Any) -> Any:
    """Put a tuple's members `step` apart."""
    return _code(
        types.void(array, at, types.intp, vectors),
        lambda w, array, at, step, vectors: w.store(array, at, step, w.members(vectors)),
    )


@intrinsic
def load_places(_typing: Any, array: Any, at: Any) -> Any:
    """Return the places that begin at an index of an array of int8."""
    return _code(_places(array, at), lambda w, array, at: w.load(array, at, vector=_BYTES)[0])


@intrinsic
def pixels(_typing: Any, images: Any, starts: Any, at: Any) -> Any:
    """Return pixel `at` of the images that begin at `LANES` indices of an array of bytes, as numbers from 0 to 1."""

    def write(w: _Writer, images: Any, starts: Any, at: Any) -> Any:
        b = w.builder
        vector = ir.Constant(_BYTES, [0] * LANES)
        for lane in range(LANES):
            start = b.load(w.pointer(starts, _SIZE(lane), argument=1))
            pixel = b.load(w.pointer(images, b.add(start, at)))
            vector = b.insert_element(vector, pixel, _INDEX(lane))
        return b.fdiv(b.uitofp(vector, _VECTOR), ir.Constant(_VECTOR, [255.0] * LANES))

    return _code(_lanes(images, starts, types.intp), write)


@intrinsic
def fill(_typing: Any, number: Any) -> Any:
    """Return a vector of one number."""
    return _code(_lanes(types.float32), lambda w, number: w.fill(number))


def _fills(count: int) -> Any:
    def spread(_typing: Any, array: Any, at: Any) -> Any:
        def write(w: _Writer, array: Any, at: Any) -> Any:
            numbers = [w.builder.load(w.pointer(array, w.builder.add(at, _SIZE(n)))) for n in range(count)]
            return w.tuple(w.fill(number) for number in numbers)

        return _code(_many(count)(array, at), write)

    return intrinsic(spread)


taps: Final = _fills(TAPS)
"""`taps(array, at)`: three vectors, each filled with one number."""
factors: Final = _fills(COLUMN)
"""`factors(array, at)`: the same with five."""


# Arithmetic --------------------------------------------------------------------------------------------


@intrinsic
def plus(_typing: Any, a: Any, b: Any) -> Any:
    """Return `a + b`."""
    return _code(_lanes(a, b), lambda w, a, b: w.builder.fadd(a, b))


@intrinsic
def madd(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return `a * b + c`; where `a` is a tuple, for each of its members with its own `c`."""

    def write(w: _Writer, a: Any, b: Any, c: Any) -> Any:
        return w.tuple(w.madd(x, b, y) for x, y in zip(w.members(a), w.members(c), strict=True))

    if isinstance(a, types.UniTuple):
        return _code(a(a, b, c), write)
    return _code(_lanes(a, b, c), lambda w, a, b, c: w.madd(a, b, c))


@intrinsic
def dot(_typing: Any, a: Any, b: Any, c: Any) -> Any:
    """Return `c` plus the products of two tuples' members."""

    def write(w: _Writer, a: Any, b: Any, c: Any) -> Any:
        for x, y in zip(w.members(a), w.members(b), strict=True):
            c = w.madd(x, y, c)
        return c

    return _code(_lanes(a, b, c), write)


@intrinsic
def correlate(_typing: Any, x: Any, kernel: Any, sums: Any) -> Any:
    """Return `sums[i] + kernel[0] x[i] + kernel[1] x[i + 1] + ...` for each sum."""

    def write(w: _Writer, x: Any, kernel: Any, sums: Any) -> Any:
        x, kernel, sums = w.members(x), w.members(kernel), w.members(sums)
        for tap, weight in enumerate(kernel):
            sums = [w.madd(weight, x[place + tap], value) for place, value in enumerate(sums)]
        return w.tuple(sums)

    return _code(sums(x, kernel, sums), write)


@intrinsic
def total(_typing: Any, vector: Any) -> Any:
    """Return the sum of all lanes; of a tuple's members one by one, as a tuple."""
    if isinstance(vector, types.UniTuple):
        kind = types.UniTuple(types.float32, len(vector))
        return _code(kind(vector), lambda w, vector: w.tuple(w.total(member) for member in w.members(vector)))
    return _code(types.float32(vector), lambda w, vector: w.total(vector))


# Where a gradient goes ---------------------------------------------------------------------------------


@intrinsic
def rectified(_typing: Any, x: Any) -> Any:
    """Return `max(x, 0)` of a tuple's members; what is not a number stays so."""

    def write(w: _Writer, x: Any) -> Any:
        b = w.builder
        return w.tuple(b.select(b.fcmp_ordered("<=", member, _ZEROS), _ZEROS, member) for member in w.members(x))

    return _code(x(x), write)


@intrinsic
def where_positive(_typing: Any, x: Any, gradient: Any) -> Any:
    """Return the gradient where `x > 0`, else 0."""

    def write(w: _Writer, x: Any, gradient: Any) -> Any:
        return w.builder.select(w.builder.fcmp_ordered(">", x, _ZEROS), gradient, _ZEROS)

    return _code(_lanes(x, gradient), write)


@intrinsic
def pool(_typing: Any, upper: Any, lower: Any) -> Any:
    """Return the rectified maximum of two pairs, and its places; of equal numbers the first one counts."""

    def write(w: _Writer, upper: Any, lower: Any) -> Any:
        b = w.builder
        highest, *others = w.members(upper) + w.members(lower)
        place = ir.Constant(_INDICES, [0] * LANES)
        for number, other in enumerate(others, start=1):
            above = b.fcmp_ordered(">", other, highest)
            highest = b.select(above, other, highest)
            place = b.select(above, ir.Constant(_INDICES, [number] * LANES), place)
        off = b.fcmp_ordered("<=", highest, _ZEROS)
        place = b.select(off, ir.Constant(_INDICES, [ROW] * LANES), place)
        return w.tuple([b.select(off, _ZEROS, highest), b.trunc(place, _BYTES)])

    return _code(types.Tuple((_lanes, _places))(upper, lower), write)


@intrinsic
def unpool(_typing: Any, gradient: Any, places: Any) -> Any:
    """Return two pairs that hold the gradient at its place, else 0: what `pool` does, backwards."""

    def write(w: _Writer, gradient: Any, places: Any) -> Any:
        wide = w.builder.zext(places, _INDICES)
        at = [w.builder.icmp_signed("==", wide, ir.Constant(_INDICES, [n] * LANES)) for n in range(ROW)]
        spread = [w.builder.select(here, gradient, _ZEROS) for here in at]
        return w.tuple(w.tuple(spread[first : first + 2], _many(2)) for first in (0, 2))

    return _code(types.UniTuple(_many(2), 2)(gradient, places), write)
