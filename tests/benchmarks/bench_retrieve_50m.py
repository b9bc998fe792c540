"""A store of 50,000,000 patches (128-byte codes, 6.4 GB of them, about 11 GB on disk): a country, and all of it.

The store is made where asked for: ``bench_retrieve_50m.py FOLDER``, or BITSCAPE_RETRIEVE_50M=FOLDER ("1": build/
retrieve_50m); it takes some minutes, and is kept. Without either, an existing one is used, or nothing is done.

``ratio``: what a plain read of all codes takes (the same places of the same files, into one buffer), as a share of what
reading and scoring them takes: Hamming distances to one code, and the 50 nearest of all. One thread, processor time, in
turns by parts of the store, all in the page cache; footers are known, as in a store that is open (``first_scan``: where
they are not). ``country``: an outline with a few million patches, asked in a process of its own, which reads, prunes,
scores and looks up the first 50; ``peak_mb`` is the most memory that it had, ``seconds`` by the clock, two threads.
"""

from __future__ import annotations

import heapq
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from bitscape.processing.environment import prepare

prepare()

from bitscape.processing.hamming.ranking import smallest  # noqa: E402
from bitscape.processing.hamming.single import distances  # noqa: E402
from bitscape.processing.outputs import require_space  # noqa: E402
from bitscape.processing.progress import Progress  # noqa: E402
from bitscape.processing.store.cells import geohash_numbers, geohash_text  # noqa: E402
from bitscape.processing.store.description import StoreInfo  # noqa: E402
from bitscape.processing.store.location import ShardError  # noqa: E402
from bitscape.processing.store.manifest import ShardEntry, write_manifest  # noqa: E402
from bitscape.processing.store.reading import read_all  # noqa: E402
from bitscape.processing.store.shard_reader import Patches  # noqa: E402
from bitscape.processing.store.shard_writer import ShardRows, write_shard  # noqa: E402
from bitscape.processing.store.store import Store  # noqa: E402

ROWS, BYTES, YEAR, LETTERS = 50_000_000, 128, 2024, 2
PIXEL, LAND, WAVES = 0.25, 0.29, 400
DISK = 14_000_000_000
COUNTRY_KM, COUNTRY_LIMIT_MB = 1450.0, 2000
WANTED = 50
FOLDER = Path(__file__).resolve().parents[2] / "build" / "retrieve_50m"
ABOUT = StoreInfo(
    model="synthetic", dimensions=8 * BYTES, bits=8 * BYTES, bytes=BYTES, kind="binary", cells=f"geohash-{LETTERS}")


def land() -> np.ndarray:
    """Where there is land, (720, 1440) from the south-west: waves of all lengths, the higher 29 % of the ground."""
    random = np.random.default_rng(0)
    latitude = np.radians(np.arange(-90, 90, PIXEL) + PIXEL / 2)[:, None]
    longitude = np.radians(np.arange(-180, 180, PIXEL) + PIXEL / 2)[None, :]
    ground = np.stack(np.broadcast_arrays(
        np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude) + 0 * longitude))
    height = np.zeros(ground.shape[1:])
    for _ in range(WAVES):
        scale = random.pareto(1.2) + 1.5
        direction = random.normal(size=3)
        height += np.sin(
            min(scale, 60) * np.tensordot(direction, ground, 1) + random.uniform(0, 2 * np.pi)) / min(scale, 60)
    size = np.broadcast_to(np.cos(latitude), height.shape)
    order = np.argsort(-height, axis=None)
    share = np.cumsum(size.ravel()[order]) / size.sum()
    found = np.zeros(height.size, bool)
    found[order[share <= LAND]] = True
    return found.reshape(height.shape)


