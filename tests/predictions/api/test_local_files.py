"""`GET /data/local-files/`: files below image roots, to whoever reads their workspace; 404 for
everything else, in the same words.
"""

import io
import os
import socket
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from PIL import Image
from pytest_django import Settings

from accounts import tokens
from accounts.models import Membership, User
from predictions.api import pictures
from predictions.db.pictures import image_roots
from predictions.models import ImageRoot
from predictions.pictures import opening
from predictions.pictures.addresses import address
from tests.conftest import Caller, assert_invalid, assert_refused, desk_of, make_caller

OGG = b"OggS\0" + bytes(range(95))


def picture(kind: str = "PNG", size: tuple[int, int] = (8, 6), color: str = "red") -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, color).save(made, kind)
    return made.getvalue()


@pytest.fixture(autouse=True)
def _thumbnails(settings: Settings, tmp_path: Path) -> None:
    settings.THUMBNAILS_DIR = tmp_path / "thumbnails"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root's folder beside a secret."""
    (tmp_path / "secret.png").write_bytes(picture())
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "a.png").write_bytes(picture())
    made = tmp_path / "cars"
    (made / "val").mkdir(parents=True)
    (made / "a.png").write_bytes(picture())
    (made / "val" / "ä b+c&d%20#1.jpg").write_bytes(picture("JPEG"))
    (made / "a.ogg").write_bytes(OGG)
    return made


@pytest.fixture
def root(ada: Caller, folder: Path) -> ImageRoot:
    return image_roots.register(ada.workspace.pk, folder)


def get(client: Client, root: ImageRoot, name: str, **headers: str) -> Any:
    return client.get(address(root.pk, name), headers=headers)


def body(response: Any) -> bytes:
    return response.getvalue() if response.streaming else bytes(response.content)


def test_a_picture(ada: Caller, root: ImageRoot, folder: Path) -> None:
    response = get(ada.client, root, "a.png", accept="image/avif,image/webp,image/*;q=0.8")
    about = (folder / "a.png").stat()
    assert (response.status_code, body(response)) == (200, picture())
    assert {name: response[name] for name in response.headers} == {
        "Content-Type": "image/png",
        "Content-Length": str(len(picture())),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cross-Origin-Resource-Policy": "same-site",
        "Cache-Control": "private, max-age=3600",
        "ETag": f'"{about.st_dev:x}-{about.st_ino:x}-{about.st_size:x}-{about.st_mtime_ns:x}"',
        "Allow": "GET, HEAD, OPTIONS",
        "Vary": "origin",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Request-Id": response["X-Request-Id"],
    }


def test_the_address_is_made_for_any_name(ada: Caller, root: ImageRoot) -> None:
    response = get(ada.client, root, "val/ä b+c&d%20#1.jpg")
    assert (response["Content-Type"], body(response)) == ("image/jpeg", picture("JPEG"))


def test_without_a_slash_and_by_head(ada: Caller, root: ImageRoot) -> None:
    plain = address(root.pk, "a.png").replace("/?d=", "?d=")
    assert body(ada.client.get(plain)) == picture()
    head = ada.client.head(plain)
    assert (head.status_code, head["Content-Length"], body(head)) == (200, str(len(picture())), b"")


def test_who_has_it_is_told_so(ada: Caller, root: ImageRoot, folder: Path) -> None:
    tag = get(ada.client, root, "a.png")["ETag"]
    again = get(ada.client, root, "a.png", if_none_match=tag)
    assert (again.status_code, again["ETag"], body(again)) == (304, tag, b"")
    (folder / "a.png").write_bytes(picture(color="blue"))
    changed = get(ada.client, root, "a.png", if_none_match=tag)
    assert (changed.status_code, body(changed)) == (200, picture(color="blue"))


Change = Callable[[Caller], Client]


def by_key(caller: Caller, **fields: Any) -> Client:
    _, key = tokens.issue(user=caller.user, workspace=caller.workspace, **fields)
    return Client(headers={"authorization": f"Token {key}"})


def by_access_token(caller: Caller) -> Client:
    refresh, _ = tokens.create_refresh(  # type: ignore[misc]
        user_id=caller.user.pk, workspace_id=caller.workspace.pk, made_by_id=None
    )
    return Client(headers={"authorization": f"Bearer {tokens.access_for(refresh)}"})


