"""Everything at once, for a while: does an answer fail, does a process grow or get replaced?

    python -m benchmarks.mixed_load
    python -m benchmarks.mixed_load --minutes 30 --clients 16

Starts the web server and a worker as production does, on a database of its own that is removed
afterwards. Each client has a project; it creates, reads, lists, changes and deletes, imports and
exports, runs a prompt on a stand-in model, computes, imports and reads evaluations, opens pages of
the desk, and sends what has to be refused. What it makes it deletes, so that the rows do not grow
without an end. Prints a row a minute and at the end: requests, errors, processes that were
replaced, and the memory of web and worker beside what it was after the first two minutes. Exit
code 1 for any error, a replaced process, or memory that moved by more than 5 %.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.mixed_client import EMAIL, PASSWORD, TIMEOUT_S, WORKSPACE, Client, Counted
from benchmarks.servers import ROOT, gunicorn, stopped_at_end

CLIENTS, MINUTES, WARM_MINUTES = 8, 10.0, 2.0
#: By how much memory may differ, and over how long its median is taken.
TOLERANCE, WINDOW_S = 0.05, 40.0
EVERY_S = 0.5
STAND_IN = ROOT / "tests" / "prompts" / "stand_in_model.py"


@dataclass
class Memory:
    """What the processes of one kind occupy, looked at again and again."""

    name: str
    found: Callable[[], list[psutil.Process]]
    seen: set[int] = field(default_factory=set)
    #: (seconds since the start, bytes of all of them).
    samples: list[tuple[float, int]] = field(default_factory=list)

    def look(self, at_s: float) -> None:
        try:
            processes = self.found()
            total = sum(process.memory_info().rss for process in processes)
        except psutil.NoSuchProcess:
            return
        self.seen |= {process.pid for process in processes}
        self.samples.append((at_s, total))

    def median_mb(self, around_s: float) -> float:
        near = [n for at, n in self.samples if abs(at - around_s) <= WINDOW_S / 2]
        return statistics.median(near) / 1e6 if near else 0.0

    def most_mb(self) -> float:
        return max(n for _, n in self.samples) / 1e6


def management(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout.strip()


def prepared(environment: dict[str, str]) -> str:
    """A key of the one who works, who also has a password."""
    management(environment, "migrate", "--verbosity=0")
    options = ["--email", EMAIL, "--workspace", WORKSPACE, "--role=owner", "--create-workspace"]
    key = management(environment, "token", "create", *options)
    code = (
        "from accounts.models import User;"
        f"u = User.objects.get(email={EMAIL!r}); u.set_password({PASSWORD!r});"
        "u.is_staff = True; u.save()"
    )
    management(environment, "shell", "--verbosity=0", "-c", code)
    return key


def web_processes(port: int) -> list[psutil.Process]:
    named = f"127.0.0.1:{port}"
    mine = [p for p in psutil.process_iter(["cmdline"]) if named in (p.info["cmdline"] or [])]
    parents = {process.ppid() for process in mine}
    return [process for process in mine if process.pid not in parents]


def load(
    url: str, key: str, endpoint: str, watched: list[Memory], n_clients: int, minutes: float
) -> Counted:
    """Works, samples and prints a row a minute."""
    counted, is_over = Counted(), threading.Event()
    clients = [Client(url, key, n, endpoint, counted) for n in range(n_clients)]
    with ThreadPoolExecutor(n_clients) as pool:
        list(pool.map(Client.warm_up, clients))
    threads = [threading.Thread(target=client.work, args=[is_over]) for client in clients]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    next_row = 60.0
    while (now := time.monotonic() - started) < 60 * minutes:
        for memory in watched:
            memory.look(now)
        if now >= next_row:
            shown = ", ".join(f"{m.name} {m.samples[-1][1] / 1e6:.0f} MB" for m in watched)
            n = counted.statuses.total()
            print(
                f"{now / 60:4.0f} min  {n:,} answers, {len(counted.errors)} errors, {shown}",
                flush=True,
            )
            next_row += 60
        time.sleep(EVERY_S)
    is_over.set()
    for thread in threads:
        thread.join(2 * TIMEOUT_S)
    return counted


def report(counted: Counted, watched: list[Memory], minutes: float) -> bool:
    """Prints the table; whether all is well."""
    end_s, warm_s = 60 * minutes, 60 * min(WARM_MINUTES, minutes / 2)
    n = counted.statuses.total()
    by_status = ", ".join(f"{n:,} of {code}" for code, n in sorted(counted.statuses.items()))
    print(f"\n{n:,} answers in {minutes:g} minutes, {n / end_s:.0f} a second: {by_status}")
    print(", ".join(f"{kind} {n:,}" for kind, n in counted.requests.most_common()))
    print(f"errors: {len(counted.errors)}")
    for text in counted.errors[:20]:
        print(f"  {text}")
    is_well = not counted.errors
    for memory in watched:
        before = memory.median_mb(warm_s)
        after = memory.median_mb(end_s - WINDOW_S / 2)
        change = after / before - 1 if before else 0.0
        first = len(memory.found())
        replaced = len(memory.seen) - first
        is_well = is_well and abs(change) <= TOLERANCE and replaced == 0
        print(
            f"{memory.name:8} {before:6.0f} MB after {warm_s / 60:g} min, {after:6.0f} MB at the"
            f" end ({change:+.1%}), {memory.most_mb():6.0f} MB at most; {first} processes,"
            f" {replaced} replaced"
        )
    return is_well


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="load-", dir="/tmp"))
        environment = {
            **os.environ,
            "DATA_DIR": folder,
            "DJANGO_SETTINGS_MODULE": "predictions_api.settings",
            "SECRET_KEY": "a secret of one measurement, which guards nothing at all",
            "ALLOW_PRIVATE_URLS": "true",
            "LOG_LEVEL": "WARNING",
        }
        # Holds the embedded database for as long as this runs.
        from predictions_api.postgres import embedded

        server = embedded.use(Path(folder))
        environment["DATABASE_URL"] = (
            f"postgres://postgres@/predictions?host={server.socket_dir}&port={server.port}"
        )
        key = prepared(environment)
        model = stack.enter_context(
            subprocess.Popen(
                [sys.executable, str(STAND_IN), "--latency-ms", "5"],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(model.terminate)
        assert model.stdout is not None
        endpoint = f"http://127.0.0.1:{int(model.stdout.readline())}/v1"
        port = stack.enter_context(gunicorn("predictions_api.wsgi", env=environment))
        command = [sys.executable, "manage.py", "worker"]
        worker = psutil.Process(stack.enter_context(stopped_at_end(command, environment)).pid)
        watched = [
            Memory("web", lambda: web_processes(port)),
            Memory("worker", lambda: [worker, *worker.children()]),
        ]
        url = f"http://127.0.0.1:{port}"
        counted = load(url, key, endpoint, watched, options.clients, options.minutes)
        return 0 if report(counted, watched, options.minutes) else 1


if __name__ == "__main__":
    sys.exit(main())
