"""Why a file cannot be imported."""

from evals.engine.errors import EvaluationError


class UnreadableFile(EvaluationError):
    """The file is no evaluation."""

    def __init__(self, path: str, reason: str) -> None:
        self.detail = f"{path}: {reason}" if path else reason
        ValueError.__init__(self, self.detail)
