"""What can go wrong between us and a backend. Messages name no address of ours.

Each says by its class what is to be done about it: `Away` is waited out, `Wrong` asked once more
and then task by task, `Ending` ends the job.
"""

MOST_MESSAGE = 500


class Fault(Exception):
    """A call that brought no answer to be used; `kind` is the type that a failure is listed by."""

    kind = "BackendError"

    def __init__(self, message: str, *, kind: str | None = None) -> None:
        super().__init__(message[: MOST_MESSAGE + 100])
        if kind is not None:
            self.kind = kind


class Away(Fault):
    """Nobody answers, not in time, or the answer is that it has no time now.

    `retry_after_s` is what the backend asked for, if it did.
    """

    kind = "Unreachable"

    def __init__(
        self, message: str, *, kind: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, kind=kind)
        self.retry_after_s = retry_after_s


class Wrong(Fault):
    """An answer that is an error (`BackendError`), or no answer to the question
    (`InvalidAnswer`). `status` is the HTTP status.
    """

    def __init__(self, message: str, *, kind: str | None = None, status: int = 200) -> None:
        super().__init__(message, kind=kind)
        self.status = status


class Uneven(Wrong):
    """More or fewer results than tasks were asked for."""

    kind = "InvalidAnswer"


class TooLarge(Wrong):
    """An answer beyond what is read."""

    kind = "InvalidAnswer"


class Ending(Fault):
    """Nothing more may be asked: the credentials are refused (`Unauthorized`), or the address is
    (`Blocked`).
    """
