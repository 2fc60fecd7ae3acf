"""Creates with and without a webhook that listens, and deliveries to a receiver on this machine.

Prints the ratio of creates a second with one listening webhook to those without, in alternating
rounds in this process, and how many deliveries a second go out in order, with the memory they take,
beside plain httpx in turns with them.
"""

import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any, Self
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CREATES, ROUNDS = 300, 9
DELIVERIES, DELIVERY_ROUNDS = 10_000, 5
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def serve() -> None:
    """Prints its port; answers 200 to every POST, and to a GET with the beginnings of their bodies,
    a line each.
    """
    server = socket.create_server(("127.0.0.1", 0))
    print(server.getsockname()[1], flush=True)
    bodies: list[bytes] = []
    while True:
        connection, _ = server.accept()
        threading.Thread(target=answer, args=[connection, bodies], daemon=True).start()


def answer(connection: socket.socket, bodies: list[bytes]) -> None:
    """One connection of the receiver's, to its end."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    kept = b""
    while piece := connection.recv(1 << 20):
        kept += piece
        while b"\r\n\r\n" in kept:
            head, _, rest = kept.partition(b"\r\n\r\n")
            if head.startswith(b"GET"):
                lines = b"\n".join(bodies)
                connection.sendall(ANSWER % len(lines) + lines)
                kept = rest
                continue
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(rest) < length:
                break
            bodies.append(rest[:60])
            kept = rest[length:]
            connection.sendall(ANSWER % 0)


class Receiver:
    """One in a process of its own, for it shares the machine with us, but no interpreter."""

    def __init__(self) -> None:
        command = [sys.executable, __file__, "serve"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait()

    def bodies(self) -> list[bytes]:
        """The beginnings of the bodies that came, in their order."""
        with urlopen(self.url) as answer:
            found: bytes = answer.read()
        return found.split(b"\n")


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def creates(client: Any, task: int, access: Any, receiver: Receiver) -> None:
    from backends.db.webhooks import hooks
    from backends.delivery.signatures import new_secret
    from backends.models import Webhook

    body = {"task": task, "result": [], "model_version": "v"}
    webhook = hooks.create({"url": receiver.url}, access, secret=new_secret())

    def took_s(*, is_heard: bool) -> float:
        Webhook.objects.filter(pk=webhook.pk).update(is_active=is_heard)
        began = time.perf_counter()
        for _ in range(CREATES):
            assert client.post("/api/predictions/", body, format="json").status_code == 201
        return time.perf_counter() - began

    took_s(is_heard=True)
    ratios = [took_s(is_heard=False) / took_s(is_heard=True) for _ in range(ROUNDS)]
    print(f"creates with one listening webhook: {median(ratios):.2f} of those without (aim 0.8)")
    hooks.delete(webhook.pk)


def deliveries(project: Any, access: Any, receiver: Receiver) -> None:
    from backends.db.webhooks import hooks
    from backends.delivery import sending
    from backends.delivery.signatures import new_secret
    from predictions_api.outbound.events.models import Event

    Event.objects.all().delete()
    webhook = hooks.create({"url": receiver.url}, access, secret=new_secret())
    sending.STAYS_S = -1.0
    before_mb = memory_mb()
    each = DELIVERIES // DELIVERY_ROUNDS
    rounds = []
    for first in range(0, DELIVERIES, each):
        told = range(first, first + each)
        ours_s, made_s, ours_cpu_s = delivered(project, access, webhook.pk, told)
        bare_s, bare_cpu_s = posted(receiver, told)
        rounds.append((each / ours_s, bare_s / ours_s, bare_cpu_s / ours_cpu_s, made_s))
    bodies = [body for body in receiver.bodies() if b'"posted"' not in body]
    expected = [b'"tasks":[{"id":%d}]' % n for n in range(DELIVERIES)]
    assert len(bodies) == DELIVERIES
    assert all(one in body for one, body in zip(expected, bodies, strict=True)), "out of order"
    rates, ratios, cpu_ratios, making = (sorted(column) for column in zip(*rounds, strict=True))
    print(
        f"{DELIVERIES:,} deliveries in order: {median(rates):.0f} a second (aim 500;"
        f" {rates[0]:.0f} to {rates[-1]:.0f}), made of their events in {sum(making):.1f} s of that,"
        f" {memory_mb() - before_mb:.0f} MB more memory"
    )
    print(
        f"{median(ratios):.2f} of what plain httpx posts in turns with them ({ratios[0]:.2f} to"
        f" {ratios[-1]:.2f}), which signs and stores nothing; {median(cpu_ratios):.2f} by"
        " processor time"
    )


def delivered(
    project: Any, access: Any, webhook_id: int, told: range
) -> tuple[float, float, float]:
    """Seconds from the first look at the events to the last answer noted, those for making
    deliveries among them, and of the processor.
    """
    from backends.delivery import fanning, sending
    from predictions_api.outbound.events import recording

    for n in told:
        recording.record(
            "TASKS_DELETED",
            workspace_id=access.workspace_id,
            project_id=project.pk,
            body={"ids": [n]},
        )
    began, cpu = time.perf_counter(), time.process_time()
    while fanning.make_deliveries():
        pass
    made_s = time.perf_counter() - began
    sending.send(webhook_id, lambda: False)
    return time.perf_counter() - began, made_s, time.process_time() - cpu


def posted(receiver: Receiver, told: range) -> tuple[float, float]:
    """Seconds for as many bodies as long with plain httpx, one after the other; of the processor,
    too.
    """
    import httpx

    began, cpu = time.perf_counter(), time.process_time()
    with httpx.Client() as client:
        for n in told:
            body = b'{"posted":%d,%b}' % (n, b'"pad":"%b"' % (b"x" * 300))
            answer = client.post(
                receiver.url, content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 200
    return time.perf_counter() - began, time.process_time() - cpu


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        serve()
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data_dir:
        Path(data_dir).chmod(0o755)
        os.environ |= {
            "DATA_DIR": data_dir,
            "DJANGO_SETTINGS_MODULE": "predictions_api.settings",
            "ALLOW_PRIVATE_URLS": "true",
            "LOG_LEVEL": "ERROR",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from rest_framework.test import APIClient

        from accounts import tokens
        from predictions.db import projects, tasks

        call_command("migrate", verbosity=0)
        _, key = tokens.create(
            email="bench@example.com", workspace_slug="bench", create_workspace=True, role="owner"
        )
        holder = tokens.holder_of_key(key)
        assert holder is not None
        access = holder.access
        project = projects.create_project({"title": "Bench"}, access, parsed=None)
        task = tasks.create_task({"project": project.pk, "data": {"text": "x"}}, access)["id"]
        client = APIClient(HTTP_AUTHORIZATION=f"Token {key}", HTTP_HOST="localhost")
        with Receiver() as receiver:
            creates(client, task, access, receiver)
            deliveries(project, access, receiver)


if __name__ == "__main__":
    main()
