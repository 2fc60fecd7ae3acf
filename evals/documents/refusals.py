"""What the evaluation client is refused, one class a reason; the docstring is the default message.

The client tells its exceptions apart by their codes. Pure: how a refusal becomes an answer stands
in `evals.api.errors`.
"""

from evals.documents.document import Document


class Problem(Document):
    """Every error of the evaluation routes."""

    error: str
    message: str


class Refusal(Exception):
    """The request cannot be answered."""

    status_code: int = 400
    default_code: str = "invalid_request"

    def __init_subclass__(cls, *, code: str, status: int = 400) -> None:
        """A reason has a code of its own and the status it is answered with."""
        cls.default_code, cls.status_code = code, status

    def __init__(self, message: str | None = None, code: str | None = None) -> None:
        self.detail = message or type(self).__doc__ or ""
        self.code = code or self.default_code
        super().__init__(self.detail)

    def document(self) -> Problem:
        """The refusal as it is answered."""
        return Problem(error=self.code, message=self.detail)


class EvaluationNotFound(Refusal, code="model_eval_not_found", status=404):
    """There is no such model evaluation in this workspace."""


class WorkspaceNotFound(Refusal, code="workspace_not_found", status=404):
    """There is no such workspace, or the key is not for it."""


class ProjectNotFound(Refusal, code="project_not_found", status=404):
    """There is no such project in this workspace."""


class ImageNotFound(Refusal, code="image_not_found", status=404):
    """The evaluation has no such image."""


class ReportNotFound(Refusal, code="report_not_found", status=404):
    """The evaluation has no such report."""


class EvaluationNotDone(Refusal, code="model_eval_not_done", status=409):
    """The model evaluation is not finished."""


class InvalidConfidence(Refusal, code="invalid_confidence"):
    """confidence must be an integer from 0 to 100."""


class InvalidSplit(Refusal, code="invalid_split"):
    """split must be one of train, valid, test."""


class InvalidLevel(Refusal, code="invalid_level"):
    """level must be an integer from 1 to 99."""


class UnknownSlice(Refusal, code="unknown_slice"):
    """The evaluation's images are not sliced by this key."""


class InvalidPagination(Refusal, code="invalid_pagination"):
    """limit and offset must be whole numbers within their ranges."""


class InvalidStatus(Refusal, code="invalid_status"):
    """status must be one of running, done, failed."""


class InvalidFilterCombination(Refusal, code="invalid_filter_combination"):
    """Use at most one of project, version and model."""


class InvalidFilter(Refusal, code="invalid_filter"):
    """A filter or the order of images cannot be read."""


class InvalidFrontierMetric(Refusal, code="invalid_frontier_metric"):
    """frontierMetric must be one of mAP, mAP5095, mAP75, mIoU, precision, recall, f1."""


class TooManyClasses(Refusal, code="too_many_classes"):
    """There are too many classes for the whole square; ask for its cells with ?format=cells."""


class InvalidImport(Refusal, code="invalid_import"):
    """The file is no evaluation."""
