"""What a first visit to a page loads, as Chromium counts it: compressed, headers included."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser

from tests.house.quickstarting import PROJECT_DIR

PLOTLY = "/static/plotly/"
THEME = "/static/unfold/"
DJANGO = "/static/admin/"
#: Of an evaluation, below its own address.
PAGES = ("", "metrics/", "matrix/", "images/", "vectors/", "recommendations/", "diff/")


def packaged_files(folder: Path) -> dict[str, str]:
    """The variables of a server whose static files lie in the folder as in the container image."""
    variables = {"STATIC_ROOT": str(folder)}
    folder.mkdir()
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity=0"],
        cwd=PROJECT_DIR,
        env={"SECRET_KEY": "of no use", "DATABASE_URL": "", **os.environ, **variables},
        check=True,
    )
    return variables


def weigh(browser: Browser, address: str, cookies: Any, path: str) -> dict[str, int]:
    """Bytes by path of what the page loads until it is quiet; users' pictures are left out."""
    with browser.new_context(base_url=address, storage_state=cookies) as context:
        page = context.new_page()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        paths: dict[str, str] = {}
        sizes: dict[str, int] = {}

        def named(event: Any) -> None:
            paths[event["requestId"]] = urlsplit(event["response"]["url"]).path

        def loaded(event: Any) -> None:
            sizes[event["requestId"]] = round(event["encodedDataLength"])

        wire.on("Network.responseReceived", named)
        wire.on("Network.loadingFinished", loaded)
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found: dict[str, int] = {}
        for request, size in sizes.items():
            if "/data/pictures/" not in paths[request]:
                found[paths[request]] = found.get(paths[request], 0) + size
        return found


def besides(weights: dict[str, int], *packages: str) -> int:
    """Bytes of everything that does not come out of these packages."""
    return sum(size for path, size in weights.items() if not path.startswith(packages))
