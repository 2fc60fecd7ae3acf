"""Width and height of a picture, from its header: nothing is decoded, so size is no danger."""

from typing import Any, BinaryIO

from predictions.pictures.kinds import BMP, GIF, HEAD_BYTES, JPEG, PNG, TIFF, WEBP, kind_of


def size_of(file: BinaryIO) -> tuple[int, int] | None:
    """Pixels across and down of the picture in an open file, as it is stored; None for what is no
    picture of a known kind, or a broken one.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    reader = _readers().get(kind_of(head) or "")
    if reader is None:
        return None
    try:
        width, height = reader(file).size
    except Exception:  # decoders raise bare exceptions of many kinds
        return None
    return int(width), int(height)


def _readers() -> dict[str, Any]:
    # Not `Image.open`, which refuses large pictures: it is asked by those who decode them.
    from PIL import (
        BmpImagePlugin,
        GifImagePlugin,
        JpegImagePlugin,
        PngImagePlugin,
        TiffImagePlugin,
        WebPImagePlugin,
    )

    return {
        BMP: BmpImagePlugin.BmpImageFile,
        GIF: GifImagePlugin.GifImageFile,
        JPEG: JpegImagePlugin.JpegImageFile,
        PNG: PngImagePlugin.PngImageFile,
        TIFF: TiffImagePlugin.TiffImageFile,
        WEBP: WebPImagePlugin.WebPImageFile,
    }
