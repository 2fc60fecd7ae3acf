"""The evaluation of the service's tests, and everybody at their desks."""

from evals.models import ModelEval

LIST = "/admin/evals/modeleval/"


def page(evaluation: ModelEval, path: str = "") -> str:
    """The address of one of its pages."""
    return f"{LIST}{evaluation.eval_id}/{path}"
