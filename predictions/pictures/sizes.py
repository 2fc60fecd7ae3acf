"""Width and height of a picture, from its header: nothing is decoded, so size is no danger."""

from typing import Any, BinaryIO

from predictions.pictures.kinds import BMP, GIF, HEAD_BYTES, JPEG, PNG, TIFF, WEBP, kind_of

#: EXIF's number of how the camera was held, and what it holds where width and height are swapped.
ORIENTATION = 274
ON_ITS_SIDE = range(5, 9)


def size_of(file: BinaryIO) -> tuple[int, int] | None:
    """Pixels across and down of the picture in an open file, turned as its EXIF says: so browsers
    show it and labelling tools measure it. None for what is no picture of a known kind, or broken.
    """
    head = file.read(HEAD_BYTES)
    file.seek(0)
    reader = _readers().get(kind_of(head) or "")
    if reader is None:
        return None
    try:
        image = reader(file)
        width, height = image.size
    except Exception:  # decoders raise bare exceptions of many kinds
        return None
    return (int(height), int(width)) if _lies_on_its_side(image) else (int(width), int(height))


def _lies_on_its_side(image: Any) -> bool:
    # Only of what the header holds: asking for more decodes a PNG.
    if "exif" not in image.info:
        return False
    try:
        return image.getexif().get(ORIENTATION) in ON_ITS_SIDE
    except Exception:  # as above: a picture is shown without EXIF that cannot be read
        return False


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
