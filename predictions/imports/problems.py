"""What is wrong with which items of an import."""

from dataclasses import dataclass, field
from typing import Any

from rest_framework.exceptions import ValidationError

# How many reasons an answer spells out; the rest are counted.
MAX_REASONS = 100
# How many bad items an import reads, and with `on_error=skip` passes over and names.
MOST_SKIPPED = 100_000
TOO_MANY_BAD = f"More than {MOST_SKIPPED:,} items are bad; nothing is stored."


@dataclass(slots=True)
class Report:
    """Reasons by the item's index; with `keep_all` every one, else enough for an answer.

    Memory grows with what is kept: MAX_REASONS batches' worth at most without `keep_all`.
    """

    noun: str
    keep_all: bool = False
    reasons: dict[int, list[str]] = field(default_factory=dict)
    # Bad items that are counted only.
    n_more: int = 0

    def __bool__(self) -> bool:
        return bool(self.reasons)

    @property
    def is_full(self) -> bool:
        """Whether further items need only be counted."""
        return not self.keep_all and len(self.reasons) >= MAX_REASONS

    def add(self, index: int, reason: str) -> None:
        """One more reason; an item may have several. ValidationError for more than MOST_SKIPPED
        bad items: the rest is not read.
        """
        if self.keep_all and len(self.reasons) > MOST_SKIPPED:
            raise ValidationError([TOO_MANY_BAD])
        if index not in self.reasons and self.is_full:
            self.n_more += 1
            if self.n_more > MOST_SKIPPED:
                raise ValidationError([*self.messages()[:MAX_REASONS], TOO_MANY_BAD])
        else:
            self.reasons.setdefault(index, []).append(reason)

    def messages(self) -> list[str]:
        """`<Noun> <index>: <reason>`, at most MAX_REASONS, then how many there are in all."""
        named = [
            f"{self.noun} {index}: {reason}"
            for index, reasons in sorted(self.reasons.items())
            for reason in reasons
        ]
        n_bad = len(self.reasons) + self.n_more
        if len(named) <= MAX_REASONS and not self.n_more:
            return named
        count = f"{n_bad:,} bad items in all; the first {MAX_REASONS} reasons are named."
        return [*named[:MAX_REASONS], count]

    def raise_if_any(self) -> None:
        """ValidationError with the messages, if there are any."""
        if self.reasons:
            raise ValidationError(self.messages())

    def skipped(self) -> list[dict[str, Any]]:
        """The bad items one by one, for an import that stores the good ones."""
        return [{"index": i, "errors": errors} for i, errors in sorted(self.reasons.items())]
