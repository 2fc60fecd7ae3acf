"""What a loader asks of a registered folder."""

from pathlib import Path

from PIL import Image

from predictions.pictures.registered import RegisteredFolder


def test_addresses_sizes_and_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "val").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "val" / "ä b.jpg", exif=exif.tobytes())
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "words.txt").write_text("words")
    (tmp_path.parent / "outside.png").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "link.png").symlink_to(tmp_path.parent / "outside.png")
    folder = RegisteredFolder("0123456789abcdef", str(tmp_path.resolve()))
    assert folder.address("val/ä b.jpg") == (
        "/data/local-files/?d=0123456789abcdef/val/%C3%A4%20b.jpg"
    )
    names = {
        "a.png": ((40, 20), False), "val/ä b.jpg": ((20, 40), False), "words.txt": (None, False),
        "val": (None, True), "gone.png": (None, True), "../outside.png": (None, True),
        "link.png": (None, True), "val\\ä b.jpg": (None, True), "": (None, True),
    }  # fmt: skip
    assert {name: (folder.size(name), folder.is_missing(name)) for name in names} == names
