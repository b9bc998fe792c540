"""Counting ones in up to eight 64-bit words at once, as LLVM code: any processor gets what it has for that.

Where it has no instruction that counts ones in vectors of words (before AVX-512 VPOPCNTDQ), those of many words are
added up bit by bit first (carry-save adders, Harley and Seal), so that fewer words are counted.

The loops take addresses: rows are ``stride`` bytes apart, at any address. Arguments in capitals are literals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8
WORD = 8
"""Bytes of a word."""
LINE = LANES * WORD
"""Bytes of a vector, and of what memory is fetched in."""
AHEAD = 4096
"""Bytes ahead of a scan that are asked for: from .7 to .9 of the memory's speed on one core."""

_word, _index, _short = ir.IntType(64), ir.IntType(64), ir.IntType(32)
_eight = ir.VectorType(_word, LANES)
_function: Callable[..., Any] = cgutils.get_or_insert_function
_variable: Callable[..., Any] = cgutils.alloca_once_value
_Generated = tuple[Any, Callable[..., Any]]


def _at(builder: Any, address: Any, offset: Any, kind: Any) -> Any:
    return builder.inttoptr(builder.add(address, offset), kind.as_pointer())


def _load(builder: Any, address: Any, offset: Any, kind: Any = _eight) -> Any:
    return builder.load(_at(builder, address, offset, kind), align=1, typ=kind)


def _vectors(builder: Any, address: Any, words: int) -> list[Any]:
    """What lies at an address: eight words a vector, or all of 4, 2 or 1."""
    kind = ir.VectorType(_word, min(words, LANES)) if words > 1 else _word
    return [_load(builder, address, _index(part), kind) for part in range(0, words * WORD, LINE)]


def _name(kind: Any) -> str:
    return f"v{kind.count}i64" if isinstance(kind, ir.VectorType) else "i64"


def _ones(builder: Any, value: Any) -> Any:
    kind = ir.FunctionType(value.type, [value.type])
    return builder.call(_function(builder.module, kind, f"llvm.ctpop.{_name(value.type)}"), [value])


def _reduced(builder: Any, how: str, vector: Any) -> Any:
    if vector.type == _word:
        return vector
    kind = ir.FunctionType(_word, [vector.type])
    return builder.call(_function(builder.module, kind, f"llvm.vector.reduce.{how}.{_name(vector.type)}"), [vector])


def _spread(builder: Any, word: Any) -> Any:
    first = builder.insert_element(ir.Constant(_eight, ir.Undefined), word, _short(0))
    zeros = ir.Constant(ir.VectorType(_short, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_eight, ir.Undefined), zeros)


def _all(kind: Any, value: int) -> Any:
    return ir.Constant(kind, [value] * kind.count) if isinstance(kind, ir.VectorType) else ir.Constant(kind, value)