def make(folder: Path) -> None:
    """Write the store, cell by cell."""
    require_space(folder, DISK)
    folder.mkdir(parents=True, exist_ok=True)
    rows, columns = np.nonzero(land())
    south, west = rows * PIXEL - 90, columns * PIXEL - 180
    size = np.cos(np.radians(south + PIXEL / 2))
    counts = np.diff(np.rint(np.concatenate([[0], np.cumsum(size)]) / size.sum() * ROWS).astype(np.int64))
    cells = geohash_numbers(west + PIXEL / 2, south + PIXEL / 2, LETTERS)
    entries: list[ShardEntry] = []
    done = 0
    for number, cell in enumerate(np.unique(cells)):
        random = np.random.default_rng(int(cell))
        mine = np.flatnonzero(cells == cell)
        pixel = np.repeat(mine, counts[mine])
        count = len(pixel)
        x, y = west[pixel] + random.uniform(0, PIXEL, count), south[pixel] + random.uniform(0, PIXEL, count)
        half = 0.0078 / np.cos(np.radians(y))
        bounds = np.column_stack([np.maximum(x - half, -180), y - 0.0078, np.minimum(x + half, 180), y + 0.0078])
        bounds[:, [1, 3]] = np.clip(bounds[:, [1, 3]], -90, 90)
        kinds = random.integers(0, 256, (64, BYTES), np.uint8)  # of ground; a quarter of the bits differ from it
        noise = np.frombuffer(random.bytes(2 * count * BYTES), np.uint8).reshape(2, count, BYTES)
        codes = kinds[random.integers(0, 64, count)] ^ (noise[0] & noise[1])
        ids = pa.array(np.arange(done, done + count)).cast(pa.string())
        path = f"geohash={geohash_text(int(cell), LETTERS)}/year={YEAR}/part-00000.parquet"
        shard = ShardRows(ids, codes, bounds, np.full(count, YEAR))
        entries.append(write_shard(folder, path, shard, Progress(), number))
        done += count
        print(f"\r{done:,} rows", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    if done != ROWS:
        raise AssertionError(f"{done:,} rows were written")
    write_manifest(folder / "manifest.parquet", entries, ABOUT, Progress())


def country(store: Store) -> shapely.Polygon:
    """A rough outline about the shard that has most patches around it."""
    bounds = store.shards.bounds
    x, y = (bounds[:, 0] + bounds[:, 2]) / 2, (bounds[:, 1] + bounds[:, 3]) / 2
    inner = np.abs(y) < 55
    east, north = (x[:, None] - x) * np.cos(np.radians(y)) * 111.2, (y[:, None] - y) * 111.2
    near = ((np.hypot(east, north) < COUNTRY_KM) * store.shards.rows[:, None]).sum(axis=0) * inner
    middle = int(np.argmax(near))
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    radius = COUNTRY_KM / 111.2 * (1 + 0.1 * np.sin(5 * angle) + 0.05 * np.sin(17 * angle))
    return shapely.Polygon(np.column_stack([
        x[middle] + radius * np.cos(angle) / np.cos(np.radians(y[middle])), y[middle] + radius * np.sin(angle)]))


def ask(folder: Path) -> None:
    """The country, in this process: prints what it took."""
    start = time.perf_counter()
    store = Store.open(folder)
    outline = country(store)
    exemplar = store.at(*outline.representative_point().coords[0])
    while not exemplar:  # a lake
        outline = shapely.affinity.translate(outline, 0.5, 0)
        exemplar = store.at(*outline.representative_point().coords[0])
    query = exemplar[0].codes[0]
    selection = store.select([outline], {YEAR})
    held: list[Patches] = []
    for _, patches in read_all(store, selection, 0, Progress()):
        if isinstance(patches, ShardError):
            raise patches
        held.append(patches)
    read = time.perf_counter()
    scored = [distances(query, patches.codes) for patches in held]
    best = smallest(np.concatenate(scored), WANTED)
    answered = time.perf_counter()
    firsts = np.concatenate([[0], np.cumsum([len(patches) for patches in held])])
    for row in best:
        place = int(np.searchsorted(firsts, row, side="right")) - 1
        ids, wkb = store.details(held[place].shard, held[place].rows[[row - firsts[place]]])
        if not ids[0] or not shapely.intersects(shapely.from_wkb(wkb[0]), outline):
            raise AssertionError(f"{ids} is not in the outline")
    print(json.dumps({
        "rows": int(firsts[-1]), "shards": len(held), "bytes": store.bytes_read, "read": round(read - start, 2),
        "score": round(answered - read, 3), "seconds": round(time.perf_counter() - start, 2),
        "nearest": int(np.concatenate(scored)[best[0]]), "resident_mb": sum(p.codes.nbytes for p in held) // 10**6,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    }))


def scan(store: Store, entries: list[ShardEntry], query: np.ndarray, best: list[tuple[int, int, int]]) -> int:
    """Score every code of some shards, keeping the nearest; how many codes."""
    count = 0
    for entry in entries:
        for first, codes in store.scan(entry):
            found = distances(query, codes)
            count += len(found)
            full = len(best) == WANTED
            for row in np.flatnonzero(found < -best[0][0]) if full else smallest(found, WANTED):
                offer = (-int(found[row]), -entry.shard, -first - int(row))
                if len(best) < WANTED:
                    heapq.heappush(best, offer)
                elif offer > best[0]:
                    heapq.heapreplace(best, offer)
    return count


def plain(folder: Path, places: list[tuple[str, list[tuple[int, int]]]], buffer: np.ndarray) -> None:
    """Read the same bytes, and nothing else."""
    for path, ranges in places:
        with (folder / path).open("rb", buffering=0) as stream:
            for offset, length in ranges:
                stream.seek(offset)
                if stream.readinto(buffer[:length].data) != length:
                    raise AssertionError(f"{path} is short")


def code_places(path: Path) -> list[tuple[int, int]]:
    """Offset and bytes of the codes of each row group: they end where their column's chunk ends."""
    metadata = pq.read_metadata(path)
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunk, size = group.column(1), group.num_rows * BYTES
        found.append((chunk.data_page_offset + chunk.total_compressed_size - size, size))
    return found


def whole(folder: Path) -> tuple[float, float, float]:
    """Seconds of a plain read of all codes, of reading and scoring them, and of doing so without knowing footers."""
    query = np.random.default_rng(1).integers(0, 256, BYTES, np.uint8)
    buffer = np.zeros(1 << 20, np.uint8)
    listed = Store.open(folder)
    totals = np.zeros(3)
    rows = 0
    best: list[tuple[int, int, int]] = []
    entries = list(listed.shards)
    for start in range(0, len(entries), 64):
        part = entries[start : start + 64]
        places = [(entry.path, code_places(folder / entry.path)) for entry in part]
        plain(folder, places, buffer)  # into the cache
        store = Store.open(folder)
        before = list(best)
        begun = time.process_time()
        rows += scan(store, part, query, best)
        first = time.process_time() - begun
        own, other = [], []
        for _ in range(3):
            begun = time.process_time()
            plain(folder, places, buffer)
            other.append(time.process_time() - begun)
            begun = time.process_time()
            scan(store, part, query, list(before))
            own.append(time.process_time() - begun)
        totals += min(other), min(own), first
    if rows != ROWS:
        raise AssertionError(f"{rows:,} rows were scanned")
    check_nearest(listed, query, best)
    return float(totals[0]), float(totals[1]), float(totals[2])


def check_nearest(store: Store, query: np.ndarray, best: list[tuple[int, int, int]]) -> None:
    """The distances found, recomputed from codes read by row number with numpy."""
    for distance, shard, row in best:
        code = store.codes(-shard, np.array([-row]))[0]
        if int(np.unpackbits(code ^ query).sum()) != -distance:
            raise AssertionError(f"row {-row} of shard {-shard} is not {-distance} bits away")


def main() -> None:
    """Print one JSON line."""
    if sys.argv[1:2] == ["--country"]:
        ask(Path(sys.argv[2]))
        return
    asked = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("BITSCAPE_RETRIEVE_50M", "")
    folder = FOLDER if asked in ("", "1") else Path(asked)
    if not (folder / "manifest.parquet").exists():
        if not asked:
            print(json.dumps({
                "name": "retrieve_50m", "skipped": "its store of 11 GB is made on request: BITSCAPE_RETRIEVE_50M=1"}))
            return
        make(folder)
    done = subprocess.run(
        [sys.executable, "-P", __file__, "--country", str(folder)], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    if found["peak_mb"] > COUNTRY_LIMIT_MB:
        raise AssertionError(f"the country took {found['peak_mb']} MB of memory")
    read, scored, first = whole(folder)
    print(json.dumps({
        "name": "retrieve_50m", "ratio": round(read / scored, 2), "direction": "higher",
        "peer": f"a plain read of the codes of {ROWS:,} patches from the page cache, 1 thread",
        "ours": round(scored, 2), "theirs": round(read, 2), "unit": "s",
        "limit_fraction": round(read / scored, 2), "limit": "plain read",
        "gigabytes_per_second": round(ROWS * BYTES / scored / 1e9, 1), "first_scan": round(read / first, 2),
        "country": found,
    }))


if __name__ == "__main__":
    main()
