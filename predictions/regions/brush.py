"""Label Studio's masks: of brushes a bit stream of run lengths over RGBA, row by row; or a PNG.

The mask is where alpha is above zero. The stream of a brush starts with the number of values (32
bits), the word size less one (5 bits) and four run-length sizes less one (4 bits each); every run
is one bit (1 repeated, 0 literal), two bits naming its size, its length less one, and its word or
words.
Source: https://github.com/thi-ng/umbrella/blob/develop/packages/rle-pack/src/index.ts
"""

import io
import struct
import zlib
from base64 import b64decode
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from predictions.regions.errors import CorruptBitmask, CorruptRle, MaskTooLarge

if TYPE_CHECKING:
    from PIL.Image import Image

# 67 megapixels: above every full-frame camera, and 64 MiB for a mask.
MAX_MASK_PIXELS = 2**26
# A run takes a microsecond; a mask of 12 megapixels as noisy as a photograph has half as many.
MAX_RUNS = 1_000_000

PNG_ADDRESS = "data:image/png;base64"

HEADER_BITS = 32 + 5 + 4 * 4


def decode_brush(rle: Sequence[int], *, width_px: int, height_px: int) -> npt.NDArray[np.bool_]:
    """The mask, bool (height, width), True where alpha > 0.

    `rle` holds bytes 0..255. The length header must say four values a pixel and is compared before
    anything is allocated; `CorruptRle` for that, and for a stream that ends early or runs over.
    `MaskTooLarge` for more than MAX_MASK_PIXELS pixels or MAX_RUNS runs. Pixels that no visible run
    reaches cost next to nothing.
    """
    if width_px * height_px > MAX_MASK_PIXELS:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    stream = _stream(rle)
    n_values = int.from_bytes(stream[:4], "big")
    if n_values != 4 * width_px * height_px:
        raise CorruptRle(f"{n_values} values for {width_px} x {height_px} pixels of four")
    visible = _expand(stream, n_values=n_values, n_bits=8 * len(rle))
    return visible.reshape(height_px, width_px)


def decode_bitmask(address: str, *, width_px: int, height_px: int) -> npt.NDArray[np.bool_]:
    """The mask in a PNG's `data:` address, bool (height, width), True where alpha > 0; of a PNG
    that can be seen through nowhere, as scripts write masks, where it is not black (everywhere, if
    alpha is there and all is black).

    `CorruptBitmask` for anything but a PNG of this size, which is told by its header before
    anything is decoded; `MaskTooLarge` for more than MAX_MASK_PIXELS pixels.
    """
    from PIL import Image as Pictures

    if width_px * height_px > MAX_MASK_PIXELS:
        raise MaskTooLarge(f"{width_px} x {height_px}")
    head, _, text = address.partition(",")
    if head != PNG_ADDRESS:
        raise CorruptBitmask(f"imageDataURL begins with {head!r:.60}, not with {PNG_ADDRESS!r}")
    try:
        with Pictures.open(io.BytesIO(b64decode(text, validate=True)), formats=["PNG"]) as image:
            if image.size != (width_px, height_px):
                size = "{} x {}".format(*image.size)
                raise CorruptBitmask(f"a PNG of {size} for {width_px} x {height_px} pixels")
            return _visible(image)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error) as error:
        raise CorruptBitmask(f"no PNG: {error}") from None
    except Pictures.DecompressionBombError as error:
        raise MaskTooLarge(str(error)) from None


def _visible(image: "Image") -> npt.NDArray[np.bool_]:
    if image.has_transparency_data:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A")) > 0
        colours = np.asarray(image.convert("RGB")).any(axis=2)
        # Black on all that is not the object: its alpha tells nothing. One colour everywhere does.
        is_told_by_colour = alpha.all() and colours.any()
        return np.asarray(colours if is_told_by_colour else alpha)
    drawn = np.asarray(image.convert("RGB") if image.mode == "P" else image)
    return np.asarray(np.atleast_3d(drawn).any(axis=2))


def _stream(rle: Sequence[int]) -> bytes:
    """The stream with eight spare bytes, so that a 64-bit window may start at any of its bits."""
    try:
        stream = bytes(rle)
    except (TypeError, ValueError) as error:
        raise CorruptRle("not a list of bytes 0..255") from error
    if 8 * len(stream) < HEADER_BITS:
        raise CorruptRle(f"{len(stream)} bytes are no header")
    return stream + bytes(8)


