"""What is wrong with a file, by place."""

from dataclasses import dataclass, field

from predictions.regions.geometry import Allowance

#: After so many errors the rest of a file is not read.
MOST_ERRORS = 1000
#: So many an exception's own text spells out.
MOST_TOLD = 20
#: Steps of an Allowance that nobody gets to the end of.
UNBOUNDED = 2**62


@dataclass(frozen=True, slots=True)
class FileError:
    """`place` is a path into the document (`annotations[17].category_id`) or a line
    (`a.txt, line 3`), empty for the file as a whole; `message` says what to do.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class BadFile(Exception):
    """The files cannot be read; `errors` say why, one at least."""

    def __init__(self, errors: list[FileError]) -> None:
        super().__init__("\n".join(map(str, errors[:MOST_TOLD])))
        self.errors = errors


@dataclass(slots=True)
class Errors:
    """Errors of the files that are read together, MOST_ERRORS at most, and how much work they may
    still make.

    A reader adds and goes on where it can; what reads the content calls `raise_if_any`.
    """

    found: list[FileError] = field(default_factory=list)
    #: What painting masks is taken from; without a bound unless given.
    work: Allowance = field(default_factory=lambda: Allowance(left=UNBOUNDED))

    def add(self, place: str, message: str) -> None:
        """One more error. BadFile for the last one that is kept."""
        self.found.append(FileError(place, message))
        if len(self.found) >= MOST_ERRORS:
            raise BadFile([*self.found, FileError("", f"Stopped after {MOST_ERRORS:,} errors.")])

    def stop(self, place: str, message: str) -> "BadFile":
        """The exception to raise where nothing more can be read."""
        return BadFile([*self.found, FileError(place, message)])

    def raise_if_any(self) -> None:
        """BadFile, if there are any."""
        if self.found:
            raise BadFile(self.found)
