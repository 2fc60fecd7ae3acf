"""Time series whose times are told in numbers on one side and in dates on the other."""

from typing import Any

import pytest

from tests.conftest import Caller, MakeProject
from tests.evals.conftest import computed, load

Json = dict[str, Any]
SERIES = """<View><TimeSeriesLabels name="label" toName="ts"><Label value="run"/></TimeSeriesLabels>
<TimeSeries name="ts" value="$csv" timeColumn="t" {more}>
<Channel column="x"/></TimeSeries></View>"""
DATED = 'timeFormat="%Y-%m-%d %H:%M:%S"'
DIGITS = 'timeFormat="%Y%m%d"'
NOON = 1_577_880_000  # 2020-01-01 12:00 UTC
MESSAGE = (
    "1 stretches tell their time in numbers where others of the same recording tell dates: the "
    "numbers are read as milliseconds since 1970, as Label Studio reads them."
)
WARNING = {"reason": "numbers_beside_dates", "regions": 1, "message": MESSAGE}


def stretch(start: Any, end: Any) -> Json:
    value = {"start": start, "end": end, "instant": False, "timeserieslabels": ["run"]}
    return {"type": "timeserieslabels", "from_name": "label", "to_name": "ts", "value": value}


DATES = stretch("2020-01-01 12:00:00", "2020-01-01 12:01:00")
MILLISECONDS = stretch(NOON * 1000, (NOON + 60) * 1000)


@pytest.mark.parametrize(
    ("more", "truth", "said", "hits", "warnings"),
    [
        (DATED, DATES, MILLISECONDS, 1, [WARNING]),
        (DATED, MILLISECONDS, DATES, 1, [WARNING]),
        ("", stretch("2020-01-01T12:00:00Z", "2020-01-01T12:01Z"), MILLISECONDS, 1, [WARNING]),
        (DATED, DATES, stretch((NOON + 61) * 1000, (NOON + 90) * 1000), 0, [WARNING]),
        # Seconds are no milliseconds, and it is said how they were read.
        (DATED, DATES, stretch(NOON, NOON + 60), 0, [WARNING]),
        # One end of a stretch is enough to be dated.
        (DATED, DATES, stretch("2020-01-01 12:00:00", (NOON + 60) * 1000), 1, []),
        # Numbers on both sides are of whatever unit.
        (DATED, stretch(3, 9), stretch(3, 9), 1, []),
        ("", stretch(3, 9), stretch("3", "9.0"), 1, []),
        ("", stretch("20200101", "20200102"), stretch(20200101, 20200102), 1, []),
        # Numbers that the format writes are its dates: five of eleven days, not 74 of 80.
        (DIGITS, stretch(20240125, 20240205), stretch(20240131, 20240205.0), 0, []),
        (DIGITS, stretch("20240125", "20240205"), stretch(20240125, "2024-02-05"), 1, []),
        # No date: two digits of a month and a day are missing.
        (DIGITS, stretch(202411, 202412), stretch(202411, 202412), 1, []),
        # Nor is one end enough.
        (DIGITS, stretch(20241231, 20241299), stretch(20241231, 20241290), 1, []),
        (
            DIGITS,
            stretch("20200101", "20200103"),
            stretch(NOON * 1000 - 43_200_000, (NOON + 129_600) * 1000),
            1,
            [WARNING],
        ),
    ],
)
def test_numbers_beside_dates(
    ada: Caller,
    make_project: MakeProject,
    more: str,
    truth: Json,
    said: Json,
    hits: int,
    warnings: list[Json],
) -> None:
    made = make_project(ada, SERIES.format(more=more), title="Series")
    load(
        ada,
        made,
        [
            {
                "data": {"csv": "/a.csv"},
                "annotations": [{"result": [truth], "ground_truth": True}],
                "predictions": [{"result": [said], "model_version": "v1"}],
            }
        ],
    )
    found = computed(ada, made)
    assert found.status == "done", found.failure_reason
    path = f"/lab/model-evals/{found.eval_id}"
    header = ada.client.get(path).json()
    (record,) = ada.client.get(f"{path}/image-predictions").json()["images"]
    counts = [record["stats"][name] for name in ("truePositives", "falsePositives")]
    assert (counts, header["ignored"], header["warnings"]) == ([hits, 1 - hits], [], warnings)


def test_what_is_no_time_is_passed_over(ada: Caller, make_project: MakeProject) -> None:
    made = make_project(ada, SERIES.format(more=DATED), title="Series")
    odd = [stretch("nan", 1), stretch("noon", "noon"), stretch(True, 1), stretch("9" * 30, 1)]
    load(
        ada,
        made,
        [
            {
                "data": {"csv": "/a.csv"},
                "annotations": [{"result": [DATES], "ground_truth": True}],
                "predictions": [{"result": [DATES, *odd], "model_version": "v1"}],
            }
        ],
    )
    found = computed(ada, made)
    example = {"task": made.tasks.get().pk, "region": 1}
    assert found.ignored == [
        {"reason": "no_geometry", "side": "predictions", "regions": 4, "example": example}
    ]
