"""Instructions on eight 64-bit words at once, as LLVM code: any processor gets what it has for them.

Where it has no instruction that counts ones in words (before AVX-512 VPOPCNTDQ), counts of many words are added up bit
by bit first (carry-save adders, Harley and Seal), so that fewer are counted.
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
VECTOR_BYTES = LANES * WORD
PREFETCH = 4096
"""Bytes ahead of a scan that are asked for: from .7 to .9 of the memory's speed on one core."""

_word, _index, _short = ir.IntType(64), ir.IntType(64), ir.IntType(32)
_vector = ir.VectorType(_word, LANES)
_function: Callable[..., Any] = cgutils.get_or_insert_function


def _at(builder: Any, address: Any, offset: Any, kind: Any) -> Any:
    place = builder.add(address, offset if isinstance(offset, ir.Value) else _index(offset))
    return builder.inttoptr(place, kind.as_pointer())


def _load(builder: Any, address: Any, offset: Any = 0) -> Any:
    return builder.load(_at(builder, address, offset, _vector), align=1, typ=_vector)


def _ones(builder: Any, value: Any) -> Any:
    name = f"llvm.ctpop.v{LANES}i64" if value.type == _vector else "llvm.ctpop.i64"
    return builder.call(_function(builder.module, ir.FunctionType(value.type, [value.type]), name), [value])


def _sum(builder: Any, vector: Any) -> Any:
    kind = ir.FunctionType(_word, [_vector])
    return builder.call(_function(builder.module, kind, f"llvm.vector.reduce.add.v{LANES}i64"), [vector])


