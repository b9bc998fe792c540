"""The operation evaluaterecall: embeddings → what every compression finds of their true neighbours, as a report."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from .. import provenance
from ..compression.code_table import Read, read_vectors
from ..compression.recipe import ALL, Codec, Recipe, preset
from ..embeddings.source import ALPHAEARTH
from ..errors import InputError
from ..operations import Request, Result
from ..outputs import require_folder, whole_or_nothing
from ..progress import Progress
from .recall import Searched, Truth, search
from .recall_report import Findings, report_page, sentence, write_figures
from .rerank_curve import Point, curve

PRESETS = ("automatic", "int8", "turbo4", "pca64", "binary")
USUAL = ("float16", "int8", "int4", "int3", "int2", "ternary", "binary-zero", "binary-median", "turbo8", "turbo4",
         "turbo3", "turbo2")
PQ_ROWS, PQ_WIDTH = 512, 8
ITQ_DIMENSIONS = 256
"""Up to which rotations of bits are learned in seconds."""
MOST_RECIPES, MOST_BYTES = 200, 2**30
FINE = "turbo4, int8"
CANDIDATES = "10, 20, 50, 100, 200, 500"


class RecallRequest(Request):
    """``input``: a Parquet table with a ``column`` ("": found) of embeddings.

    ``recipes``: commas between them; "" the usual quantisers, "ALL" also all reductions; presets by their name.
    ``fine`` and ``candidates``: what the best by ``binary`` codes are put in order with, and how many of them.
    ``k`` neighbours of ``queries`` of at most ``max_rows`` embeddings, both drawn with ``seed``.
    """

    input: Path
    column: str = ""
    recipes: str = Field("", max_length=5000)
    k: int = Field(10, ge=1, le=1000)
    queries: int = Field(1000, ge=10, le=100_000)
    max_rows: int = Field(20_000, ge=20, le=1_000_000)
    binary: str = Field("binary-zero", max_length=100)
    fine: str = Field(FINE, max_length=1000)
    candidates: str = Field(CANDIDATES, max_length=1000)
    seed: int = Field(0, ge=0, lt=2**31)
    report: Path
    table: Path | None = None


class RecipeRecall(Result):
    """One recipe's figures: recall against the truth by cosine and by Euclidean distance, queries being codes too."""

    recipe: str
    bytes: int
    cosine: float
    cosine_low: float
    cosine_high: float
    euclidean: float
    vector_cosine: float | None
    queries_per_second: float


class RerankPoint(Result):
    """Recall by cosine after the best ``candidates`` were put in order: ``bytes`` of finer codes read for a query."""

    fine: str
    candidates: int
    bytes: int
    recall: float
    low: float
    high: float


class RecallResult(Result):
    """``curve`` is of queries that are fine codes; its first point, of 0 candidates, are the binary codes alone."""

    report: Path
    table: Path | None
    rows: int
    dimensions: int
    queries: int
    k: int
    recipes: list[RecipeRecall]
    curve: list[RerankPoint]
    sentence: str


def evaluate_recall(request: RecallRequest, progress: Progress) -> RecallResult:
    """Read, search, re-rank, write. Raises InputError, OutputError or Cancelled."""
    for target in (request.report, request.table):
        if target is not None:
            require_folder(target)
            if target.resolve() == request.input.resolve():
                raise InputError(f"{target} is the input and would be overwritten. Choose another name.")
    sizes = _numbers(request.candidates)
    for text in (request.binary, *_parts(request.fine)):
        _recipe(text, 0)
    with progress.stage(0, 0.1, "Reading embeddings"):
        read = read_vectors(str(request.input), request.column, request.max_rows, request.seed, progress)
    vectors = _usable(read, request, progress)
    dimensions = vectors.shape[1]
    recipes = _recipes(request.recipes, dimensions, len(vectors))
    binary, fine = _recipe(request.binary, dimensions), [_recipe(text, dimensions) for text in _parts(request.fine)]
    for recipe in (*recipes, binary, *fine):
        recipe.check(dimensions)
    if fine and not binary.fit(vectors[:2]).is_binary:
        raise InputError(f"{binary} codes are not binary: what is put in order again are the best by binary codes. "
                         "Choose binary-zero, binary-median, binary-mean, binary-fitted or itq.")
    random = np.random.default_rng(request.seed)
    queries = np.sort(random.permutation(len(vectors))[: request.queries])
    progress.info(f"{len(vectors):,} embeddings of {dimensions} dimensions, {len(queries):,} of them queries; "
                  f"{len(recipes)} recipes")
    with progress.stage(0.1, 0.2, "Finding true neighbours"):
        truth = Truth.of(vectors, queries, request.k, progress)
    codecs: dict[str, Codec] = {}

    def fitted(recipe: Recipe) -> Codec:
        if str(recipe) not in codecs:
            codecs[str(recipe)] = recipe.fit(vectors, request.seed)
        return codecs[str(recipe)]

    found: list[Searched] = []
    needed = {str(binary), *map(str, fine)}
    for number, recipe in enumerate(recipes):
        progress.report(0.2 + 0.5 * number / len(recipes), f"Searching {recipe} codes")
        found.append(search(fitted(recipe), truth, progress))
        if str(recipe) not in needed:
            del codecs[str(recipe)]
    points: list[Point] = []
    if fine:
        with progress.stage(0.7, 0.97, "Re-ranking"):
            points = curve(fitted(binary), [fitted(one) for one in fine], truth, sizes, progress)
    product = ALPHAEARTH if read.mapping.kind == "alphaearth" else None
    record = provenance.provenance(
        "evaluaterecall", request.model_dump(mode="json", exclude={"report", "table"}), [request.input],
        [product.licence] if product else [], [product.attribution] if product else [])
    findings = Findings(request.input.stem, read, len(vectors), dimensions, truth, found, points)
    targets = [request.report, *([request.table] if request.table else [])]
    with whole_or_nothing(progress, *targets) as partials:
        progress.report(0.98, "Writing the report")
        report_page(findings, record, partials[0])
        if request.table:
            write_figures(findings, partials[1])
    progress.info(sentence(findings))
    return _result(request, findings)