def by_second_workspace(caller: Caller) -> Client:
    """A session of somebody who joined another workspace first."""
    other = make_caller("two@example.com", "first")
    Membership.objects.create(user=other.user, workspace=caller.workspace, role="reader")
    return desk_of(other)


def by_superuser(caller: Caller) -> Client:
    User.objects.create_superuser("root@example.com", "pw")
    client = Client()
    client.force_login(User.objects.get(email="root@example.com"), DESK)
    return client


DESK = "accounts.sessions.DeskBackend"
READERS: dict[str, Change] = {
    "a key": by_key,
    "x-api-key": lambda a: Client(headers={"x-api-key": a.key}),
    "a key that may read predictions": lambda a: by_key(a, scopes=["predictions:read"]),
    "an access token": by_access_token,
    "a session": desk_of,
    "a session of a second workspace": by_second_workspace,
    "a superuser": by_superuser,
}


def revoked(caller: Caller) -> Client:
    tokens.revoke(caller.token)
    return caller.client


def left(caller: Caller) -> Client:
    client = desk_of(caller)
    Membership.objects.all().delete()
    return client


def logged_out(caller: Caller) -> Client:
    client = desk_of(caller)
    client.logout()
    return client


STRANGERS: dict[str, Change] = {
    "nobody": lambda a: Client(),
    "a wrong key": lambda a: Client(headers={"authorization": f"Token {'a' * 40}"}),
    "half a header": lambda a: Client(headers={"authorization": "Token"}),
    "a revoked key": revoked,
    "a key for evaluations": lambda a: by_key(a, scopes=["model-eval:read"]),
    "a key of another workspace": lambda a: make_caller("olga@example.com", "elsewhere").client,
    "a session of another workspace": lambda a: desk_of(make_caller("o@example.com", "elsewhere")),
    "a session of a former member": left,
    "a session that ended": logged_out,
    "a key in the query": lambda a: Client(query_params={"api_key": a.key}),
}


@pytest.mark.parametrize("who", READERS)
def test_readers_of_the_workspace_see_it(ada: Caller, root: ImageRoot, who: str) -> None:
    client = READERS[who](ada)
    assert body(get(client, root, "a.png")) == picture()
    assert client.get(address(root.pk, "a.png").replace("?", "thumbnail?")).status_code == 200


def test_a_browser_keeps_it_for_its_session(ada: Caller, root: ImageRoot) -> None:
    response = get(desk_of(ada), root, "a.png")
    assert body(response) == picture()
    assert response["Vary"] == "Cookie, origin"


@pytest.mark.parametrize("who", STRANGERS)
def test_for_others_it_is_not_there(ada: Caller, root: ImageRoot, who: str) -> None:
    client = STRANGERS[who](ada)
    for place in (address(root.pk, "a.png"), address(root.pk, "nowhere.png")):
        assert_refused(client.get(place), 404, "Not found.")
        assert_refused(client.get(place.replace("?", "thumbnail?size=7&")), 404, "Not found.")


def linked(at: str, to: str) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / at).symlink_to(to)
        return at

    return make


def link_to_folder(folder: Path) -> str:
    (folder / "out").symlink_to("../secrets")
    return "out/a.png"


def pipe(folder: Path) -> str:
    os.mkfifo(folder / "pipe.png")
    return "pipe.png"


def listener(folder: Path) -> str:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(folder / "s.png"))
    return "s.png"


