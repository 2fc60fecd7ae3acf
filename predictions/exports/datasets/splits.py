"""Lists of the images of each split, which wait on disk until all are known."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Self

from predictions.exports.datasets.items import ImageItem, NotHeld

#: What YOLO and VOC call a project's splits.
NAMES = {"train": "train", "valid": "val", "test": "test"}


class Splits:
    """A list for each split that has an image."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def name_of(self, item: ImageItem) -> str:
        """What the formats call the image's split. `NotHeld` for one that no format knows."""
        if item.split not in NAMES:
            raise NotHeld(
                f"Task {item.task['id']}: meta.split is {item.split!r:.100}."
                f" It is {', '.join(NAMES)}, or left out for test."
            )
        return NAMES[item.split]

    def add(self, name: str, line: str) -> None:
        """Appends a line to a split's list."""
        if name not in self._files:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the others
            self._files[name] = self._stack.enter_context(file)
        self._files[name].write(f"{line}\n".encode())

    def lists(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Each split's name and list, from its beginning."""
        for name, file in sorted(self._files.items()):
            file.seek(0)
            yield name, file