def _usable(read: Read, request: RecallRequest, progress: Progress) -> NDArray[np.float32]:
    vectors = read.vectors
    if len(vectors) < request.k + 2:
        raise InputError(f"{request.input} has {len(vectors):,} embeddings; for {request.k} neighbours at least "
                         f"{request.k + 2} are needed.")
    most = max(request.k + 2, MOST_BYTES // (4 * vectors.shape[1]))
    if len(vectors) > most:
        progress.warn(f"{len(vectors):,} embeddings of {vectors.shape[1]} dimensions take too much memory: the first "
                      f"{most:,} that were drawn are measured.")
        vectors = vectors[np.sort(np.random.default_rng(request.seed).permutation(len(vectors))[:most])]
    progress.info(f"Value mapping {read.mapping.kind} ({read.mapping.reason})")
    return vectors


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text.strip()) if part]


def _recipe(text: str, dimensions: int) -> Recipe:
    for name in PRESETS:
        if text.lower() == name:
            return preset(name, max(dimensions, 1))  # type: ignore[arg-type]
    return Recipe.parse(text)


def _recipes(text: str, dimensions: int, rows: int) -> list[Recipe]:
    named: list[str] = []
    for part in _parts(text) or [
        *USUAL, *(["itq"] if dimensions <= ITQ_DIMENSIONS else []),
        *([f"pq-{dimensions // PQ_WIDTH}x8"] if dimensions % PQ_WIDTH == 0 and rows >= PQ_ROWS else []),
    ]:
        named += ALL(dimensions) if part.upper() == "ALL" else [part]
    parsed = {str(recipe): recipe for recipe in (_recipe(name, dimensions) for name in named)}
    if len(parsed) > MOST_RECIPES:
        raise InputError(f"{len(parsed)} recipes were asked for; at most {MOST_RECIPES} are compared at once.")
    return list(parsed.values())


def _numbers(text: str) -> list[int]:
    parts = _parts(text)
    wrong = [part for part in parts if not re.fullmatch(r"[1-9][0-9]{0,8}", part)]
    if wrong or not parts:
        raise InputError(f"Numbers of candidates are whole numbers from 1, with commas between them, such as "
                         f"{CANDIDATES}; given: “{text[:100]}”.")
    return [int(part) for part in parts]


def _result(request: RecallRequest, findings: Findings) -> RecallResult:
    def figures(one: Searched) -> RecipeRecall:
        cosine, vector = one.recalls["cosine", "code"], one.recalls.get(("cosine", "vector"))
        return RecipeRecall(
            recipe=one.recipe, bytes=one.bytes, cosine=cosine.value, cosine_low=cosine.low, cosine_high=cosine.high,
            euclidean=one.recalls["euclidean", "code"].value, vector_cosine=None if vector is None else vector.value,
            queries_per_second=one.speed)

    return RecallResult(
        report=request.report, table=request.table, rows=findings.rows, dimensions=findings.dimensions,
        queries=len(findings.truth.queries), k=request.k, recipes=[figures(one) for one in findings.found],
        curve=[RerankPoint(fine=point.fine, candidates=point.candidates, bytes=point.bytes, recall=point.recall.value,
                           low=point.recall.low, high=point.recall.high)
               for point in findings.points if point.asked == "code"],
        sentence=sentence(findings))
