"""A zip that is sent while it is made."""

import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

#: Bytes that are kept until there is a piece worth sending.
PIECE_BYTES = 2**16


class Pipe(io.RawIOBase):
    """A file that hands over what was written since the last time."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0
        #: How much waits to be taken.
        self.n_waiting = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._position += len(data)
        self.n_waiting += len(data)
        return len(data)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        """What was written since the last time."""
        taken = b"".join(self._parts)
        self._parts.clear()
        self.n_waiting = 0
        return taken


#: A file's name in a zip, and its content in pieces.
Entry = tuple[str, Iterable[bytes]]


def zipped(entries: Iterable[Entry]) -> Iterator[bytes]:
    """A zip of the entries in order; memory holds PIECE_BYTES and the list of names."""
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in entries:
            # Nobody knows yet how large it will be.
            with packed.open(name, "w", force_zip64=True) as file:
                for part in content:
                    file.write(part)
                    if pipe.n_waiting > PIECE_BYTES:
                        yield pipe.take()
    yield pipe.take()
