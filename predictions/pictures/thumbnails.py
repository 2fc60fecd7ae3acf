"""Small pictures of large ones, with Pillow.

The format is the one that the first bytes say, the number of pixels is bounded by the header before
one of them is decoded, and what a broken file does to a decoder is no error of ours.
"""

import io
import struct
from typing import TYPE_CHECKING, BinaryIO

from predictions.pictures.kinds import BMP, GIF, HEAD_BYTES, JPEG, PNG, TIFF, WEBP, kind_of
from predictions.pictures.opening import Opened
from predictions.pictures.sizes import ORIENTATION
from predictions_api import memory

if TYPE_CHECKING:
    from PIL.Image import Image

#: Longest sides of thumbnails in pixels.
SIDES = (160, 320, 640, 1600)
#: Larger files, and pictures with more pixels, have no thumbnail. The pixels are Pillow's bound.
MOST_BYTES = 128 * memory.MB
MOST_PIXELS = 89_478_485
#: What decoding and reducing needs for each pixel at most.
BYTES_A_PIXEL = 8
#: Of WebP, from 0 to 100.
QUALITY = 80

FORMATS = {PNG: "PNG", JPEG: "JPEG", GIF: "GIF", WEBP: "WEBP", BMP: "BMP", TIFF: "TIFF"}
# What Pillow's readers raise for files that are not what they begin as.
BROKEN = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, ArithmeticError,
    AttributeError, NotImplementedError, AssertionError, RuntimeError, Warning, struct.error,
)  # fmt: skip


class NoPicture(Exception):
    """It is no picture that can be shown; the text says why."""


def thumbnail(opened: Opened, side: int) -> bytes:
    """A WebP of the picture, turned as EXIF says, whose longest side is `side` pixels at most.

    Of several frames the first one. NoPicture for other files and for too large ones.
    `memory.Crowded` as `memory.hold`.
    """
    if opened.size > MOST_BYTES:
        raise NoPicture(f"The file has more than {MOST_BYTES:,} bytes.")
    try:
        with opened.file() as file:
            image = _read_header(file, opened)
            wide, high = image.size
            if wide * high > MOST_PIXELS:
                raise NoPicture(f"The picture has more than {MOST_PIXELS:,} pixels.")
            with memory.held(wide * high * BYTES_A_PIXEL):
                return _reduced(image, side)
    except BROKEN as error:
        raise NoPicture(f"The picture cannot be read: {error}") from None
    except MemoryError:
        raise NoPicture("The picture needs more memory than there is.") from None


def _read_header(file: BinaryIO, opened: Opened) -> "Image":
    """The picture, not decoded. NoPicture, or one of BROKEN."""
    from PIL import Image

    format_ = FORMATS.get(kind_of(opened.head(HEAD_BYTES)) or "")
    if format_ is None:
        raise NoPicture("It is no picture.")
    try:
        return Image.open(file, formats=[format_])
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise NoPicture(f"The picture has more than {MOST_PIXELS:,} pixels.") from None


def _reduced(image: "Image", side: int) -> bytes:
    from PIL import ImageOps

    # A JPEG is decoded at a fraction of its size.
    image.draft("RGB", (2 * side, 2 * side))
    if image.mode.startswith("I;16"):
        # As browsers show them: the upper eight of sixteen bits.
        image = image.point(lambda level: level / 256).convert("L")
    has_alpha = image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info
    mode = "RGBA" if has_alpha else "RGB"
    exif = image.getexif()
    image = image if image.mode == mode else image.convert(mode)
    image.thumbnail((side, side), reducing_gap=2.0)
    image.info = {}
    if exif.get(ORIENTATION) in range(2, 9):
        image.getexif()[ORIENTATION] = exif[ORIENTATION]
        image = ImageOps.exif_transpose(image)
    made = io.BytesIO()
    image.save(made, "WEBP", quality=QUALITY, exif=b"")
    return made.getvalue()