def _spread(builder: Any, word: Any) -> Any:
    first = builder.insert_element(ir.Constant(_vector, ir.Undefined), word, _short(0))
    zeros = ir.Constant(ir.VectorType(_short, LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(_vector, ir.Undefined), zeros)


def counts_words(context: Any) -> bool:
    """Whether the processor that code is made for counts ones in vectors of words."""
    return "+avx512vpopcntdq" in context.codegen().magic_tuple()[2]


def _added(builder: Any, terms: Sequence[Any]) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = builder.add(total, term)
    return total


def _total(context: Any, builder: Any, words: list[Any]) -> Any:
    """Ones in all of ``words``, lane by lane."""
    if counts_words(context) or len(words) < 3:
        return _added(builder, [_ones(builder, word) for word in words])
    terms, weight, level = [], 0, words
    while level:
        carries = []
        while len(level) >= 3:
            one, two, three, *level = level
            either = builder.xor(one, two)
            level.append(builder.xor(either, three))
            carries.append(builder.or_(builder.and_(one, two), builder.and_(either, three)))
        counted = _added(builder, [_ones(builder, word) for word in level])
        terms.append(builder.shl(counted, ir.Constant(_vector, [weight] * LANES)) if weight else counted)
        level, weight = carries, weight + 1
    return _added(builder, terms)


def _typed_popcount(_context: Any, _value: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _ones(builder, arguments[0])

    return types.int64(types.uint64), generate


def _typed_load_word(_context: Any, _address: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.load(_at(builder, arguments[0], 0, _word), align=1, typ=_word)

    return types.uint64(types.intp), generate


def _typed_prefetch(_context: Any, _address: Any) -> tuple[Any, Callable[..., Any]]:
    """Ask for the 64 bytes PREFETCH behind an address; beyond the end of memory nothing happens."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        place = _at(builder, arguments[0], PREFETCH, ir.IntType(8))
        kind = ir.FunctionType(ir.VoidType(), [place.type, _short, _short, _short])
        builder.call(_function(builder.module, kind, "llvm.prefetch.p0i8"), [place, _short(0), _short(3), _short(1)])
        return _index(0)

    return types.int64(types.intp), generate


def _typed_transpose(
    _context: Any, _rows: Any, _row_stride: Any, _columns: Any, _column_stride: Any
) -> tuple[Any, Callable[..., Any]]:
    """Eight words of each of eight rows → eight rows' words of each of eight columns; strides in bytes."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        source, source_stride, target, target_stride = arguments
        rows = [_load(builder, source, builder.mul(source_stride, _index(row))) for row in range(LANES)]
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
            builder.store(value, _at(builder, target, place, _vector), align=1)
        return _index(0)

    return types.int64(types.intp, types.intp, types.intp, types.intp), generate


def _typed_row_distance(_context: Any, _one: Any, _other: Any, vectors: Any) -> Any:
    """Differing bits of 8 · ``vectors`` (literal) words at two addresses."""
    if not isinstance(vectors, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        one, other, _ = arguments
        parts = range(0, vectors.literal_value * VECTOR_BYTES, VECTOR_BYTES)
        differing = [builder.xor(_load(builder, one, part), _load(builder, other, part)) for part in parts]
        return _sum(builder, _total(context, builder, differing))

    return types.int64(types.intp, types.intp, vectors), generate


def _typed_row_weight(
    _context: Any, _row: Any, _mirror: Any, _planes: Any, _stride: Any, _count: Any, vectors: Any
) -> Any:
    """Σ over planes p of 2^p · ones((row ^ mirror) & plane p), of 8 · ``vectors`` (literal) words.

    Planes lie ``stride`` bytes apart, that of the highest weight first.
    """
    if not isinstance(vectors, types.IntegerLiteral):
        return None

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        row, mirror, planes, stride, count, _ = arguments
        parts = range(0, vectors.literal_value * VECTOR_BYTES, VECTOR_BYTES)
        seen = [builder.xor(_load(builder, row, part), _load(builder, mirror, part)) for part in parts]
        before = builder.block
        loop, after = builder.append_basic_block("planes"), builder.append_basic_block("weighed")
        zeros = ir.Constant(_vector, [0] * LANES)
        builder.cbranch(builder.icmp_signed(">", count, _index(0)), loop, after)
        builder.position_at_end(loop)
        done, total, plane = builder.phi(_index), builder.phi(_vector), builder.phi(_index)
        terms = [_ones(builder, builder.and_(word, _load(builder, plane, part)))
                 for word, part in zip(seen, parts, strict=True)]
        doubled = builder.add(builder.add(total, total), _added(builder, terms))
        following = builder.add(done, _index(1))
        for value, first, further in (
            (done, _index(0), following), (total, zeros, doubled), (plane, planes, builder.add(plane, stride))
        ):
            value.add_incoming(first, before)
            value.add_incoming(further, loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)
        builder.position_at_end(after)
        result = builder.phi(_vector)
        result.add_incoming(zeros, before)
        result.add_incoming(doubled, loop)
        return _sum(builder, result)

    return types.int64(types.intp, types.intp, types.intp, types.intp, types.intp, vectors), generate


def _typed_column_distances(
    _context: Any, _columns: Any, _stride: Any, _query: Any, _totals: Any, _rows: Any, words: Any, fresh: Any
) -> Any:
    """Differing bits of a query's ``words`` (literal) with those of ``rows`` (> 0, a multiple of 8) rows.

    ``columns``: address of the rows' words, one column of them every ``stride`` bytes. Written to ``totals`` (rows,)
    if ``fresh`` (literal 1), else added. Returns the least of the totals.
    """
    if not isinstance(words, types.IntegerLiteral) or not isinstance(fresh, types.IntegerLiteral):
        return None

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        columns, stride, query, totals, rows, _, _ = arguments
        asked = []
        for number in range(words.literal_value):
            place = _at(builder, query, WORD * number, _word)
            asked.append(_spread(builder, builder.load(place, align=1, typ=_word)))
        starts = [builder.add(columns, builder.mul(stride, _index(number))) for number in range(len(asked))]
        end = builder.mul(rows, _index(WORD))
        before, loop, after = builder.block, builder.append_basic_block("rows"), builder.append_basic_block("counted")
        builder.branch(loop)
        builder.position_at_end(loop)
        offset, least = builder.phi(_index), builder.phi(_vector)
        words_there = [_load(builder, start, offset) for start in starts]
        differing = [builder.xor(word, one) for word, one in zip(words_there, asked, strict=True)]
        total = _total(context, builder, differing)
        place = _at(builder, totals, offset, _vector)
        if not fresh.literal_value:
            total = builder.add(total, builder.load(place, align=1, typ=_vector))
        builder.store(total, place, align=1)
        smaller = builder.select(builder.icmp_unsigned("<", total, least), total, least)
        following = builder.add(offset, _index(VECTOR_BYTES))
        offset.add_incoming(_index(0), before)
        offset.add_incoming(following, loop)
        least.add_incoming(ir.Constant(_vector, [2**64 - 1] * LANES), before)
        least.add_incoming(smaller, loop)
        builder.cbranch(builder.icmp_signed("<", following, end), loop, after)
        builder.position_at_end(after)
        kind = ir.FunctionType(_word, [_vector])
        return builder.call(_function(builder.module, kind, f"llvm.vector.reduce.umin.v{LANES}i64"), [smaller])

    return types.int64(types.intp, types.intp, types.intp, types.intp, types.intp, words, fresh), generate


popcount: Callable[..., Any] = intrinsic(_typed_popcount)
load_word: Callable[..., Any] = intrinsic(_typed_load_word)
prefetch: Callable[..., Any] = intrinsic(_typed_prefetch)
transpose: Callable[..., Any] = intrinsic(_typed_transpose)
row_distance: Callable[..., Any] = intrinsic(prefer_literal=True)(_typed_row_distance)
row_weight: Callable[..., Any] = intrinsic(prefer_literal=True)(_typed_row_weight)
column_distances: Callable[..., Any] = intrinsic(prefer_literal=True)(_typed_column_distances)
