"""Tasks as the grid shows them: each with one prediction, its ground truth and its tags; and what
the grid's filters offer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from predictions.db.curation.listing import ids
from predictions.db.curation.tags import NAMES_SQL
from predictions.db.versions import VERSION_NAMES_SQL, OneVersion
from predictions.filters.tasks import TaskFilter, named
from predictions_api.http.storable import float_value, json_value
from predictions_api.postgres.spread import slots
from predictions_api.postgres.sql import fetch_all, fetch_one

#: Tasks that are counted, and reached page by page: filters reach the rest.
MOST_COUNTED = 10_000
#: Characters of each text in a task's data.
MOST_CHARACTERS = 2_000
#: Stored bytes of a result that is drawn.
MOST_RESULT_BYTES = 200_000
#: Choices of a kind that filters offer.
MOST_OFFERED = 200
#: Tasks whose keys of data and meta are offered: the first ones.
SAMPLED = 5

# Texts are cut, so that pictures that stand in their tasks do not come along.
BEGINNING = """(SELECT jsonb_object_agg(f.key, CASE jsonb_typeof(f.value)
        WHEN 'string' THEN to_jsonb(left(f.value #>> '{{}}', %(characters)s))
        WHEN 'object' THEN to_jsonb(left(f.value::text, %(characters)s))
        WHEN 'array' THEN to_jsonb(left(f.value::text, %(characters)s))
        ELSE f.value END)
    FROM jsonb_each(CASE jsonb_typeof(t.data) WHEN 'object' THEN t.data END) AS f)::text"""
DRAWN = "CASE WHEN pg_column_size({0}.result) <= %(bytes)s THEN {0}.result::text END"
# The page's ids in the filter's order; what is on each by (task, id).
CARDS_SQL = f"""
SELECT t.id, t.inner_id, {BEGINNING}, {{shown}},
       ARRAY(SELECT g.name FROM predictions_tasktag g
             WHERE g.project_id = t.project_id AND g.task_id = t.id ORDER BY g.name),
       p.id, p.model_version, p.score, p.result, a.id, a.result, {{total}}
FROM unnest(ARRAY({{listed}})) WITH ORDINALITY AS c(task_id, n)
JOIN predictions_task t ON t.id = c.task_id
LEFT JOIN LATERAL (
    SELECT q.id, left(q.model_version, 200) AS model_version, q.score,
           {DRAWN.format("q")} AS result
    FROM predictions_prediction q WHERE q.task_id = t.id{{of_version}}
    ORDER BY q.id DESC LIMIT 1
) AS p ON TRUE
LEFT JOIN LATERAL (
    SELECT b.id, {DRAWN.format("b")} AS result
    FROM predictions_annotation b WHERE b.task_id = t.id AND b.ground_truth AND NOT b.was_cancelled
    ORDER BY b.id DESC LIMIT 1
) AS a ON TRUE
ORDER BY c.n
"""  # noqa: S608
# No further than what is counted.
TOTAL = (
    "(SELECT count(*) FROM (SELECT 1 FROM predictions_task t"
    " WHERE t.project_id = %(project)s AND {where} LIMIT %(most)s) AS counted)"
)
OF_VERSION = " AND q.model_version IS NOT DISTINCT FROM %(version)s"


@dataclass(frozen=True, slots=True)
class TaskCard:
    """A task of the grid. Results are None where there is none, or it is too long to draw."""

    id: int
    inner_id: int
    #: Its data, texts cut at MOST_CHARACTERS, and lists and objects as the beginning of their JSON.
    data: dict[str, Any]
    #: What tasks are ordered by, as text; None without.
    sorted_by: str | None
    tags: list[str]
    prediction_id: int | None
    model_version: str | None
    score: float | None
    result: Any
    truth_id: int | None
    truth: Any


@dataclass(frozen=True, slots=True)
class CardPage:
    """Some tasks in the order of a filter."""

    cards: list[TaskCard]
    #: Tasks that the filter lets through; MOST_COUNTED + 1 for more than MOST_COUNTED.
    total: int


def card_page(
    wanted: TaskFilter, *, project_id: int, limit: int, offset: int, version: OneVersion | None
) -> CardPage:
    """The tasks of a project that a filter lets through, in its order, each with its newest
    prediction, or the newest of `version`. Past the last one no cards, and a total of 0. One
    statement.
    """
    where, where_params = named(wanted.where, "where")
    page = ids(wanted, project_id=project_id, limit=limit, offset=offset)
    listed, listed_params = named(page, "listed")
    shown, shown_params = named(wanted.sorted_by or ("NULL", []), "shown")
    sql = CARDS_SQL.format(
        listed=listed,
        shown=f"({shown})::text",
        total=TOTAL.format(where=where),
        of_version="" if version is None else OF_VERSION,
    )
    rows = fetch_all(
        sql,
        {
            "project": project_id,
            "characters": MOST_CHARACTERS,
            "bytes": MOST_RESULT_BYTES,
            "most": MOST_COUNTED + 1,
            "version": None if version is None else version.name,
            **where_params,
            **listed_params,
            **shown_params,
        },
        slot=slots.of_project(project_id),
    )
    cards = [
        TaskCard(
            id=id_,
            inner_id=inner_id,
            data=json_value(data) if data else {},
            sorted_by=sorted_by,
            tags=tags,
            prediction_id=prediction_id,
            model_version=model_version,
            score=score,
            result=result and float_value(result),
            truth_id=truth_id,
            truth=truth and float_value(truth),
        )
        for id_, inner_id, data, sorted_by, tags, prediction_id, model_version, score, result,
        truth_id, truth, _ in rows
    ]  # fmt: skip
    return CardPage(cards, rows[0][-1] if rows else 0)


class Offered(NamedTuple):
    """What the filters of a project's tasks offer."""

    versions: list[str]
    tags: list[str]
    data: list[str]
    meta: list[str]
    #: Id and `data` of each saved view.
    views: list[tuple[int, dict[str, Any]]]


# Versions and tags by a probe of their index each; keys of the first tasks, as `filters/within.py`
# finds them; the project's views.
KEYS_SQL = """SELECT DISTINCT jsonb_object_keys(CASE jsonb_typeof(s.{column})
    WHEN 'object' THEN s.{column} ELSE '{{}}' END) AS name FROM sampled s"""
OFFERED_SQL = f"""
WITH sampled AS MATERIALIZED (
    SELECT t.data, t.meta FROM predictions_task t
    WHERE t.project_id BETWEEN %(project)s AND %(project)s
    ORDER BY t.project_id, t.id LIMIT %(sampled)s
)
(SELECT 'version', v.name, NULL::bigint FROM ({VERSION_NAMES_SQL}) AS v)
UNION ALL (SELECT 'tag', g.name, NULL FROM ({NAMES_SQL}) AS g)
UNION ALL (SELECT 'data', left(k.name, 200), NULL
           FROM ({KEYS_SQL.format(column="data")}) AS k ORDER BY 2 LIMIT %(limit)s)
UNION ALL (SELECT 'meta', left(k.name, 200), NULL
           FROM ({KEYS_SQL.format(column="meta")}) AS k ORDER BY 2 LIMIT %(limit)s)
UNION ALL (SELECT 'view', w.data::text, w.id
           FROM predictions_savedview w WHERE w.project_id = %(project)s
           ORDER BY w."order", w.id LIMIT %(limit)s)
"""  # noqa: S608


def offered(project_id: int) -> Offered:
    """MOST_OFFERED of each at most. One statement."""
    rows = fetch_all(
        OFFERED_SQL,
        {"project": project_id, "limit": MOST_OFFERED, "sampled": SAMPLED},
        slot=slots.of_project(project_id),
    )
    of: dict[str, list[str]] = {"version": [], "tag": [], "data": [], "meta": []}
    views = []
    for kind, text, id_ in rows:
        if kind == "view":
            views.append((id_, orjson.loads(text)))
        else:
            of[kind].append(text)
    return Offered(of["version"], of["tag"], of["data"], of["meta"], views)


PICTURE_SQL = """
SELECT t.data ->> %(key)s FROM predictions_task t
WHERE t.id = %(task)s AND t.project_id = %(project)s
"""


def text_of(task_id: int, key: str, *, project_id: int) -> str | None:
    """A text of a task's data, whole; None where there is none."""
    params = {"task": task_id, "key": key, "project": project_id}
    row = fetch_one(PICTURE_SQL, params, slot=slots.of_project(project_id))
    return None if row is None else row[0]


COUNT_SQL = """
SELECT count(*), count(*) FILTER (WHERE EXISTS (
    SELECT 1 FROM predictions_annotation a WHERE a.task_id = t.id AND a.ground_truth
    AND NOT a.was_cancelled))
FROM predictions_task t WHERE t.project_id = %s AND {where}
"""
VERSIONS_SQL = """
SELECT p.model_version, count(*) FROM predictions_prediction p
WHERE p.project_id = %s AND p.task_id IN (
    SELECT t.id FROM predictions_task t WHERE t.project_id = %s AND {where}
) GROUP BY p.model_version ORDER BY count(*) DESC, p.model_version LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a selection of tasks holds."""

    tasks: int
    #: Tasks of these that have ground truth.
    with_truth: int
    #: Predictions of these by model version, the most frequent first.
    versions: Sequence[tuple[str | None, int]]


def held(wanted: TaskFilter, *, project_id: int) -> Held:
    """Of all tasks that a filter lets through. Two statements that read all of them."""
    where, params = wanted.where
    slot = slots.of_project(project_id)
    sql = COUNT_SQL.format(where=where)
    counted = fetch_one(sql, [project_id, *params], slot=slot) or (0, 0)
    versions = fetch_all(
        VERSIONS_SQL.format(where=where),
        [project_id, project_id, *params, MOST_OFFERED],
        slot=slot,
    )
    return Held(counted[0], counted[1], [(version, n) for version, n in versions])