def device(folder: Path) -> str:
    try:
        os.mknod(folder / "zero.png", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("only root makes devices")
    return "zero.png"


def written(name: str, content: bytes) -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        (folder / name).write_bytes(content)
        return name

    return make


def unreadable(folder: Path) -> str:
    (folder / "closed").mkdir()
    (folder / "closed" / "loop").symlink_to("loop")
    return "closed/loop"


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
REFUSED: dict[str, str | Callable[[Path], str]] = {
    "nothing": "",
    "no such file": "nowhere.png",
    "the root": "/",
    "a folder": "val",
    "a folder with a slash": "val/",
    "a slash at the end": "a.png/",
    "two slashes": "val//a.png",
    "a dot": "./a.png",
    "up": "../secret.png",
    "up and down": "val/../a.png",
    "up from below": "val/../../secret.png",
    "only up": "..",
    "absolute": "/etc/hostname",
    "a backslash": "val\\..\\..\\secret.png",
    "a backslash in a name": "a\\b.png",
    "NUL": "a.png\0",
    "NUL and more": "a.png\0.jpg",
    "encoded twice": "%2e%2e/secret.png",
    "encoded slash": "..%2fsecret.png",
    "overlong UTF-8": "\ufffd\ufffd/secret.png",
    "a lone surrogate": "\udc80.png",
    "a long name": "a" * 256,
    "a long path": "/".join(["ab"] * 2000),
    "through a file": "a.png/b.png",
    "a link out": linked("l.png", "../secret.png"),
    "an absolute link out": linked("l.png", "/proc/self/exe"),
    "a link to a folder outside": link_to_folder,
    "a link to itself": linked("l.png", "l.png"),
    "a link to nothing": linked("l.png", "gone.png"),
    "a link to the root": linked("l.png", "."),
    "a loop below": unreadable,
    "a pipe": pipe,
    "a socket": listener,
    "a device": device,
    "a link to a device": linked("d.png", "/dev/zero"),
    "SVG": written("a.svg", SVG),
    "SVG called PNG": written("b.png", SVG),
    "HTML": written("a.html", b"<!doctype html><script>alert(1)</script>"),
    "HTML after a BOM": written("a.jpg", b"\xff\xfe<\0h\0t\0m\0l\0>\0"),
    "a text that begins with BM": written("a.bmp", b"BM<html><script>alert(1)</script>"),
    "PDF": written("a.pdf", b"%PDF-1.7"),
    "a program": written("a.png", b"\x7fELF" + bytes(100)),
    "an empty file": written("e.png", b""),
    "HEIC": written("a.heic", b"\0\0\0\x18ftypheic" + bytes(100)),
    "Matroska": written("a.webm", b"\x1aE\xdf\xa3" + b"\x42\x82\x88matroska" + bytes(100)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_nothing_else_is_served(ada: Caller, root: ImageRoot, folder: Path, what: str) -> None:
    make = REFUSED[what]
    name = make if isinstance(make, str) else make(folder)
    for place in ("/data/local-files/", "/data/local-files/thumbnail"):
        named = f"{root.pk}/{name}".encode("utf-8", "surrogatepass")
        answer = ada.client.get(place, {"d": named})
        assert_refused(answer, 404, "Not found.")


def test_what_stands_behind_the_escapes_is_decoded_once(
    ada: Caller, root: ImageRoot, folder: Path
) -> None:
    for text in ("%252e%252e%252fsecret.png", "..%252fsecret.png", "%2e%2e%2fsecret.png"):
        answer = ada.client.get(f"/data/local-files/?d={root.pk}/{text}")
        assert_refused(answer, 404, "Not found.")
    (folder / "%2e%2e").write_bytes(picture())
    assert body(ada.client.get(f"/data/local-files/?d={root.pk}/%252e%252e")) == picture()


@pytest.mark.hypothesis
@hypothesis.settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text() | st.text("./\\\0%2e5cfa:?#&+ ~").map(lambda text: f"val/{text}"))
def test_no_name_is_an_error_of_ours(ada: Caller, root: ImageRoot, folder: Path, name: str) -> None:
    query = {"d": f"{root.pk}/{name}".encode("utf-8", "surrogatepass")}
    answer = ada.client.get("/data/local-files/", query)
    body(answer)
    assert answer.status_code == 404 or (folder / name).is_file()


@pytest.mark.parametrize(
    "named",
    [
        "a.png", "{root}", "{root}a.png", "0{root}/a.png", "{root} /a.png", "/{root}/a.png",
        "0123456789abcdef/a.png", "{root}\0/a.png", "\u0660123456789abcdef/a.png",
    ],
)  # fmt: skip
def test_roots_are_named_exactly(ada: Caller, root: ImageRoot, named: str) -> None:
    text = named.format(root=root.pk)
    assert_refused(ada.client.get("/data/local-files/", {"d": text}), 404, "Not found.")
    assert_refused(ada.client.get("/data/local-files/"), 404, "Not found.")


def test_links_that_stay_below_are_followed(ada: Caller, root: ImageRoot, folder: Path) -> None:
    (folder / "same.png").symlink_to("a.png")
    (folder / "train").symlink_to("val")
    (folder / "val" / "up.png").symlink_to("../a.png")
    for name in ("same.png", "train/up.png", "val/up.png"):
        assert body(get(ada.client, root, name)) == picture()


@pytest.mark.parametrize("swapped", ["val", "val/b.png"])
def test_a_link_put_there_after_the_look_opens_nothing(
    ada: Caller, root: ImageRoot, folder: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    (folder / "val" / "b.png").write_bytes(picture())
    (folder.parent / "secrets" / "b.png").write_bytes(picture(color="blue"))
    look = os.path.realpath

    def looks_and_is_late(*args: Any, **kwargs: Any) -> Any:
        real = look(*args, **kwargs)
        (folder / swapped).rename(folder / "moved")
        outside = folder.parent / "secrets"
        (folder / swapped).symlink_to(outside if swapped == "val" else outside / "b.png")
        return real

    monkeypatch.setattr(os.path, "realpath", looks_and_is_late)
    answer = get(ada.client, root, "val/b.png")
    monkeypatch.undo()
    assert_refused(answer, 404, "Not found.")


def test_a_root_that_became_a_link_serves_nothing(
    ada: Caller, root: ImageRoot, folder: Path
) -> None:
    folder.rename(folder.parent / "moved")
    folder.symlink_to(folder.parent / "secrets")
    assert_refused(get(ada.client, root, "a.png"), 404, "Not found.")


def test_a_moved_and_a_removed_root(ada: Caller, root: ImageRoot, folder: Path) -> None:
    image_roots.move(root, folder.parent / "secrets")
    assert get(ada.client, root, "a.png").status_code == 200
    assert get(ada.client, root, "a.ogg").status_code == 404
    image_roots.remove(root)
    assert_refused(get(ada.client, root, "a.png"), 404, "Not found.")


def test_allowed_folders_hold_for_roots_there_are(
    ada: Caller, root: ImageRoot, folder: Path, settings: Settings
) -> None:
    for allowed, status in (([str(folder)], 200), ([str(folder.parent)], 200), (["/srv"], 404)):
        settings.LOCAL_FILES_ROOTS = allowed
        assert get(ada.client, root, "a.png").status_code == status
    settings.LOCAL_FILES_ROOTS = [f"{folder}s"]
    assert get(ada.client, root, "a.png").status_code == 404


MP4 = b"\0\0\0\x18ftypisom" + bytes(100)
KINDS = {
    "image/png": picture("PNG"),
    "image/jpeg": picture("JPEG"),
    "image/gif": picture("GIF"),
    "image/webp": picture("WEBP"),
    "image/bmp": picture("BMP"),
    "image/tiff": picture("TIFF"),
    "audio/wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(28),
    "audio/ogg": OGG,
    "audio/flac": b"fLaC" + bytes(40),
    "audio/mpeg": b"\xff\xfb\x90\x64" + bytes(40),
    "video/mp4": MP4,
    "video/webm": b"\x1aE\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + bytes(40),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds_are_told_by_content(ada: Caller, root: ImageRoot, folder: Path, kind: str) -> None:
    (folder / "a.svg").write_bytes(KINDS[kind])
    response = get(ada.client, root, "a.svg")
    assert (response["Content-Type"], body(response)) == (kind, KINDS[kind])
    assert response.get("Accept-Ranges") == (None if kind.startswith("image") else "bytes")


RANGES = [
    ("bytes=0-9", 206, OGG[:10], "bytes 0-9/100"),
    ("bytes=90-", 206, OGG[90:], "bytes 90-99/100"),
    ("bytes=90-1000", 206, OGG[90:], "bytes 90-99/100"),
    ("bytes=-1", 206, OGG[99:], "bytes 99-99/100"),
    ("bytes=-1000", 206, OGG, "bytes 0-99/100"),
    (" Bytes = 5 - 5 ", 206, OGG[5:6], "bytes 5-5/100"),
    ("bytes=100-", 416, b"", "bytes */100"),
    ("bytes=-0", 416, b"", "bytes */100"),
    ("bytes=9999999999999999999-", 416, b"", "bytes */100"),
    ("bytes=9-3", 200, OGG, None),
    ("bytes=0-1,4-5", 200, OGG, None),
    ("bytes=-", 200, OGG, None),
    ("bytes=a-b", 200, OGG, None),
    ("bytes=99999999999999999999-", 200, OGG, None),
    ("items=0-9", 200, OGG, None),
    ("", 200, OGG, None),
]


@pytest.mark.parametrize(("asked", "status", "part", "said"), RANGES)
def test_ranges_of_recordings(
    ada: Caller, root: ImageRoot, asked: str, status: int, part: bytes, said: str | None
) -> None:
    response = get(ada.client, root, "a.ogg", range=asked)
    found = (response.status_code, body(response), response.get("Content-Range"))
    assert found == (status, part, said)
    if status != 416:
        assert response["Content-Length"] == str(len(part))


def test_a_range_of_another_version_is_all_of_it(ada: Caller, root: ImageRoot) -> None:
    tag = get(ada.client, root, "a.ogg")["ETag"]
    for known, status in ((tag, 206), ('"other"', 200), ("Wed, 21 Oct 2015 07:28:00 GMT", 200)):
        response = get(ada.client, root, "a.ogg", range="bytes=0-9", if_range=known)
        assert response.status_code == status
        body(response)


def test_pictures_have_no_ranges(ada: Caller, root: ImageRoot) -> None:
    response = get(ada.client, root, "a.png", range="bytes=0-9")
    assert (response.status_code, body(response)) == (200, picture())


def test_nginx_may_send_it(ada: Caller, root: ImageRoot, folder: Path, settings: Settings) -> None:
    settings.SENDFILE_PREFIX = "/files"
    (folder / "b.png").symlink_to("val/ä b+c&d%20#1.jpg")
    response = get(ada.client, root, "b.png", range="bytes=0-9", if_none_match="*")
    assert (response.status_code, body(response)) == (200, b"")
    assert response["Content-Type"] == "image/jpeg"
    real = f"{folder}/val/%C3%A4%20b%2Bc%26d%2520%231.jpg"
    assert response["X-Accel-Redirect"] == f"/files{real}"
    assert "ETag" not in response
    assert_refused(get(ada.client, root, "../secret.png"), 404, "Not found.")


@pytest.fixture
def descriptors(folder: Path) -> Iterator[None]:
    """Nothing below the folder's is open afterwards."""
    yield
    places = [Path("/proc/self/fd", number) for number in os.listdir("/proc/self/fd")]
    names = [os.readlink(place) for place in places if place.is_symlink()]
    assert [name for name in names if name.startswith(str(folder))] == []


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("a.png", {}), ("a.ogg", {"range": "bytes=1-2"}), ("a.ogg", {"range": "bytes=200-"}),
        ("a.png", {"if_none_match": "*"}), ("a.png", {"if_match": '"other"'}), ("val", {}),
        ("b.txt", {}), ("pipe.png", {}),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("descriptors")
def test_files_are_closed(
    ada: Caller, root: ImageRoot, folder: Path, name: str, headers: dict[str, str]
) -> None:
    (folder / "b.txt").write_text("words")
    pipe(folder)
    response = get(ada.client, root, name, **headers)
    body(response)
    response.close()


def test_a_file_that_shrinks_breaks_off(ada: Caller, root: ImageRoot, folder: Path) -> None:
    (folder / "big.png").write_bytes(picture() + bytes(300_000))
    response = get(ada.client, root, "big.png")
    pieces = iter(response)
    assert len(next(pieces)) == opening.BLOCK
    os.truncate(folder / "big.png", 1000)
    with pytest.raises(EOFError):
        next(pieces)
    response.close()


def test_statements(ada: Caller, root: ImageRoot) -> None:
    """A key: whose it is, and the root. A session: itself, its user, the root, the memberships."""
    session = desk_of(ada)
    get(ada.client, root, "a.png")
    for client, n in ((ada.client, 2), (session, 4)):
        with CaptureQueriesContext(connection) as seen:
            body(get(client, root, "a.png"))
        assert len(seen) == n, [query["sql"] for query in seen]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_it_is_only_read(ada: Caller, root: ImageRoot, method: str) -> None:
    answer = getattr(ada.client, method)(address(root.pk, "a.png"))
    assert_refused(answer, 405, f'Method "{method.upper()}" not allowed.')


# Thumbnails.


def small(client: Client, root: ImageRoot, name: str, size: str = "", **headers: str) -> Any:
    query = {"d": f"{root.pk}/{name}"} | ({"size": size} if size else {})
    return client.get("/data/local-files/thumbnail", query, headers=headers)


def opened(response: Any) -> Image.Image:
    assert (response.status_code, response["Content-Type"]) == (200, "image/webp")
    return Image.open(io.BytesIO(response.content))


@pytest.mark.parametrize(
    ("size", "expected"), [("", (320, 160)), ("160", (160, 80)), ("640", (640, 320))]
)
def test_a_thumbnail(
    ada: Caller, root: ImageRoot, folder: Path, size: str, expected: tuple[int, int]
) -> None:
    (folder / "wide.png").write_bytes(picture(size=(1000, 500)))
    response = small(ada.client, root, "wide.png", size)
    shown = opened(response)
    assert (shown.format, shown.size) == ("WEBP", expected)
    red, green, blue = shown.convert("RGB").getpixel((10, 10))  # type: ignore[misc]
    assert red > 240
    assert max(green, blue) < 15
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert response["Cache-Control"] == "private, max-age=3600"
    again = small(ada.client, root, "wide.png", size, if_none_match=response["ETag"])
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("size", ["7", "0", "-160", "161", "99999999999", "a", "160.0"])
def test_of_few_sizes(ada: Caller, root: ImageRoot, size: str) -> None:
    refusal = "Select a valid choice. That choice is not one of the available choices."
    assert_invalid(small(ada.client, root, "a.png", size), {"size": [refusal]})


def test_it_is_made_once(ada: Caller, root: ImageRoot, folder: Path, settings: Settings) -> None:
    first = small(ada.client, root, "a.png")
    (kept,) = settings.THUMBNAILS_DIR.iterdir()
    assert kept.read_bytes() == first.content
    kept.write_bytes(b"as kept")
    assert small(ada.client, root, "a.png").content == b"as kept"
    (folder / "a.png").write_bytes(picture(color="blue"))
    assert opened(small(ada.client, root, "a.png")).convert("RGB").getpixel((4, 3))[2] > 240  # type: ignore[index]
    assert len(list(settings.THUMBNAILS_DIR.iterdir())) == 2


def test_where_many_are_being_made_the_picture_itself_is_shown(
    ada: Caller, root: ImageRoot, settings: Settings
) -> None:
    name = "val/ä b+c&d%20#1.jpg"
    n_makers = 0
    try:
        while pictures._makers.acquire(blocking=False):
            n_makers += 1
        assert n_makers == settings.WEB_THREADS - 2
        answer = small(ada.client, root, name)
        assert (answer.status_code, answer["Cache-Control"]) == (302, "no-store")
        assert answer["Location"] == address(root.pk, name)
        assert body(ada.client.get(answer["Location"])) == picture("JPEG")
    finally:
        for _ in range(n_makers):
            pictures._makers.release()
    assert opened(small(ada.client, root, name)).size == (8, 6)


def test_a_folder_that_cannot_be_written_to(
    ada: Caller, root: ImageRoot, folder: Path, settings: Settings
) -> None:
    settings.THUMBNAILS_DIR = folder / "a.png" / "below a file"
    assert opened(small(ada.client, root, "a.png")).size == (8, 6)


def bomb() -> bytes:
    """A PNG whose header says 60,000 by 60,000 pixels."""
    content = bytearray(picture())
    content[16:24] = struct.pack(">II", 60_000, 60_000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        OGG,
        bomb(),
        picture()[:40],
        picture("JPEG")[:60],
        b"GIF89a" + bytes(50),
        b"II*\0" + bytes(60),
    ],
    ids=["a recording", "a bomb", "half a PNG", "half a JPEG", "an empty GIF", "an empty TIFF"],
)  # fmt: skip
def test_what_cannot_be_shown_has_none(
    ada: Caller, root: ImageRoot, folder: Path, content: bytes
) -> None:
    (folder / "x.png").write_bytes(content)
    for _ in range(2):
        assert_refused(small(ada.client, root, "x.png"), 404, "Not found.")
