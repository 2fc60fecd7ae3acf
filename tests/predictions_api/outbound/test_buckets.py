"""Buckets at addresses that users gave us: bounded, guarded, and never asked with our own keys."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from predictions_api.outbound import client
from predictions_api.outbound.buckets.place import BucketFault, Place, Taken

bucket: Any = pytest.importorskip("predictions_api.outbound.buckets.bucket")

Handle = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(handle: Handle) -> Iterator[str]:
    """The address of a service that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            handle(self)

        do_GET = do_HEAD = do_PUT = do_DELETE = answer

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def sending(status: int, body: bytes = b"", **headers: str) -> Handle:
    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return handle


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_HOSTS = ["127.0.0.1"]


def opened(address: str, *, timeout_s: float = 5.0, most_bytes: int = 1000, **more: str) -> Any:
    place = Place("cars", endpoint=address, **more)
    return bucket.Bucket(place, timeout_s=timeout_s, most_attempts=1, most_bytes=most_bytes)


def test_an_answer_is_waited_for_as_a_whole() -> None:
    """Byte by byte it would come in time, for ever."""
    done = threading.Event()

    def handle(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        try:
            while not done.wait(0.01):
                request.wfile.write(b" ")
                request.wfile.flush()
        except OSError:
            request.close_connection = True

    with serving(handle) as address, opened(address, timeout_s=0.5) as cars:
        with pytest.raises(BucketFault, match=r"does not answer: no answer within 0.5 s"):
            list(cars.objects("", is_recursive=True))
        done.set()


def test_an_answer_is_read_no_further_than_it_may_be_long() -> None:
    body = b"x" * (bucket.HEAD_BYTES + 10_000)
    with (
        serving(sending(200, body)) as address,
        opened(address) as cars,
        pytest.raises(BucketFault, match="The answer is longer than"),
    ):
        cars.part("a.png", 0, 1000)


def test_a_redirect_is_not_followed() -> None:
    with serving(sending(200)) as other:
        moved = sending(307, Location=f"{other}/elsewhere")
        with (
            serving(moved) as address,
            opened(address) as cars,
            pytest.raises(BucketFault, match=r"a redirect \(307\), which is not followed"),
        ):
            cars.part("a.png", 0, 1000)


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (200, b"<html>", "answered 500"),
        (500, b"<Error><Code>Odd</Code><Message>Odd things</Message></Error>", "answered 500 Odd"),
        (403, b"<Error><Code>AccessDenied</Code></Error>", "credentials (AccessDenied)"),
        (501, b"", "answered 501"),
    ],
)
def test_what_a_service_says(status: int, body: bytes, said: str) -> None:
    with (
        serving(sending(status, body)) as address,
        opened(address) as cars,
        pytest.raises(BucketFault) as fault,
    ):
        list(cars.objects("", is_recursive=True))
    assert said in str(fault.value)


def test_another_part_than_was_asked_for_is_refused() -> None:
    with (
        serving(sending(200, b"everything")) as address,
        opened(address) as cars,
        pytest.raises(BucketFault, match="did not answer with the part"),
    ):
        cars.part("a.png", 4, 8)


def test_a_name_that_leads_elsewhere_later_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was public when the address was checked, and is private when it is called."""
    with serving(sending(200)) as address:
        port = int(address.rpartition(":")[2])
        info = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: info)
        with opened(f"http://bucket.example:{port}") as cars, pytest.raises(client.Blocked):
            cars.check()


def test_the_servers_own_keys_and_proxies_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Any]] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        asked.append((request.path, request.headers.get("Authorization")))
        sending(200)(request)

    for name, value in {
        "AWS_ACCESS_KEY_ID": "ours",
        "AWS_SECRET_ACCESS_KEY": "our secret",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
    }.items():
        monkeypatch.setenv(name, value)
    with serving(handle) as address:
        with opened(address) as cars:
            cars.check()
        with opened(address, key_id="theirs", secret="secret") as cars:
            cars.check()
    assert [path for path, _ in asked] == ["/cars", "/cars"]
    assert asked[0][1] is None
    assert asked[1][1].startswith("AWS4-HMAC-SHA256 Credential=theirs/")


@pytest.mark.parametrize("answer", [200, 501], ids=["pays no heed to it", "refuses it"])
@pytest.mark.parametrize("is_there", [True, False])
def test_a_service_that_knows_no_conditions(is_there: bool, answer: int) -> None:
    written: list[bool] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.command != "PUT":
            return sending(200 if is_there else 404)(request)
        has_condition = "If-None-Match" in request.headers
        written.append(has_condition)
        return sending(answer if has_condition else 200)(request)

    with serving(handle) as address, opened(address) as cars:
        if is_there:
            with pytest.raises(Taken):
                cars.write("1", b"{}", is_new=True)
        else:
            cars.write("1", b"{}", is_new=True)
    first = {200: [True], 501: [True, False]}
    assert written == ([] if is_there else first[answer])


def test_keys_that_may_only_write_rely_on_the_condition() -> None:
    written: list[bool] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.command == "PUT":
            written.append("If-None-Match" in request.headers)
        sending({"PUT": answer}.get(request.command, 403))(request)

    with serving(handle) as address, opened(address) as cars:
        answer = 200
        cars.write("1", b"{}", is_new=True)
        answer = 412
        with pytest.raises(Taken):
            cars.write("1", b"{}", is_new=True)
        # Nobody says whether it is there.
        answer = 501
        with pytest.raises(BucketFault, match="answered 501"):
            cars.write("1", b"{}", is_new=True)
    assert written == [True, True, True]


def test_an_object_that_is_another_one_meanwhile() -> None:
    """Of a service that answers as if it had not been asked for the first."""
    parts = iter([sending(206, b"ab", ETag='"1"', Content_Range="bytes 0-1/4")])
    second = sending(206, b"cd", ETag='"2"', Content_Range="bytes 2-3/4")
    with (
        serving(lambda request: next(parts, second)(request)) as address,
        opened(address) as cars,
    ):
        first = cars.part("a.png", 0, 2)
        assert first == (b"ab", 4, "1")
        with pytest.raises(Taken, match="is another one meanwhile"):
            cars.part("a.png", 2, 4, tag=first.tag)
