"""What is made of a text and kept while it is in use, within a number of bytes of text.

`functools.lru_cache` counts entries: 256 labelling configs of a megabyte, parsed, were 14 GB.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import update_wrapper
from typing import Generic, TypeVar

Made = TypeVar("Made")


class KeptByText(Generic[Made]):
    """A function of one text that remembers what it made of the texts used last.

    At most `most_bytes` of them together; a longer text is made anew each time. Threads that ask
    for a text at once may both make it.
    """

    def __init__(self, make: Callable[[str], Made], most_bytes: int) -> None:
        self._make = make
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Made] = OrderedDict()
        self._lock = threading.Lock()
        self.n_bytes = 0
        update_wrapper(self, make)

    def __call__(self, text: str) -> Made:
        with self._lock:
            if text in self._kept:
                self._kept.move_to_end(text)
                return self._kept[text]
        made = self._make(text)
        if len(text) > self._most_bytes:
            return made
        with self._lock:
            if text not in self._kept:
                self._kept[text] = made
                self.n_bytes += len(text)
            while self.n_bytes > self._most_bytes:
                oldest, _ = self._kept.popitem(last=False)
                self.n_bytes -= len(oldest)
        return made


def kept_by_text(most_bytes: int) -> Callable[[Callable[[str], Made]], KeptByText[Made]]:
    """A decorator: see KeptByText."""
    return lambda make: KeptByText(make, most_bytes)
