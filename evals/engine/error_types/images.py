"""Which images have which errors, as it is kept."""

import struct
import zlib
from dataclasses import dataclass

import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.events import Ints

HEADER = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class ErrorImages:
    """One an error, int64 (n,) each: the position of its image, its class, its ErrorType."""

    image: Ints
    label: Ints
    kind: Ints

    def to_bytes(self) -> bytes:
        """For `read_error_images`: nine bytes an error, before they are compressed."""
        columns = (self.image.astype("<u4"), self.label.astype("<u4"), self.kind.astype(np.uint8))
        body = b"".join(column.tobytes() for column in columns)
        return HEADER.pack(len(self.image)) + zlib.compress(body, 1)

    def images_with(self, kind: int, label: int | None) -> Ints:
        """Positions of the images that have an error of a kind, of one class if given; rising."""
        fits = self.kind == kind
        if label is not None:
            fits &= self.label == label
        positions: Ints = np.unique(self.image[fits])
        return positions


def read_error_images(written: bytes) -> ErrorImages:
    """What `to_bytes` wrote; `UnreadableState` for anything else."""
    try:
        (n,) = HEADER.unpack_from(written)
        body = zlib.decompress(written[HEADER.size :])
        whole = np.frombuffer(body, "<u4", 2 * n).astype(np.int64)
        kind = np.frombuffer(body, np.uint8, n, 8 * n).astype(np.int64)
    except (struct.error, zlib.error, ValueError) as error:
        raise UnreadableState(str(error)) from error
    return ErrorImages(whole[:n], whole[n:], kind)
