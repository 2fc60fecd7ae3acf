"""The desk's pages of a large evaluation: server time, each panel's data, weight.

    python -m benchmarks desk [--images 100000]

In this process, through all middleware. The bare reference of a route is what it asks the database
(the session, its user and their role included), sent again by hand and fetched, and its document
encoded. Both take turns, and the best of several rounds of medians counts.
"""

import argparse
import gzip
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson

from benchmarks import evaluated

PLOTLY = "plotly/plotly.min.js"
PAGES = ("", "metrics/", "matrix/", "images/", "vectors/", "recommendations/", "diff/")
#: What the pages fetch, of the API and of the desk.
API = (
    "confusion-matrix?split=test&confidence=37",
    "image-predictions?split=all&confidence=37&limit=25&offset=50000",
    "image-predictions?sort=-falsePositives&limit=25",
    "recommendations",
)
DATA = ("numbers?split=test&confidence=37", "curves", "points", "f1", "cards?{cards}")
#: These pass over all images, whatever a page shows of them.
PASSES = {"f1?confidence=37", "image-predictions?sort=f1&confidence=37&limit=25"}


def median_ms(work: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times)


def in_turns(rounds: int, repeats: int, *works: Callable[[], Any]) -> list[float]:
    """The best median of each over rounds in which they take turns."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for at, work in enumerate(works):
            best[at] = min(best[at], median_ms(work, repeats))
    return best


def reviewer() -> Any:
    """A client of somebody logged in."""
    from django.test import Client

    from accounts.models import User

    user = User.objects.get(email="bench@example.com")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = Client()
    client.force_login(User.objects.get(pk=user.pk))
    return client


def get(client: Any, path: str) -> bytes:
    answer = client.get(path)
    assert answer.status_code == 200, (path, answer.content[:300])
    return bytes(answer.content)


def bare(client: Any, path: str) -> Callable[[], Any]:
    """The route's statements by hand, and its document encoded."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        body = get(client, path)
    statements = [query["sql"] for query in captured]
    document = orjson.loads(body) if body[:1] == b"{" else None

    def work() -> bytes:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()
        return body if document is None else orjson.dumps(document)

    return work


def placed(found: Any, n: int) -> None:
    """Gives the first n images a place on a map of 40 clusters."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE evals_evalimage SET x = random(), y = random(), cluster = position %% 40"
            " WHERE evaluation_id = %s AND position < %s",
            [found.pk, n],
        )
    evaluated.vacuum()


def pages(client: Any, small: Any, big: Any, options: argparse.Namespace) -> None:
    print(f"{'page':34}{'1,000':>9}{f'{options.images:,}':>11}")
    for name in PAGES:
        paths = [f"/admin/evals/modeleval/{one.eval_id}/{name}" for one in (small, big)]
        little, large = in_turns(
            options.rounds, 3, *(lambda path=path: get(client, path) for path in paths)
        )
        print(f"{name or 'overview':34}{little:>7.1f}ms{large:>9.1f}ms")


def panels(client: Any, big: Any, options: argparse.Namespace) -> None:
    cards = "&".join(f"position={place}" for place in range(25))
    routes = [
        *(f"/bench/model-evals/{big.eval_id}/{name}" for name in API),
        *(f"/admin/evals/modeleval/{big.eval_id}/data/{name.format(cards=cards)}" for name in DATA),
    ]
    print(f"{'data':34}{'ours':>9}{'bare':>11}{'ratio':>7}{'kB':>9}")
    for path in routes:
        body, plain = get(client, path), bare(client, path)
        ours, theirs = in_turns(
            options.rounds, options.repeats, lambda path=path: get(client, path), plain
        )
        name = path.partition(f"{big.eval_id}/")[2][:33]
        print(
            f"{name:34}{ours:>7.2f}ms{theirs:>9.2f}ms{ours / theirs:>7.2f}{len(body) / 1e3:>9.1f}"
        )
    for name in sorted(PASSES):
        room = "/bench/model-evals" if "image" in name else "/admin/evals/modeleval"
        path = f"{room}/{big.eval_id}/{'' if 'image' in name else 'data/'}{name}"
        print(f"{name[:33]:34}{median_ms(lambda path=path: get(client, path), 3):>7.0f}ms")


ADDRESSES = re.compile(rb'(?:src|href)="/static/([^"]+)"')
IMPORTS = re.compile(rb'from "(\.[^"]+)"')


def files_of(page: bytes) -> Iterator[tuple[str, bytes]]:
    """The static files that a page loads, and the modules that these load."""
    from django.contrib.staticfiles import finders

    waiting, seen = [name.decode() for name in ADDRESSES.findall(page)], set[str]()
    while waiting:
        name = waiting.pop()
        path = finders.find(name)
        if path is None or name in seen:
            continue
        seen.add(name)
        body = Path(path).read_bytes()
        yield name, body
        for other in IMPORTS.findall(body):
            place = (Path("/") / name).parent / other.decode()
            waiting.append(str(Path(*_plain(place))))


def _plain(path: Path) -> list[str]:
    """The parts of an absolute path, without its root and its steps up."""
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return parts


def weight(client: Any, big: Any) -> None:
    """kB of a page as a browser first loads it: compressed, without Plotly."""
    for name in ("", "vectors/"):
        page = get(client, f"/admin/evals/modeleval/{big.eval_id}/{name}")
        sizes = {
            file: len(gzip.compress(body, 9)) / 1e3
            for file, body in files_of(page)
            if file != PLOTLY
        }
        ours = {file: size for file, size in sizes.items() if file.startswith(("evals/", "desk/"))}
        own, theme = sum(ours.values()), sum(sizes.values()) - sum(ours.values())
        print(
            f"weight of {name or 'overview'}: page {len(page) / 1e3:.0f} kB,"
            f" its modules and styles {own:.0f} kB, the theme {theme:.0f} kB"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=4)
    options = parser.parse_args()
    evaluated.start()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    project, _ = evaluated.project_of(evaluated.SMALL)
    small = evaluated.evaluation_of(project)
    evaluated.evaluate(small)
    small.refresh_from_db()
    big = evaluated.enlarged(small, options.images)
    placed(big, 50_000)
    client = reviewer()
    pages(client, small, big, options)
    panels(client, big, options)
    weight(client, big)


if __name__ == "__main__":
    main()
