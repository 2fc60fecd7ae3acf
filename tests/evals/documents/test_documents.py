"""Documents say what models and routes say."""

from typing import Any

import pytest

from evals.documents.evaluation import Evaluation
from evals.documents.names import SPLITS
from evals.documents.schema import schema_of
from evals.engine.kinds.table import KINDS
from evals.models import EvalPanel, ModelEval, Split, TaskType
from evals.panels.panel import Panel
from evals.panels.table import PANELS
from tests.checking import contract


def test_words_of_an_evaluation_are_those_of_its_columns() -> None:
    keys = schema_of(Evaluation)["properties"]

    assert keys["status"]["enum"] == ModelEval.Status.values
    assert keys["source"]["enum"] == ModelEval.Origin.values
    assert keys["taskType"]["enum"] == list(KINDS)
    assert set(KINDS) <= set(TaskType.values)
    assert list(SPLITS) == [split.label for split in sorted(Split)]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.path)
def test_a_panel_of_the_table_has_a_documented_route(panel: Panel) -> None:
    path = f"/{{workspace}}/model-evals/{{eval_id}}/{panel.path}"
    operation: Any = contract().document["paths"][path]["get"]
    schema = operation["responses"]["200"]["content"]["application/json"]["schema"]

    assert operation["operationId"] == panel.operation_id
    assert schema["properties"].keys() >= schema_of(panel.document)["properties"].keys()
    assert list(schema["properties"])[:4] == ["evalId", "project", "versionId", "modelId"]
    asked = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
    assert asked == set(panel.query().fields)


def test_panels_are_imported_under_keys_and_kinds_of_their_own() -> None:
    imported = [panel.imported_as for panel in PANELS if panel.imported_as]

    assert len({key for key, _ in imported}) == len(imported)
    assert len({kind for _, kind in imported}) == len(imported)
    assert {kind for _, kind in imported} <= set(EvalPanel.Kind)