def _added(builder: Any, terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = builder.add(total, term)
    return total


def counts_vectors(context: Any) -> bool:
    """Whether the processor that code is made for counts ones in vectors of words."""
    return "+avx512vpopcntdq" in context.codegen().magic_tuple()[2]


def _total(context: Any, builder: Any, level: list[Any]) -> Any:
    """Ones in all of these vectors, lane by lane."""
    if counts_vectors(context) or len(level) < 3:
        return _added(builder, [_ones(builder, word) for word in level])
    terms: list[Any] = []
    while level:
        carries = []
        while len(level) >= 3:
            one, two, three, *level = level
            either = builder.xor(one, two)
            level.append(builder.xor(either, three))
            carries.append(builder.or_(builder.and_(one, two), builder.and_(either, three)))
        counted = _added(builder, [_ones(builder, word) for word in level])
        terms.append(builder.shl(counted, _all(counted.type, len(terms))))
        level = carries
    return _added(builder, terms)


def _ask_for(builder: Any, row: Any, words: int) -> None:
    """Have memory fetched that a scan, now at the address ``row``, needs soon; beyond its end nothing happens."""
    for part in range(0, words * WORD, LINE):
        place = _at(builder, row, _index(AHEAD + part), ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [place.type, _short, _short, _short])
        builder.call(_function(builder.module, kind, "llvm.prefetch.p0i8"), [place, _short(0), _short(3), _short(1)])


def _literals(*kinds: Any) -> bool:
    return all(isinstance(kind, types.IntegerLiteral) for kind in kinds)


def _typed_popcount(_context: Any, _word: Any) -> _Generated:
    """Ones in a 64-bit word."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _ones(builder, arguments[0])

    return types.int64(types.uint64), generate


def _typed_transpose(_context: Any, _rows: Any, _stride: Any, _columns: Any, _column_stride: Any) -> _Generated:
    """Eight words of each of eight rows → eight rows' words of each of eight columns."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, stride, target, target_stride = arguments
        starts = [builder.add(source, builder.mul(stride, _index(row))) for row in range(LANES)]
        rows = [_load(builder, start, _index(0)) for start in starts]
        for start in starts:
            _ask_for(builder, start, LANES)
        for distance in (1, 2, 4):
            low = [lane if not lane & distance else lane - distance + LANES for lane in range(LANES)]
            high = [lane + distance if not lane & distance else lane + LANES for lane in range(LANES)]
            for row in range(LANES):
                if not row & distance:
                    pair = rows[row], rows[row + distance]
                    for place, mask in ((row, low), (row + distance, high)):
                        chosen = ir.Constant(ir.VectorType(_short, LANES), mask)
                        rows[place] = builder.shuffle_vector(*pair, chosen)
        for column, value in enumerate(rows):
            place = builder.mul(target_stride, _index(column))
            builder.store(value, _at(builder, target, place, _eight), align=1)
        return _index(0)

    return types.int64(types.intp, types.intp, types.intp, types.intp), generate


def _typed_row_distances(
    _context: Any, _rows: Any, _stride: Any, _query: Any, _totals: Any, _count: Any, WORDS: Any
) -> _Generated | None:
    """Add to ``totals`` (rows,) uint64 the bits in which WORDS (1, 2, 4, 8, 16) words of ``count`` rows differ from a
    query's."""
    if not _literals(WORDS):
        return None

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, stride, query, totals, count, _ = arguments
        asked = _vectors(builder, query, WORDS.literal_value)
        with cgutils.for_range(builder, count) as loop:
            row = builder.add(rows, builder.mul(loop.index, stride))
            _ask_for(builder, row, WORDS.literal_value)
            there = _vectors(builder, row, WORDS.literal_value)
            differing = [builder.xor(one, other) for one, other in zip(there, asked, strict=True)]
            total = _reduced(builder, "add", _total(context, builder, differing))
            _put(builder, totals, builder.mul(loop.index, _index(WORD)), total, False)
        return _index(0)

    return types.int64(*[types.intp] * 5, WORDS), generate


def _put(builder: Any, totals: Any, offset: Any, total: Any, fresh: bool) -> Any:
    place = _at(builder, totals, offset, total.type)
    if not fresh:
        total = builder.add(total, builder.load(place, align=1, typ=total.type))
    builder.store(total, place, align=1)
    return total


def _typed_column_distances(
    _context: Any, _columns: Any, _stride: Any, _query: Any, _totals: Any, _count: Any, WORDS: Any, FRESH: Any
) -> _Generated | None:
    """The same where WORDS columns, ``stride`` bytes apart, hold one word of ``count`` (a multiple of 8) rows each.

    With FRESH (1) totals are written, not added to. Returns the least of them.
    """
    if not _literals(WORDS, FRESH):
        return None

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        columns, stride, query, totals, count, _, _ = arguments
        numbers = range(WORDS.literal_value)
        asked = [_spread(builder, _load(builder, query, _index(WORD * number), _word)) for number in numbers]
        starts = [builder.add(columns, builder.mul(stride, _index(number))) for number in numbers]
        least = _variable(builder, _all(_eight, 2**63 - 1))
        with cgutils.for_range(builder, builder.udiv(count, _index(LANES))) as loop:
            offset = builder.mul(loop.index, _index(LINE))
            there = [_load(builder, start, offset) for start in starts]
            differing = [builder.xor(one, other) for one, other in zip(there, asked, strict=True)]
            total = _put(builder, totals, offset, _total(context, builder, differing), bool(FRESH.literal_value))
            known = builder.load(least)
            builder.store(builder.select(builder.icmp_unsigned("<", total, known), total, known), least)
        return _reduced(builder, "umin", builder.load(least))

    return types.int64(*[types.intp] * 5, WORDS, FRESH), generate


def _typed_row_weights(
    _context: Any, _rows: Any, _stride: Any, _mirror: Any, _planes: Any, _plane_stride: Any, _plane_count: Any,
    _factor: Any, _totals: Any, _count: Any, WORDS: Any,
) -> _Generated | None:
    """Add to ``totals`` (rows,) int64: factor · Σ 2^p · ones((row ^ mirror) & plane p), of WORDS words of each row.

    Planes lie ``plane_stride`` bytes apart, that of the highest weight first.
    """
    if not _literals(WORDS):
        return None

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rows, stride, mirror, planes, plane_stride, plane_count, factor, totals, count, _ = arguments
        words = WORDS.literal_value
        turned = _vectors(builder, mirror, words)
        total = _variable(builder, _all(turned[0].type, 0))
        with cgutils.for_range(builder, count) as loop:
            row = builder.add(rows, builder.mul(loop.index, stride))
            _ask_for(builder, row, words)
            seen = [builder.xor(*pair) for pair in zip(_vectors(builder, row, words), turned, strict=True)]
            builder.store(_all(turned[0].type, 0), total)
            with cgutils.for_range(builder, plane_count) as inner:
                plane = _vectors(builder, builder.add(planes, builder.mul(inner.index, plane_stride)), words)
                terms = [_ones(builder, builder.and_(*pair)) for pair in zip(seen, plane, strict=True)]
                before = builder.load(total)
                builder.store(_added(builder, [before, before, *terms]), total)
            weighed = builder.mul(factor, _reduced(builder, "add", builder.load(total)))
            _put(builder, totals, builder.mul(loop.index, _index(WORD)), weighed, False)
        return _index(0)

    return types.int64(*[types.intp] * 9, WORDS), generate


popcount: Callable[..., Any] = intrinsic(_typed_popcount)
transpose: Callable[..., Any] = intrinsic(_typed_transpose)
row_distances: Callable[..., Any] = intrinsic(prefer_literal=True)(_typed_row_distances)
column_distances: Callable[..., Any] = intrinsic(prefer_literal=True)(_typed_column_distances)
row_weights: Callable[..., Any] = intrinsic(prefer_literal=True)(_typed_row_weights)
