"""The desk's pages of a large evaluation: server time, each panel's data, weight.

    python -m benchmarks desk [--images 100000]

Both servers run under gunicorn on one database. The bare one (`bare_replay.py`) sends a route's own
statements, the session and the role included, fetches the rows and encodes the document. They are
asked in turns, and the best of several rounds of medians counts.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import orjson
from playwright.sync_api import sync_playwright

from benchmarks import evaluated
from benchmarks.bench_eval_reads import dsn, median_ms
from benchmarks.bench_requests import Client
from benchmarks.servers import gunicorn
from tests.browser.conftest import chromium
from tests.browser.weighing import PAGES, PLOTLY, besides, packaged_files, weigh

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


def in_turns(rounds: int, repeats: int, *works: Callable[[], Any]) -> list[float]:
    """The best median of each over rounds in which they take turns."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for at, work in enumerate(works):
            best[at] = min(best[at], median_ms(work, repeats))
    return best


def reviewer() -> Any:
    """A client of somebody logged in."""
    from django.test import Client as TestClient

    from accounts.models import User

    user = User.objects.get(email="bench@example.com")
    User.objects.filter(pk=user.pk).update(is_staff=True)
    client = TestClient()
    client.force_login(User.objects.get(pk=user.pk))
    return client


class Desk(Client):
    """A connection with a logged-in session."""

    def __init__(self, port: int, session: str) -> None:
        super().__init__(port, "")
        self.head = f"Host: 127.0.0.1\r\nCookie: sessionid={session}\r\n".encode()

    def get(self, path: str) -> bytes:
        status, body = self.send("GET", path)
        assert status == 200, (path, status, body[:300])
        return body


def replayed(client: Any, path: str) -> dict[str, Any]:
    """The statements and the document of a path, for the bare server."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext, override_settings

    # As they are written: what one connection has prepared, another does not know.
    plain = override_settings(PREPARED_STATEMENTS=False)
    with plain, CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200, (path, answer.content[:300])
    body = bytes(answer.content)
    return {
        "statements": [query["sql"] for query in captured],
        "document": orjson.loads(body) if body[:1] == b"{" else None,
        "size": len(body),
    }


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


def pages(desk: Desk, small: Any, big: Any, options: argparse.Namespace) -> None:
    print(f"{'page':34}{'1,000':>9}{f'{options.images:,}':>11}")
    for name in PAGES:
        paths = [f"/admin/evals/modeleval/{one.eval_id}/{name}" for one in (small, big)]
        little, large = in_turns(options.rounds, 3, *(partial(desk.get, path) for path in paths))
        print(f"{name or 'overview':34}{little:>7.1f}ms{large:>9.1f}ms")


def data_of(big: Any) -> dict[str, str]:
    """The addresses of panels' data, by what they are called here."""
    cards = "&".join(f"position={place}" for place in range(25))
    api = {name: f"/bench/model-evals/{big.eval_id}/{name}" for name in API}
    desk = {
        name: f"/admin/evals/modeleval/{big.eval_id}/data/{name.format(cards=cards)}"
        for name in DATA
    }
    return api | desk


def panels(desk: Desk, bare: Desk, big: Any, options: argparse.Namespace) -> None:
    print(f"{'data':34}{'ours':>9}{'bare':>11}{'ratio':>7}{'kB':>9}")
    for name, path in data_of(big).items():
        works = partial(desk.get, path), partial(bare.get, path)
        ours, theirs = in_turns(options.rounds, options.repeats, *works)
        size = len(desk.get(path)) / 1e3
        print(f"{name[:33]:34}{ours:>7.2f}ms{theirs:>9.2f}ms{ours / theirs:>7.2f}{size:>9.1f}")
    for name in sorted(PASSES):
        room = (
            "/bench/model-evals/{}/{}" if "image" in name else "/admin/evals/modeleval/{}/data/{}"
        )
        work = partial(desk.get, room.format(big.eval_id, name))
        print(f"{name[:33]:34}{in_turns(3, 1, work)[0]:>7.0f}ms, a pass over all images")


def weight(port: int, session: str, big: Any) -> None:
    """kB of a first visit, as Chromium counts them; the server has the container's static files."""
    if shutil.which("chromium") is None:
        print("weight: not measured, no Chromium here")
        return
    address = f"http://127.0.0.1:{port}"
    cookie = {"name": "sessionid", "value": session, "url": address}
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        with browser.new_context() as context:
            context.add_cookies([cookie])  # type: ignore[list-item]
            cookies = context.storage_state()
        for name in PAGES:
            path = f"/admin/evals/modeleval/{big.eval_id}/{name}"
            weights = weigh(browser, address, cookies, path)
            static = {one: size for one, size in weights.items() if "/static/" in one}
            page = weights[path] + besides(static, PLOTLY)
            data = besides(weights, PLOTLY) - page
            print(
                f"first visit of {name or 'overview':18}{page / 1e3:>5.0f} kB besides Plotly,"
                f" and {data / 1e3:.0f} kB of data"
            )
        browser.close()


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
    placed(big, min(options.images, 50_000))
    client = reviewer()
    answers = {path: replayed(client, path) for path in data_of(big).values()}
    session = client.cookies["sessionid"].value
    one = {"workers": 1, "threads": 2}
    with tempfile.TemporaryDirectory(dir=os.environ["DATA_DIR"]) as folder:
        file = Path(folder) / "answers.json"
        file.write_bytes(orjson.dumps(answers))
        env = {"ALLOWED_HOSTS": "127.0.0.1", "BENCH_DSN": dsn(), "BENCH_ANSWERS": str(file)}
        env["SECRET_KEY"] = settings.SECRET_KEY
        env |= packaged_files(Path(folder) / "static")
        with (
            gunicorn("predictions_api.wsgi:application", env=env, **one) as port,
            gunicorn("benchmarks.bare_replay:application", env=env, **one) as bare_port,
        ):
            desk = Desk(port, session)
            pages(desk, small, big, options)
            panels(desk, Desk(bare_port, session), big, options)
            weight(port, session, big)


if __name__ == "__main__":
    main()
