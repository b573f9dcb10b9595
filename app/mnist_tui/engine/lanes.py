"""SIMD vectors for compiled loops: each operation works on `LANES` numbers in parallel.

Numba relies on LLVM's auto-vectorizer, which gives up if sums outlive the innermost loop. These vectors are explicit.
They live in registers; `load`, `row` and `column` read them from a one-dimensional float32 array, `store` writes them
back, and many operations also accept a tuple of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import llvmlite.binding
import numba.types
from llvmlite import ir
from numba import extending
from numba.extending import models, register_model

# Numba's own type hints are incomplete.
types: Any = numba.types

LANES: Final = 16 if llvmlite.binding.get_host_cpu_features().get("avx512f") else 8
"""Numbers of a vector: one register of 512 bits, one of 256, or two of 128."""
ROW: Final = 4
"""Vectors in a `row`: what a kernel of width 3 covers at two adjacent positions."""
TAPS: Final = 3
"""Weights in one row of a kernel."""
COLUMN: Final = 5
"""Vectors in a `column`: as many sums as fit in registers together with their operands."""

_FLOAT, _INDEX, _BYTE, _SIZE = ir.FloatType(), ir.IntType(32), ir.IntType(8), ir.IntType(64)
_VECTOR, _INDICES, _BYTES = (ir.VectorType(kind, LANES) for kind in (_FLOAT, _INDEX, _BYTE))
_ALIGNMENT: Final = {_VECTOR: 4, _BYTES: 1}
_ZEROS: Final = ir.Constant(_VECTOR, [0.0] * LANES)
_FUSED: Final = ("contract",)
"""Allows a fused multiply-add, which rounds only once."""


class _Lanes(numba.types.Type):
    """A vector of float32."""


class _Places(numba.types.Type):
    """For each lane, which of four numbers was the largest, 0 to 3, or 4 if it was not above zero."""


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
    """Emits LLVM instructions for one call of an intrinsic below."""

    def __init__(self, context: Any, builder: Any, signature: Any) -> None:
        self._context, self.builder, self._signature = context, builder, signature

    def pointer(self, array: Any, at: Any, target: Any = None, argument: int = 0) -> Any:
        """Return a pointer to an element of an array, which is argument number `argument`."""
        data = self._context.make_array(self._signature.args[argument])(self._context, self.builder, array).data
        place = self.builder.gep(data, [at], inbounds=True)
        return place if target is None else self.builder.bitcast(place, target.as_pointer())

    def load(self, array: Any, at: Any, step: Any = None, count: int = 1, vector: Any = _VECTOR) -> list[Any]:
        """Load `count` vectors that start `step` elements apart."""
        found = []
        for number in range(count):
            at = self.builder.add(at, step) if number else at
            found.append(self.builder.load(self.pointer(array, at, vector)))
            found[-1].align = _ALIGNMENT[vector]
        return found

    def store(self, array: Any, at: Any, step: Any, vectors: list[Any]) -> Any:
        """Store vectors that start `step` elements apart."""
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
        """Return the members of a tuple."""
        return [self.builder.extract_value(value, number) for number in range(value.type.count)]

    def tuple(self, values: Iterable[Any], kind: Any = None) -> Any:
        return self._context.make_tuple(self.builder, kind or self._signature.return_type, list(values))


def intrinsic(function: Callable[..., Any]) -> Any:
    """Declare an intrinsic from a function that returns its signature and its code generator."""
    return extending.intrinsic(function)


def _code(signature: Any, write: Callable[..., Any]) -> tuple[Any, Callable[..., Any]]:
    """Return what Numba expects of an intrinsic: its signature, and a code generator that gets the argument values."""

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
    """Return four adjacent vectors, starting at an index."""
    return _code(_many(ROW)(array, at), lambda w, array, at: w.tuple(w.load(array, at, _SIZE(LANES), ROW)))


@intrinsic
def column(_typing: Any, array: Any, at: Any, step: Any) -> Any:
    """Return five vectors that start `step` elements apart."""
    return _code(
        _many(COLUMN)(array, at, types.intp),
        lambda w, array, at, step: w.tuple(w.load(array, at, step, COLUMN)),
    )


@intrinsic
def store(_typing: Any, array: Any, at: Any, vector: Any) -> Any:
    """Store a vector at an index; the members of a tuple next to each other."""

    def write(w: _Writer, array: Any, at: Any, vector: Any) -> Any:
        return w.store(array, at, _SIZE(LANES), w.members(vector) if many else [vector])

    many = isinstance(vector, types.UniTuple)
    return _code(types.void(array, at, vector), write)


@intrinsic
def store_column(_typing: Any, array: Any, at: Any, step: Any, vectors: Any) -> Any:
    """Store the members of a tuple `step` elements apart."""
    return _code(
        types.void(array, at, types.intp, vectors),
        lambda w, array, at, step, vectors: w.store(array, at, step, w.members(vectors)),
    )


@intrinsic
def load_places(_typing: Any, array: Any, at: Any) -> Any:
    """Return the places that start at an index of an int8 array."""
    return _code(_places(array, at), lambda w, array, at: w.load(array, at, vector=_BYTES)[0])


@intrinsic
def pixels(_typing: Any, images: Any, starts: Any, at: Any) -> Any:
    """Return pixel `at` of the `LANES` images that start at given offsets of a byte array, scaled to [0, 1]."""

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
    """Return a vector filled with one number."""
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
    """Return `c` plus the sum of the products of two tuples' members."""

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
    """Return the sum of all lanes; for a tuple, a tuple with the sum of each member."""
    if isinstance(vector, types.UniTuple):
        kind = types.UniTuple(types.float32, len(vector))
        return _code(kind(vector), lambda w, vector: w.tuple(w.total(member) for member in w.members(vector)))
    return _code(types.float32(vector), lambda w, vector: w.total(vector))


# ReLU and pooling, with their gradients -----------------------------------------------------------------


@intrinsic
def rectified(_typing: Any, x: Any) -> Any:
    """Return `max(x, 0)` of a tuple's members; NaN stays NaN."""

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
    """Return the maximum of two pairs after ReLU, and its places; among equal numbers, the first one counts."""

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
    """Return two pairs with the gradient at its place and 0 elsewhere: the backward pass of `pool`."""

    def write(w: _Writer, gradient: Any, places: Any) -> Any:
        wide = w.builder.zext(places, _INDICES)
        at = [w.builder.icmp_signed("==", wide, ir.Constant(_INDICES, [n] * LANES)) for n in range(ROW)]
        spread = [w.builder.select(here, gradient, _ZEROS) for here in at]
        return w.tuple(w.tuple(spread[first : first + 2], _many(2)) for first in (0, 2))

    return _code(types.UniTuple(_many(2), 2)(gradient, places), write)
