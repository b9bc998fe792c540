"""The compression study's grid on 20,000 × 1,024 labelled vectors, against the same grid with scikit-learn's own parts.

The peer gets the same rows, folds and values of C: KNeighborsClassifier (brute force; cosine on decoded vectors,
Hamming on unpacked bits of binary codes) and GridSearchCV over LogisticRegression to its default tolerance, one thread
each. Fitting a recipe and coding are done by the same codec and timed for both; the peer fits PCA anew for each recipe.
The whole default grid would take the peer an hour, so a float, an integer, a binary code, and PCA with an integer and
with bits are compared. Asserted: the same kNN predictions wherever no tie (of Hamming distances, or of cosines that
differ by rounding) leaves the choice of the five open, and probe accuracies within half a point.
"""

from __future__ import annotations

import json
import time
import warnings
from dataclasses import dataclass, field

import numpy as np
from bitscape.processing.compression.recipe import Recipe
from bitscape.processing.embeddings.source import Product
from bitscape.processing.progress import Progress
from bitscape.processing.study.evaluate import BASELINE, Evaluation, K, evaluate
from bitscape.processing.study.labelled import Labelled
from bitscape.processing.study.probe import GRID
from bitscape.processing.study.spaces import Spaces
from bitscape.processing.study.splits import Fold, Split, random_split
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits

ROWS, DIMENSIONS, CLASSES = 20_000, 1024, 10
RECIPES = ("float32", "int8", "binary-median", "pca-64+int8", "pca-64+binary-median")
ROUNDING = 2e-6
PROBE_TOLERANCE = 0.005


@dataclass
class Peer:
    """What scikit-learn found on one fold."""

    knn: dict[str, np.ndarray] = field(default_factory=dict)
    open_choice: dict[str, np.ndarray] = field(default_factory=dict)
    probe: dict[str, float] = field(default_factory=dict)


def embeddings(rows: int, dimensions: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Clustered vectors, eight clusters a class, whose variance falls off as that of real embeddings does.

    (rows, dimensions) float32 and (rows,) classes."""
    random = np.random.default_rng(0)
    spread = np.arange(1, dimensions + 1) ** -0.65
    centres = random.standard_normal((classes, 8, dimensions)) * spread
    truth, cluster = random.integers(0, classes, rows), random.integers(0, 8, rows)
    vectors = centres[truth, cluster] + 1.6 * random.standard_normal((rows, dimensions)) * spread
    turn = np.linalg.qr(random.standard_normal((dimensions, dimensions)))[0]
    return (vectors @ turn + 0.05).astype(np.float32), truth


def by_library(data: Labelled, fold: Fold, spent: dict[str, float]) -> Peer:
    """The same figures; what each part takes is added to ``spent``."""
    found = Peer()
    for text in RECIPES:
        start = time.process_time()
        codec = Recipe.parse(text).fit(data.rows[fold.train], 0, labels=data.classes[fold.train])
        codes = codec.encode(data.rows)
        vectors = codec.decode(codes)
        spent["codec"] += time.process_time() - start
        start = time.process_time()
        binary = codec.is_binary
        kept = codec.decode_reduced(codes[:1]).shape[1]
        kind = "hamming" if binary else "cosine"
        place = np.unpackbits(codes, axis=1, count=kept) if binary else vectors
        model = KNeighborsClassifier(K, algorithm="brute", metric=kind).fit(place[fold.train], data.classes[fold.train])
        found.knn[text] = model.predict(place[fold.test])
        spent["knn"] += time.process_time() - start
        start = time.process_time()
        distance, _ = model.kneighbors(place[fold.test], K + 1)  # for the check alone: not counted
        found.open_choice[text] = distance[:, K] - distance[:, K - 1] <= (0 if binary else ROUNDING)
        start = time.process_time()
        reduced = codec.decode_reduced(codes)
        mean = reduced[fold.train].mean(axis=0)
        scaled = (reduced - mean) / np.sqrt(((reduced[fold.train] - mean) ** 2).mean())
        search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": list(GRID)}, cv=PredefinedSplit(fold.inner))
        search.fit(scaled[fold.train], data.classes[fold.train])
        found.probe[text] = float(np.mean(search.predict(scaled[fold.test]) == data.classes[fold.test]))
        spent["probe"] += time.process_time() - start
    return found


def by_study(data: Labelled, split: Split) -> dict[str, Evaluation]:
    """The same figures, recall, sizes and kNN of reconstructed bits as well."""
    grid = [Recipe.parse(text) for text in RECIPES]
    spaces = Spaces(data, split, grid, 0, Progress())
    found: dict[str, Evaluation] = {}
    for recipe in grid:
        found[str(recipe)] = evaluate(data, split, recipe, spaces, found.get(BASELINE), 0, Progress())
    return found


def dataset(rows: int) -> tuple[Labelled, Split]:
    """Labelled vectors, and a split whose first fold alone is tested."""
    vectors, truth = embeddings(rows, DIMENSIONS, CLASSES)
    names = tuple(f"class {number}" for number in range(CLASSES))
    data = Labelled("synthetic", "", vectors, truth, names, Product("synthetic"))
    split = random_split(truth, names, 0)
    if isinstance(split, str):
        raise AssertionError(split)
    return data, Split(split.kind, split.folds[:1], split.blocks)


def main() -> None:
    """Print one JSON line."""
    data, split = dataset(ROWS)
    fold = split.folds[0]
    spent = {"codec": 0.0, "knn": 0.0, "probe": 0.0}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_study(*dataset(1000))  # compiles
        own = []
        ours: dict[str, Evaluation] = {}
        for _ in range(2):
            start = time.process_time()
            ours = by_study(data, split)
            own.append(time.process_time() - start)
        theirs = by_library(data, fold, spent)
    truth = data.classes[fold.test]
    for text in RECIPES:
        settled = ~theirs.open_choice[text]
        wrong = int((ours[text].knn != theirs.knn[text])[settled].sum())
        if wrong or settled.mean() < 0.15:
            raise AssertionError(f"{text}: {wrong} kNN predictions differ of {settled.mean():.0%} that no tie decides")
        accuracy = float(np.mean(ours[text].probe == truth))
        if abs(accuracy - theirs.probe[text]) > PROBE_TOLERANCE:
            raise AssertionError(f"{text}: probe accuracy {accuracy:.4f}, scikit-learn's {theirs.probe[text]:.4f}")
    print(json.dumps({
        "name": "study",
        "ratio": round(sum(spent.values()) / min(own), 1),
        "direction": "higher",
        "peer": "scikit-learn KNeighborsClassifier (brute) and GridSearchCV(LogisticRegression), same folds, 5 recipes",
        "ours": round(min(own), 1),
        "theirs": round(sum(spent.values()), 1),
        "unit": "s",
        "limit_fraction": None,
    }))


if __name__ == "__main__":
    main()
