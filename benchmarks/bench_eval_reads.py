"""Reading evaluations: pages and panels of a small and a large one, beside a bare server.

    python -m benchmarks eval_reads [--images 100000]

The large evaluation's images are copies of those of the small one (1,000), so pages weigh the same.
Both servers run under gunicorn on one database and answer the same bytes; they are asked in turns,
and the best of several rounds of medians counts. The bare one (`bare_evals.py`) has every answer
ready in memory and only fetches its rows and encodes it.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from benchmarks import evaluated
from benchmarks.bench_requests import Client
from benchmarks.servers import gunicorn

PAGES = (
    ("start", 0.0, ""),
    ("middle", 0.5, ""),
    ("end", 1.0, ""),
    ("middle, 37 %", 0.5, "&confidence=37"),
    ("test, 90 %", 0.5, "&split=test&confidence=90"),
)
PANELS = ("map-results", "confidence-sweep", "confusion-matrix")


def median_ms(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def page(found: Any, most: int, limit: int, place: float, query: str) -> str:
    """The address of a page of one evaluation; `most` images are in the smaller one's split."""
    split = "test" if "split=test" in query else None
    total = found.image_counts[split] if split else sum(found.image_counts.values())
    size = min(limit, most // 3 if split else most)
    offset = int(place * (total - size))
    path = f"/bench/model-evals/{found.eval_id}/image-predictions"
    return f"{path}?limit={size}&offset={offset}{query}"


def addresses(small: Any, big: Any) -> dict[str, tuple[str, str]]:
    """What is measured: the small evaluation's address and the large one's."""
    found = {}
    for limit in (200, 1000):
        for name, place, query in PAGES:
            found[f"{limit} images, {name}"] = tuple(
                page(one, evaluated.SMALL, limit, place, query) for one in (small, big)
            )
    for name in PANELS:
        found[name] = tuple(f"/bench/model-evals/{one.eval_id}/{name}?" for one in (small, big))
    return found  # type: ignore[return-value]


def dsn() -> str:
    """How psycopg2 reaches the database."""
    from django.db import connection

    parameters = connection.get_connection_params()
    return " ".join(
        f"{name}={parameters[name]}"
        for name in ("dbname", "user", "password", "host", "port")
        if parameters.get(name)
    )


def reads(small: Any, big: Any, key: str, folder: Path, options: argparse.Namespace) -> None:
    """A line for each page and panel: both evaluations, the bare server, ratios."""
    wanted = addresses(small, big)
    documents = folder / "documents.json"
    env = {"SECRET_KEY": "bench", "ALLOWED_HOSTS": "127.0.0.1", "BENCH_DSN": dsn()}
    env["BENCH_DOCUMENTS"] = str(documents)
    one = {"workers": 1, "threads": 2}
    with gunicorn("predictions_api.wsgi:application", env=env, **one) as port:
        ours = Client(port, key)
        bodies = {path: get(ours, path) for pair in wanted.values() for path in pair}
        documents.write_bytes(
            orjson.dumps({path: orjson.Fragment(body) for path, body in bodies.items()})
        )
        with gunicorn("benchmarks.bare_evals:application", env=env, **one) as bare_port:
            bare = Client(bare_port, key)
            print(f"{'':26}{'1,000':>9}{options.images:>9,}{'ratio':>7}{'bare':>9}{'ratio':>7}")
            for name, (little, large) in wanted.items():
                assert get(bare, large) == bodies[large], f"{name}: other bytes"
                line(name, options, lambda p=little: get(ours, p), lambda p=large: get(ours, p),  # type: ignore[misc]
                     lambda p=large: get(bare, p))  # type: ignore[misc]  # fmt: skip
        middle = page(big, evaluated.SMALL, 200, 0.5, "")
        file_peer(folder, lambda: get(ours, middle), ours, middle)


def line(name: str, options: argparse.Namespace, *works: Callable[[], Any]) -> None:
    """The best median of each work over rounds in which they take turns."""
    best = [float("inf")] * len(works)
    for _ in range(options.rounds):
        for at, work in enumerate(works):
            best[at] = min(best[at], median_ms(work, options.repeats))
    little, large, bare = best
    print(
        f"{name:26}{little:>7.2f}ms{large:>7.2f}ms{large / little:>7.2f}"
        f"{bare:>7.2f}ms{large / bare:>7.2f}"
    )


def get(client: Client, path: str) -> bytes:
    status, body = client.send("GET", path)
    assert status == 200, body[:300]
    return body


def file_peer(folder: Path, ours: Callable[[], Any], client: Client, path: str) -> None:
    """The same page out of a JSON file of the whole evaluation, as files are read elsewhere."""
    some = orjson.loads(get(client, path))
    # The images repeat, so the page repeated is the file.
    times = some["totalImages"] // len(some["images"])
    file = folder / "image_results.json"
    file.write_bytes(orjson.dumps({**some, "images": some["images"] * times}))
    first = some["totalImages"] // 2

    def sliced() -> bytes:
        return orjson.dumps(orjson.loads(file.read_bytes())["images"][first : first + 200])

    mine, theirs = median_ms(ours, 30), median_ms(sliced, 3)
    print(
        f"file of {file.stat().st_size / 1e6:.0f} MB, read and sliced: {theirs:.0f} ms, "
        f"ours over HTTP {mine:.2f} ms, {theirs / mine:.0f} times"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--repeats", type=int, default=4)
    options = parser.parse_args()
    evaluated.start()
    project, key = evaluated.project_of(evaluated.SMALL)
    small = evaluated.evaluation_of(project)
    evaluated.evaluate(small)
    big = evaluated.enlarged(small, options.images)
    with tempfile.TemporaryDirectory(dir=os.environ["DATA_DIR"]) as folder:
        reads(small, big, key, Path(folder), options)


if __name__ == "__main__":
    main()
