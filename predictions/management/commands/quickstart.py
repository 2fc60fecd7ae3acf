"""`manage.py quickstart`: from a fresh checkout to a running service, and back with Ctrl-C."""

import errno
import logging
import os
import socket
import sys
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from predictions.demo import account as quickstart
from predictions_api.operations import processes
from predictions_api.operations.probe import is_ready
from predictions_api.operations.processes import Child, Stopped

ANY_ADDRESS = {"0.0.0.0", "::", ""}  # noqa: S104
READY_WITHIN_S = 60
POLL_S = 0.1


class Bind(NamedTuple):
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Bind":
        """`HOST:PORT`, `[IPV6]:PORT`; port 0 takes a free one."""
        host, colon, port = text.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise ArgumentTypeError(f"{text!r} is not HOST:PORT, as 127.0.0.1:8000 is")
        return cls(host.strip("[]"), int(port))

    @property
    def reached_at(self) -> str:
        """The host a client of this machine calls."""
        return "127.0.0.1" if self.host in ANY_ADDRESS else self.host

    @property
    def address(self) -> str:
        host = f"[{self.reached_at}]" if ":" in self.reached_at else self.reached_at
        return f"http://{host}:{self.port}"


class Command(BaseCommand):
    help = (
        "Start everything on this machine: database, migrations, an admin with a token, web server "
        "and worker, and demo projects. Running it again finds all of it again. INITIAL_TOKEN, "
        "INITIAL_WORKSPACE and INITIAL_PASSWORD fix the admin's token, workspace and password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--bind",
            type=Bind.parse,
            default=Bind("127.0.0.1", 8000),
            metavar="HOST:PORT",
            help="Where to listen (default: 127.0.0.1:8000; port 0 takes a free one).",
        )
        parser.add_argument("--no-demo", action="store_true", help="Load no demo projects.")
        parser.add_argument("--no-worker", action="store_true", help="Start no worker.")

    def handle(self, *, bind: Bind, no_demo: bool, no_worker: bool, **options: Any) -> None:
        children: list[Child] = []
        with processes.stopping_on_signals():
            try:
                listener = _listen(bind)
                bind = Bind(bind.host, listener.getsockname()[1])
                account = self._prepare()
                children.append(_start_web(listener, bind))
                if not no_worker:
                    children.append(_start_worker())
                _await_ready(bind, children)
                if not no_demo and not quickstart.has_demo(account.workspace):
                    self._load_demo(bind, account)
                self._show(bind, account)
                _watch(children)
            except Stopped:
                self.stdout.write("\nStopping.")
            finally:
                processes.stop(children)

    def _prepare(self) -> quickstart.Account:
        with self._timed("Database"):
            connections["default"].ensure_connection()
        with self._timed("Migrations"):
            call_command("migrate", verbosity=0, interactive=False)
        try:
            return quickstart.ensure_account(settings.DATA_DIR)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        finally:
            connections.close_all()

    def _load_demo(self, bind: Bind, account: quickstart.Account) -> None:
        # Imported here: that takes seconds, which nobody else should wait for.
        with self._timed("Demo"):
            from httpx import HTTPError
            from label_studio_sdk.core.api_error import ApiError

            from predictions.demo.loading import load

            # The progress bar says it; a line for each request would bury it.
            logging.getLogger("httpx").setLevel(logging.WARNING)
            try:
                load(bind.address, account.token, progress=self.stderr.isatty())
            except (ApiError, HTTPError) as error:
                # The service itself is fine, so it goes on.
                self.stderr.write(f"The demo projects could not be loaded: {error}")

    def _show(self, bind: Bind, account: quickstart.Account) -> None:
        password = account.password or "(changed; `manage.py password` makes a new one)"
        facts = {
            "Address": f"{bind.address}   documentation: {bind.address}/docs/",
            "Admin": f"{bind.address}/admin/   {quickstart.EMAIL}   {password}",
            "See first": quickstart.see_first(bind.address, account),
            "Token": account.token,
            "Workspace": account.workspace,
            "Logs": f"{settings.DATA_DIR}/web.log, worker.log",
        }
        self.stdout.write("")
        for name, fact in facts.items():
            self.stdout.write(f"{name:>12}  {fact}")
        self.stdout.write("\nTry it:")
        for command in quickstart.requests_to_copy(bind.address, account):
            self.stdout.write(f"\n{command}")
        self.stdout.write("")
        self.stdout.write(self.style.SUCCESS("Running. Ctrl-C stops everything."))
        self.stdout.flush()

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.stdout.write(f"{what:>12}  ready in {time.monotonic() - started:.1f} s")


def _listen(bind: Bind) -> socket.socket:
    """An open socket, handed to the web server later: so a taken port is known before any work."""
    family = socket.AF_INET6 if ":" in bind.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((bind.host, bind.port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"Port {bind.port} of {bind.host} is taken. Stop what uses it, or choose another: "
                f'make run ARGS="--bind {bind.host}:{bind.port + 1}"'
            ) from error
        raise CommandError(f"Cannot listen on {bind.host}:{bind.port}: {error.strerror}") from error
    listener.listen()
    return listener


def _start_web(listener: socket.socket, bind: Bind) -> Child:
    # Whoever asks to be reached from outside is reached by names we cannot know.
    hosts = ["*"] if bind.host in ANY_ADDRESS else [*settings.ALLOWED_HOSTS, "localhost", bind.host]
    with listener:
        return Child(
            [sys.executable, "-m", "gunicorn", "--bind", f"fd://{listener.fileno()}"],
            log=settings.DATA_DIR / "web.log",
            environment={**os.environ, "ALLOWED_HOSTS": ",".join(hosts)},
            pass_fds=[listener.fileno()],
        )


def _start_worker() -> Child:
    return Child(
        [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker"],
        log=settings.DATA_DIR / "worker.log",
        environment=os.environ,
    )


def _await_ready(bind: Bind, children: list[Child]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not is_ready(bind.reached_at, bind.port):
        _check(children)
        if time.monotonic() > deadline:
            raise CommandError(f"{bind.address}/ready does not answer; see {children[0].log}")
        time.sleep(POLL_S)


def _watch(children: list[Child]) -> None:
    """Return never: a signal raises Stopped, a child that ends a CommandError."""
    while True:
        _check(children)
        time.sleep(POLL_S)


def _check(children: list[Child]) -> None:
    for child in children:
        if child.has_ended:
            raise CommandError(
                f"A process ended by itself; the end of {child.log}:\n{child.last_words()}"
            )