def _expand(stream: bytes, *, n_values: int, n_bits: int) -> npt.NDArray[np.bool_]:
    """Which fourth values, those of alpha, are above zero: bool (n_values / 4,)."""
    header = int.from_bytes(stream[:7], "big")
    word_bits = (header >> 19 & 31) + 1
    word = (1 << word_bits) - 1
    sizes = [(header >> shift & 15) + 1 for shift in (15, 11, 7, 3)]
    visible = np.zeros(n_values // 4, dtype=np.bool_)
    at, done, n_runs = HEADER_BITS, 0, 0
    while done < n_values:
        n_runs += 1
        if n_runs > MAX_RUNS:
            raise MaskTooLarge(f"more than {MAX_RUNS:,} runs")
        # One window of 64 bits holds a run's head and its first word: 7 + 3 + 16 + 32 at most.
        window = int.from_bytes(stream[at >> 3 : (at >> 3) + 8], "big")
        left = 61 - (at & 7)
        head = window >> left
        left -= sizes[head & 3]
        length = (window >> left & (1 << sizes[head & 3]) - 1) + 1
        body = at + 3 + sizes[head & 3]
        end = done + length
        at = body + word_bits * (1 if head & 4 else length)
        if end > n_values or at > n_bits:
            raise CorruptRle(f"value {done} of {n_values} runs over")
        if head & 4 or length == 1:
            if window >> left - word_bits & word:
                visible[done // 4 : end // 4] = True
        else:
            # Alpha is the last of four values.
            words = _literals(stream, body, length, word_bits)
            visible[done // 4 : end // 4] = words[(3 - done) % 4 :: 4]
        done = end
    return visible


def _literals(stream: bytes, at: int, length: int, word_bits: int) -> npt.NDArray[np.bool_]:
    """Which of `length` words from bit `at` on are above zero, bool (length,)."""
    last = at + length * word_bits
    bits = np.unpackbits(np.frombuffer(stream[at >> 3 : (last + 7) >> 3], dtype=np.uint8))
    words = bits[at & 7 : (at & 7) + length * word_bits].reshape(length, word_bits)
    return np.asarray(words.any(axis=1))


# How long a run may be, in bits: the four sizes the stream's header names.
RUN_BITS = (4, 8, 12, 16)
LONGEST_RUN = 1 << RUN_BITS[-1]


#: How many runs are written at a time: each takes a few hundred bytes meanwhile.
RUNS_AT_ONCE = 1 << 16


def encode_brush(
    patch: npt.NDArray[np.bool_], *, left: int, top: int, width_px: int, height_px: int
) -> list[int]:
    """The stream of an image's mask, bytes 0..255: white where it is painted.

    Nothing is painted outside of the bool patch, whose first pixel is (left, top) of the image.
    Each run is one repeated value; `decode_brush` gives back the mask. `MaskTooLarge` for more
    than MAX_RUNS runs.
    """
    n_pixels = width_px * height_px
    turns = np.concatenate([[0], _turns(patch, left, top, width_px), [n_pixels]])
    runs = np.diff(turns)
    is_painted = (np.arange(len(runs)) % 2 == 1)[runs > 0]
    # Four values a pixel, all of them equal.
    lengths = 4 * runs[runs > 0]
    pieces = -(-lengths // LONGEST_RUN)
    n_runs = int(pieces.sum())
    if n_runs > MAX_RUNS:
        raise MaskTooLarge(f"{n_runs:,} runs")
    values = np.repeat(np.where(is_painted, 255, 0), pieces).astype(np.int64)
    sizes = np.full(n_runs, LONGEST_RUN, dtype=np.int64)
    sizes[np.cumsum(pieces) - 1] = lengths - (pieces - 1) * LONGEST_RUN
    header = (4 * n_pixels) << 21 | 7 << 16
    for n, bits in enumerate(RUN_BITS):
        header |= (bits - 1) << (12 - 4 * n)
    stream = [np.array([header >> n & 1 for n in range(HEADER_BITS - 1, -1, -1)], dtype=np.uint8)]
    for first in range(0, n_runs, RUNS_AT_ONCE):
        chosen = slice(first, first + RUNS_AT_ONCE)
        stream.append(_bits(sizes[chosen] - 1, values[chosen]))
    packed: list[int] = np.packbits(np.concatenate(stream)).tolist()
    return packed


def _turns(
    patch: npt.NDArray[np.bool_], left: int, top: int, width_px: int
) -> npt.NDArray[np.int64]:
    """The pixels, counted row by row, at which paint begins and ends by turns, int64 (n,)."""
    height, width = patch.shape
    # An empty pixel before and behind each row: what begins in a row ends in it.
    framed = np.zeros((height, width + 2), dtype=np.bool_)
    framed[:, 1:-1] = patch
    flat = framed.ravel()
    row, column = np.divmod(np.flatnonzero(flat[1:] != flat[:-1]), width + 2)
    turns = (row + top) * width_px + column + left
    # A run that fills a row to its end goes on in the next one.
    meets = np.flatnonzero(turns[1:] == turns[:-1])
    return np.asarray(np.delete(turns, np.concatenate([meets, meets + 1])), dtype=np.int64)


def _bits(less_one: npt.NDArray[np.int64], values: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The bits of runs: repeated, which size, the length less one, the value."""
    which = np.searchsorted([1 << bits for bits in RUN_BITS], less_one, side="right")
    bits = np.array(RUN_BITS)[which]
    tokens = (((0b100 | which) << bits | less_one) << 8) | values
    widths = 3 + bits + 8
    ends = np.cumsum(widths)
    within = np.arange(ends[-1]) - np.repeat(ends - widths, widths)
    shifts = np.repeat(widths, widths) - 1 - within
    return np.asarray(np.repeat(tokens, widths) >> shifts & 1, dtype=np.uint8)
