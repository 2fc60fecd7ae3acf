"""A form that starts an evaluation starts one, however often its button is pressed."""

from collections.abc import Callable

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest

from desk.page import ONCE
from evals.models import ModelEval
from predictions.db.idempotency import KeptAnswer, claim, keep, kept_answer

#: What the answers of such forms are known by beside those of the API.
MARK = "desk:evaluation"
MOST_CHARACTERS = 64


def once(
    request: HttpRequest, workspace_id: int, make: Callable[[], ModelEval]
) -> tuple[ModelEval, bool]:
    """What `make` makes, and true; of a form that was sent before what it made then, and false.

    Two of one form at once wait for each other. What `make` refuses may be sent again. For 24
    hours, and while the evaluation is there; a form without the field starts one each time.
    """
    form = request.POST.get(ONCE, "")
    if not form.isalnum() or len(form) > MOST_CHARACTERS:
        return make(), True
    key = f"{MARK}:{form}"
    with transaction.atomic():
        row_id = claim(workspace_id, key)
        if row_id is not None:
            made = make()
            keep(row_id, KeptAnswer(MARK, 302, made.eval_id.encode()))
            return made, True
    before = _made_before(workspace_id, key)
    if before is None:
        return make(), True
    messages.info(request, "This is what the page has asked for. Load it anew to ask again.")
    return before, False


def _made_before(workspace_id: int, key: str) -> ModelEval | None:
    kept = kept_answer(workspace_id, key)
    if kept is None or kept.fingerprint != MARK:
        return None
    eval_id = bytes(kept.body).decode()
    return ModelEval.objects.filter(workspace_id=workspace_id, eval_id=eval_id).first()
