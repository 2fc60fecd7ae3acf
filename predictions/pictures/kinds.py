"""What a file is, by its first bytes: its name says nothing.

Documents are none of these: SVG, HTML and PDF hold scripts.
"""

import re

#: So many bytes tell.
HEAD_BYTES = 64

PNG, JPEG, GIF, WEBP = "image/png", "image/jpeg", "image/gif", "image/webp"
BMP, TIFF = "image/bmp", "image/tiff"

# ISO media files whose brand says video or sound: HEIC and AVIF have other ones.
MP4 = rb"(?s).{4}ftyp(?:isom|iso[2-9]|mp4[12v]|avc1|dash|MSNV|M4[AVBP] |mmp4)"
# A frame of layer III, of a bit rate and sampling rate that there are.
MP3 = rb"(?s)ID3[\x02-\x04]|\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x10-\xeb]"
KINDS: tuple[tuple[re.Pattern[bytes], str], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (rb"\x89PNG\r\n\x1a\n", PNG),
        (rb"\xff\xd8\xff", JPEG),
        (rb"GIF8[79]a", GIF),
        (rb"(?s)RIFF.{4}WEBP", WEBP),
        # Its second header has one of few lengths.
        (rb"(?s)BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0", BMP),
        (rb"II[*+]\0|MM\0[*+]", TIFF),
        (rb"(?s)RIFF.{4}WAVE", "audio/wav"),
        (rb"OggS\0", "audio/ogg"),
        (rb"fLaC", "audio/flac"),
        (MP4, "video/mp4"),
        (rb"(?s)\x1aE\xdf\xa3.{0,48}webm", "video/webm"),
        (MP3, "audio/mpeg"),
    )
)


def kind_of(head: bytes) -> str | None:
    """The media type of a picture or recording that begins so; None for everything else."""
    return next((kind for pattern, kind in KINDS if pattern.match(head)), None)


def is_picture(kind: str | None) -> bool:
    """Whether a media type of `kind_of` is a picture's."""
    return kind is not None and kind.startswith("image/")
