"""The grid of a project's tasks: of a large project beside one of 1,000 tasks.

    python benchmarks/bench_grid.py [--tasks 100000]

The large project's tasks are copies of those of the small one, so pages weigh the same. Both are
asked in turns, by a client of a person who is logged in, and the best of several rounds of medians
counts.

What passes over all tasks is told apart; it is not meant to stay below 1.5: a text that no task has
is looked for in each. An index of trigrams would serve it, but `pg_trgm` does not come with the
embedded Postgres. Of what 100,000 short texts take, visiting their rows is 0.4, reading the key
0.2, `lower` 0.25 and `strpos` 0.15; `ILIKE` takes 1.4 times as long, and parallel workers on two
cores as long. Visiting the rows alone is more than 0.5 of a page of 1,000 tasks, so no wording of
the condition makes it 1.5.

The mean score of a task's predictions is kept nowhere: an index of means would have to be written
with each prediction, and imports would pay for it (one of scores made inserts some 20 % slower).
The index on (task, id) of predictions has their scores, which costs inserts nothing. Of a project's
first pages only tasks with a score below a bound have their means made
(`predictions/db/curation/listing.py`).
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import evaluated
from benchmarks.bench_desk import in_turns, reviewer

COPIES_SQL = """
WITH source AS (SELECT * FROM predictions_task WHERE project_id = %(small)s),
copied AS (
    INSERT INTO predictions_task
        (project_id, slot, data, meta, inner_id, overlap, created_at, updated_at)
    SELECT %(big)s, %(big)s %% 4096, s.data, s.meta, n.n * 1000 + s.inner_id, 1, now(), now()
    FROM source s, generate_series(0, %(copies)s - 1) AS n(n) ORDER BY 5
    RETURNING id, inner_id
), original AS (SELECT c.id, s.id AS source FROM copied c
    JOIN source s ON s.inner_id = (c.inner_id - 1) %% 1000 + 1
), predicted AS (
    INSERT INTO predictions_prediction
        (project_id, slot, task_id, result, model_version, score, mislabeling, created_at,
         updated_at)
    SELECT %(big)s, %(big)s %% 4096, o.id, p.result, p.model_version, random(), 0, now(), now()
    FROM original o JOIN predictions_prediction p ON p.task_id = o.source
), annotated AS (
    INSERT INTO predictions_annotation
        (project_id, slot, task_id, result, ground_truth, was_cancelled, created_at, updated_at)
    SELECT %(big)s, %(big)s %% 4096, o.id, a.result, TRUE, FALSE, now(), now()
    FROM original o JOIN predictions_annotation a ON a.task_id = o.source
)
SELECT count(*) FROM copied
"""
CUT_SQL = """
UPDATE predictions_{} SET result = jsonb_path_query_array(result, '$[0 to 4]')
WHERE project_id = %s
"""
SCORE_SQL = "UPDATE predictions_prediction SET score = random() WHERE project_id = %s"
TAG_SQL = """
INSERT INTO predictions_tasktag (project_id, slot, task_id, name, created_at)
SELECT project_id, slot, id, CASE WHEN inner_id %% 3 = 0 THEN 'night' ELSE 'day' END, now()
FROM predictions_task WHERE project_id = ANY(%s)
"""
COUNTED_SQL = """
UPDATE evals_evalimage i SET task_id = t.id FROM predictions_task t
WHERE i.evaluation_id = %s AND t.project_id = %s AND t.inner_id = i.position + 1
"""


def copied(small: Any, n: int) -> Any:
    """A project of n tasks like those of the small one, with its predictions and ground truth. Of
    either project's results the first regions stay.
    """
    from django.db import connection

    from predictions.models import Project

    with connection.cursor() as cursor:
        for table in ("prediction", "annotation"):
            cursor.execute(CUT_SQL.format(table), [small.pk])
        cursor.execute(SCORE_SQL, [small.pk])
    big = Project.objects.get(pk=small.pk)
    big.pk, big.slug = None, f"{small.slug}-big"
    big.save()
    with connection.cursor() as cursor:
        copies = {"small": small.pk, "big": big.pk, "copies": n // evaluated.SMALL}
        cursor.execute(COPIES_SQL, copies)
        cursor.execute(TAG_SQL, [[small.pk, big.pk]])
    return big


def counted(one: Any, big: Any, n: int) -> Any:
    """An evaluation of the large project, with the counts of that of the small one."""
    from django.db import connection

    many = evaluated.enlarged(one, n)
    many.project = big
    many.save(update_fields=["project"])
    with connection.cursor() as cursor:
        cursor.execute(COUNTED_SQL, [many.pk, big.pk])
    evaluated.vacuum()
    return many


def query_of(*, name: str = "", operator: str = "", value: Any = None, order: str = "") -> str:
    """The part of an address that filters and orders."""
    from urllib.parse import urlencode

    query: dict[str, Any] = {}
    if name:
        kind = "String" if isinstance(value, str) else "Number"
        item = {"filter": name, "operator": operator, "value": value, "type": kind}
        query["filters"] = {"conjunction": "and", "items": [item]}
    if order:
        query["ordering"] = [order]
    return f"?{urlencode({'query': json.dumps(query)})}"


def pages(eval_id: str, last: int) -> dict[str, str]:
    """What is asked of a grid, by what it is called here."""
    errors = f"evaluation.{eval_id}.errors"
    return {
        "first page": "",
        "last page that is reached": f"?page={last}",
        "newest first": query_of(order="-id"),
        "of a tag": query_of(name="tags", operator="contains", value="night"),
        "of a split": query_of(name="meta.split", operator="equal", value="valid"),
        "of a score": query_of(name="score", operator="greater", value=0.5),
        "with errors": query_of(name=errors, operator="greater", value=20),
        "most errors first": query_of(order=f"-{errors}"),
        "lowest agreement first": query_of(order="agreement"),
        "lowest mean score first": query_of(order="predictions_score"),
    }


def passes() -> dict[str, str]:
    """What looks at every task of a project."""
    return {
        "what no task has": query_of(name="data.image", operator="contains", value="nothing"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    evaluated.start()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["testserver"]
    small, _ = evaluated.project_of(evaluated.SMALL)
    one = evaluated.evaluation_of(small)
    evaluated.evaluate(one)
    big = copied(small, options.tasks)
    many = counted(one, big, options.tasks)
    client = reviewer()

    def ask(project: Any, query: str) -> None:
        answer = client.get(f"/admin/predictions/project/{project.pk}/tasks/{query}")
        assert answer.status_code == 200, answer.content[-2000:]

    print(f"{'grid':28}{'1,000':>9}{f'{options.tasks:,}':>11}{'ratio':>8}")
    for kind in (pages, lambda eval_id, last: passes()):
        of_small, of_big = kind(one.eval_id, 41), kind(many.eval_id, 416)
        for name in of_small:
            works = partial(ask, small, of_small[name]), partial(ask, big, of_big[name])
            little, large = in_turns(options.rounds, 3, *works)
            print(f"{name:28}{little:>7.1f}ms{large:>9.1f}ms{large / little:>8.2f}")
        print()


if __name__ == "__main__":
    main()
