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

    def __init__(self, message: str | None = None, code: str | None = None) -> None:
        self.detail = message or type(self).__doc__ or ""
        self.code = code or self.default_code
        super().__init__(self.detail)

    def document(self) -> Problem:
        """The refusal as it is answered."""
        return Problem(error=self.code, message=self.detail)


class EvaluationNotFound(Refusal):
    """There is no such model evaluation in this workspace."""

    status_code = 404
    default_code = "model_eval_not_found"


class WorkspaceNotFound(Refusal):
    """There is no such workspace, or the key is not for it."""

    status_code = 404
    default_code = "workspace_not_found"


class ProjectNotFound(Refusal):
    """There is no such project in this workspace."""

    status_code = 404
    default_code = "project_not_found"


class ImageNotFound(Refusal):
    """The evaluation has no such image."""

    status_code = 404
    default_code = "image_not_found"


class ReportNotFound(Refusal):
    """The evaluation has no such report."""

    status_code = 404
    default_code = "report_not_found"


class EvaluationNotDone(Refusal):
    """The model evaluation is not finished."""

    status_code = 409
    default_code = "model_eval_not_done"


class InvalidConfidence(Refusal):
    """confidence must be an integer from 0 to 100."""

    default_code = "invalid_confidence"


class InvalidSplit(Refusal):
    """split must be one of train, valid, test."""

    default_code = "invalid_split"


class InvalidPagination(Refusal):
    """limit and offset must be whole numbers within their ranges."""

    default_code = "invalid_pagination"


class InvalidStatus(Refusal):
    """status must be one of running, done, failed."""

    default_code = "invalid_status"


class InvalidFilterCombination(Refusal):
    """Use at most one of project, version and model."""

    default_code = "invalid_filter_combination"


class InvalidFilter(Refusal):
    """A filter or the order of images cannot be read."""

    default_code = "invalid_filter"


class InvalidFrontierMetric(Refusal):
    """frontierMetric must be one of mAP, mAP5095, mAP75, mIoU, precision, recall, f1."""

    default_code = "invalid_frontier_metric"


class TooManyClasses(Refusal):
    """There are too many classes for the whole square; ask for its cells with ?format=cells."""

    default_code = "too_many_classes"


class InvalidImport(Refusal):
    """The file is no evaluation."""

    default_code = "invalid_import"
