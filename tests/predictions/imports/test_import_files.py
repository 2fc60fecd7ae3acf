"""POST /api/projects/{id}/import with files: what Label Studio's form takes, all or none."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from predictions.models import Prediction, Project, Task
from tests.conftest import TEXT_CONFIG, Caller, MakeProject, assert_invalid, assert_refused

COLUMNS = "text,stars\n"


@pytest.fixture
def texts(ada: Caller, make_project: MakeProject) -> Project:
    return make_project(ada, label_config=TEXT_CONFIG)


@pytest.fixture
def url(texts: Project) -> str:
    return f"/api/projects/{texts.pk}/import"


@pytest.fixture
def any_url(ada: Caller, make_project: MakeProject) -> str:
    """Into a project whose labelling config shows nothing of the data."""
    return f"/api/projects/{make_project(ada, '<View></View>').pk}/import"


def file(name: str, content: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


def send(caller: Caller, url: str, *files: SimpleUploadedFile, **headers: Any) -> Any:
    fields = {f"file{n}": one for n, one in enumerate(files)}
    return caller.client.post(url, fields, format="multipart", **headers)


def stored() -> list[Any]:
    return list(Task.objects.order_by("id").values_list("data", flat=True))


def reason(response: Any) -> str:
    assert response.status_code == 400, response.content
    (message,) = response.json()["validation_errors"]["non_field_errors"]
    assert stored() == []
    return str(message)


def test_a_csv_file(ada: Caller, url: str) -> None:
    rows = COLUMNS + 'Great,5\n"Not, ""good"" \t",1\nÄrger,\n'

    response = send(ada, f"{url}?return_task_ids=true", file("reviews.csv", rows))

    assert response.status_code == 201
    answer = response.json()
    ids = list(Task.objects.order_by("id").values_list("id", flat=True))
    assert list(answer.items()) == [
        ("task_count", 3),
        ("annotation_count", 0),
        ("prediction_count", 0),
        ("duration", answer["duration"]),
        ("file_upload_ids", []),
        ("could_be_tasks_list", True),
        ("found_formats", {".csv": 1}),
        ("data_columns", ["text", "stars"]),
        ("task_ids", ids),
    ]
    assert stored() == [
        {"text": "Great", "stars": 5},
        {"text": 'Not, "good" \t', "stars": 1},
        {"text": "Ärger", "stars": ""},
    ]


@pytest.mark.parametrize(
    ("name", "content", "data"),
    [
        ("a.csv", "text;n\nx,y;1\n", [{"text": "x,y", "n": 1}]),
        ("a.CSV", "text,n\r\nx,1\r\n", [{"text": "x", "n": 1}]),
        ("a.csv", "\ufefftext,n\nx,1", [{"text": "x", "n": 1}]),
        ("a.csv", "text,n\nx\n", [{"text": "x", "n": ""}]),
        ("a.csv", "text\rx\r\ry", [{"text": "x"}, {"text": "y"}]),
        ("a.csv", 'text,"x;y;z"\na,1\n', [{"text": "a", "x;y;z": 1}]),
        ("a.csv", '"a,b,c";"d,""e"""\n1;2\n', [{"a,b,c": 1, 'd,"e"': 2}]),
        ("a.csv", '\r\n"a\n,;;;";b\r\n1;2', [{"a\n,;;;": 1, "b": 2}]),
        ("a.csv", "a,b\r1;;;,2", [{"a": "1;;;", "b": 2}]),
        ("a.csv", 'text,n,\n"x\r\n""y""",1,\n', [{"text": 'x\r\n"y"', "n": 1, "Unnamed: 2": ""}]),
        ("a.tsv", '"a\tb"\tc;d,e\n1\t2\n', [{"a\tb": 1, "c;d,e": 2}]),
        ("a.csv", "a,a,\n1,NA,3\n", [{"a": 1, "a.1": "NA", "Unnamed: 2": 3}]),
        ("a.csv", "n,text\nNA,None\n2,x\n", [{"n": "", "text": "None"}, {"n": 2, "text": "x"}]),
        ("a.csv", "n\n007\n-1\n", [{"n": 7}, {"n": -1}]),
        ("a.csv", "a, b\n 7 ,\t1.5\n8, 2\n", [{"a": 7, " b": 1.5}, {"a": 8, " b": 2.0}]),
        ("a.csv", "a,b\n1, true\n2,  \n", [{"a": 1, "b": " true"}, {"a": 2, "b": "  "}]),
        ("a.csv", 'a,b 5",c;d;e\n1,2,3\n', [{"a": 1, 'b 5"': 2, "c;d;e": 3}]),
        ("a.csv", "n\n1e3\n.5\n", [{"n": 1000.0}, {"n": 0.5}]),
        ("a.csv", "n\n1e999\n1\n", [{"n": "1e999"}, {"n": "1"}]),
        ("a.csv", "n\ninf\n1\n", [{"n": "inf"}, {"n": "1"}]),
        ("a.csv", f"n\n{2**63}\n1\n", [{"n": f"{2**63}"}, {"n": "1"}]),
        ("a.csv", "ok\ntrue\nFALSE\n", [{"ok": True}, {"ok": False}]),
        ("a.csv", "n\n1_0\n", [{"n": "1_0"}]),
        ("a.csv", "n,m\n1\n", [{"n": 1, "m": ""}]),
        ("a.tsv", "text\tn\nx,y\t1.5\n", [{"text": "x,y", "n": 1.5}]),
        ("a.txt", "one\ntwo, three\n", [{"text": "one"}, {"text": "two, three"}]),
        ("a.json", '[{"text": "x"}, {"data": {"text": "y"}}]', [{"text": "x"}, {"text": "y"}]),
        ("a.json", '{"text": "x"}', [{"text": "x"}]),
        ("a.ndjson", '{"text": "x"}\n\n{"text": "y"}', [{"text": "x"}, {"text": "y"}]),
        ("a.jsonl", '{"data": {"text": "x"}}\n', [{"text": "x"}]),
    ],
)
def test_formats(
    ada: Caller, url: str, any_url: str, name: str, content: str, data: list[Any]
) -> None:
    # Text goes under the first variable of a labelling config.
    answer = send(ada, url if name == "a.txt" else any_url, file(name, content)).json()

    assert stored() == data
    suffix = name[1:].lower()
    assert answer["found_formats"] == {suffix: 1}
    assert answer["data_columns"] == list(data[0])
    assert answer["could_be_tasks_list"] == (suffix in {".csv", ".tsv", ".txt"})


def test_a_json_file_with_children(ada: Caller, url: str) -> None:
    tasks = [
        {
            "data": {"text": "x"},
            "predictions": [{"result": "pos", "score": 0.5, "model_version": "v1"}],
            "annotations": [{"result": []}],
        }
    ]

    answer = send(ada, url, file("tasks.json", json.dumps(tasks))).json()

    assert (answer["annotation_count"], answer["prediction_count"]) == (1, 1)
    assert Prediction.objects.get().result[0]["value"] == {"choices": ["pos"]}


def test_several_files_in_their_order(ada: Caller, url: str) -> None:
    files = [
        file("a.csv", "text,n\na,1\n"),
        file("b.json", '[{"text": "b", "m": 2}]'),
        file("c.csv", "text,k\nc,3\n"),
    ]

    answer = send(ada, url, *files).json()

    assert [data["text"] for data in stored()] == ["a", "b", "c"]
    assert answer["found_formats"] == {".csv": 2, ".json": 1}
    assert answer["data_columns"] == ["text"]


def test_files_of_one_field(ada: Caller, url: str) -> None:
    files = [file("a.csv", "text\na\n"), file("b.csv", "text\nb\n")]
    ada.client.post(url, {"file": files}, format="multipart")
    assert stored() == [{"text": "a"}, {"text": "b"}]


def test_files_without_a_common_column(ada: Caller, url: str) -> None:
    response = send(ada, url, file("a.csv", "text\na\n"), file("b.csv", "picture\nb\n"))
    assert reason(response) == (
        "You're trying to import inconsistent data:\n"
        'uploading tabular data from "b.csv" with data key(s) "picture",'
        ' clashes with data key(s) found from other files:\n"text"'
    )


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "Failed to parse input file a.csv: No columns to parse from file"),
        ("a.csv", b"text,n\n", "load_tasks: No tasks added"),
        ("a.json", b"", "Failed to parse input file a.json: JSON parse error - Expecting value"),
        ("a.json", b"[]", "load_tasks: No tasks added"),
        ("a.json", b'[{"text": ', "Failed to parse input file a.json: JSON parse error"),
        ("a.json", b'[{"n": NaN}]', "Failed to parse input file a.json: JSON parse error - Out"),
        ("a.ndjson", b'{"text": "a"}\n{"text"', "Error at item 1: JSON parse error - "),
        ("a.txt", b"", "load_tasks: No tasks added"),
        (
            "a.csv",
            b"text,n\na,1\nb,2,3\n",
            "Failed to parse input file a.csv: Expected 2 fields in line 3, saw 3",
        ),
        (
            "a.csv",
            b"text,n\na,1,2\n",
            "Failed to parse input file a.csv: Expected 2 fields in line 2",
        ),
        (
            "a.csv",
            b'text\n"a\n',
            "Failed to parse input file a.csv: unexpected end of data in line",
        ),
        ("a.csv", b'text\n"a"b\n', "Failed to parse input file a.csv: ',' expected after '\"'"),
        ("a.csv", "text\nÄ\n".encode("latin-1"), "Failed to parse input file a.csv: 'utf-8' codec"),
        ("a.csv", "text\nÄ\n".encode("utf-16"), "Failed to parse input file a.csv: 'utf-8' codec"),
        ("a.txt", "Ä".encode("latin-1"), "Failed to parse input file a.txt: 'utf-8' codec"),
        ("a.json", '{"a": 1}'.encode("utf-16"), "Failed to parse input file a.json: JSON parse"),
        ("a.csv", b"text\na\0b\n", "Error at item 0: Null characters are not allowed."),
        ("a.tsv", "a\tb\nÄ\t1\n".encode("utf-16"), "Failed to parse input file a.tsv: 'utf-8'"),
        ("a.jpg", b"\xff\xd8", ".jpg extension is not supported"),
        ("a", b"text", " extension is not supported"),
    ],
)
def test_bad_files_store_nothing(
    ada: Caller, url: str, name: str, content: bytes, message: str
) -> None:
    # The good file before it goes down with it.
    assert reason(send(ada, url, file(name, content))).startswith(message)
    if "No tasks" not in message:
        good = file("good.json", '[{"text": "x"}]')
        assert send(ada, url, good, file(name, content)).status_code == 400
        assert stored() == []


def test_text_without_a_variable(ada: Caller, make_project: MakeProject) -> None:
    bare = make_project(ada, label_config="<View></View>")
    response = send(ada, f"/api/projects/{bare.pk}/import", file("a.txt", "one\n"))
    assert reason(response) == (
        "Failed to parse input file a.txt:"
        " the labelling config names no variable that a line could be"
    )


def test_forms_without_files(ada: Caller, url: str) -> None:
    form = "application/x-www-form-urlencoded"
    empty = ada.client.post(url, "", content_type=form)
    assert reason(empty) == "load_tasks: No data found in DATA or in FILES"
    assert reason(send(ada, url)) == "load_tasks: No data found in DATA or in FILES"
    address = ada.client.post(url, "url=http%3A//127.0.0.1/tasks.csv", content_type=form)
    assert reason(address) == "Addresses are not fetched: send the file itself, or JSON."
    inline = ada.client.post(url, 'url=[{"text": "x"}]', content_type=form)
    assert (inline.status_code, inline.json()["found_formats"]) == (201, {".json": 1})
    assert stored() == [{"text": "x"}]


def test_a_form_that_breaks_off(ada: Caller, url: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\ntext'
    response = ada.client.post(url, body, content_type="multipart/form-data")
    detail = "Multipart form parse error - Invalid boundary in multipart: None"
    assert_refused(response, 400, detail)
    assert stored() == []


def test_columns_that_are_predictions(ada: Caller, url: str) -> None:
    rows = file("a.csv", "text,mood\nGreat,pos\nAwful,neg\n")

    answer = send(ada, f"{url}?preannotated_from_fields=mood", rows).json()

    assert (answer["task_count"], answer["prediction_count"]) == (2, 2)
    assert stored() == [{"text": "Great"}, {"text": "Awful"}]
    values = Prediction.objects.order_by("id").values_list("result__0__value", flat=True)
    assert list(values) == [{"choices": ["pos"]}, {"choices": ["neg"]}]


@pytest.mark.parametrize("names", [("1", "2"), ("01", "1.0"), ("true", "FALSE")])
def test_choices_that_look_like_numbers_stay_text(
    ada: Caller, url: str, names: tuple[str, str]
) -> None:
    config = CONTROLS.replace(
        '<Choice value="pos"/>', "".join(f'<Choice value="{name}"/>' for name in names)
    )
    path = url.removesuffix("import")
    assert ada.client.patch(path, {"label_config": config}, format="json").status_code == 200
    rows = file("a.csv", f"text,mood,stars\nGreat,{names[0]},4\nAwful,{names[1]},2\n")

    answer = send(ada, f"{url}?preannotated_from_fields=mood,stars", rows).json()

    assert answer["prediction_count"] == 4
    values = Prediction.objects.order_by("id").values_list("result__0__value", flat=True)
    first, second = (
        [{"choices": [name]}, {"rating": n}] for name, n in zip(names, (4, 2), strict=True)
    )
    assert list(values) == [*first, *second]


CONTROLS = """<View><Text name="text" value="$text"/>
<Choices name="mood" toName="text"><Choice value="pos"/></Choices>
<TextArea name="why" toName="text"/><Rating name="stars" toName="text"/>
<Number name="price" toName="text"/></View>"""


@pytest.mark.parametrize(
    ("field", "value", "name", "said"),
    [
        ("mood", "pos", "mood", {"choices": ["pos"]}),
        ("why", "so", "why", {"text": ["so"]}),
        ("stars", 4, "stars", {"rating": 4}),
        ("stars", "4", "stars", {"rating": "4"}),
        ("price", 7, "price", {"number": 7}),
        ("price", 2.5, "price", {"number": 2.5}),
        # Called as none of them: of the first that takes such a value.
        ("other", "pos", "mood", {"choices": ["pos"]}),
        ("other", 4, "stars", {"rating": 4}),
    ],
)
def test_a_field_called_as_a_control_is_of_that_control(
    ada: Caller, url: str, field: str, value: Any, name: str, said: dict[str, Any]
) -> None:
    path = url.removesuffix("import").rstrip("/")
    changed = ada.client.patch(f"{path}/", {"label_config": CONTROLS}, format="json")
    assert changed.status_code == 200

    body = [{"text": "a", field: value}]
    answer = ada.client.post(f"{url}?preannotated_from_fields={field}", body, format="json")

    assert answer.json()["prediction_count"] == 1
    [made] = Prediction.objects.get().result
    assert (made["from_name"], made["value"]) == (name, said)


def test_what_stands_beside_such_fields_is_kept(ada: Caller, url: str) -> None:
    body = {
        "data": {"text": "a", "mood": "pos"},
        "meta": {"split": "valid"},
        "tags": ["night"],
        "external_id": "one",
        "predictions": [{"result": [], "model_version": "v1"}],
        "annotations": [{"result": [], "ground_truth": True}],
    }
    fields = "preannotated_from_fields=mood&return_task_ids=true"

    answer = ada.client.post(f"{url}?{fields}", [body], format="json").json()

    assert (answer["annotation_count"], answer["prediction_count"]) == (1, 2)
    task = ada.client.get(f"/api/tasks/{answer['task_ids'][0]}/").json()
    assert [task[name] for name in ("data", "meta", "tags")] == [
        {"text": "a"}, {"split": "valid"}, ["night"]
    ]  # fmt: skip
    assert [one["ground_truth"] for one in task["annotations"]] == [True]
    said = [(one["model_version"], len(one["result"])) for one in task["predictions"]]
    assert said == [("v1", 0), ("undefined", 1)]
    named = [{"external_id": "one", "result": []}]
    stored = ada.client.post(f"{url}/predictions", named, format="json")
    assert stored.status_code == 201
    refused = ada.client.post(f"{url}?{fields}", [{**body, "predictions": "x"}], format="json")
    message = "Error at item 0: Task[predictions] must be list"
    assert_invalid(refused, {"non_field_errors": [message]})


def test_fields_that_are_predictions_in_json(ada: Caller, url: str) -> None:
    body = [{"text": "a", "mood": "pos"}, {"data": {"text": "b"}}, 7]
    response = ada.client.post(f"{url}?preannotated_from_fields=mood", body, format="json")
    assert_invalid(
        response,
        {
            "non_field_errors": [
                'Error at item 1: Task[data] has no field "mood"',
                "Error at item 2: Task must be an object, got int",
            ]
        },
    )
    assert stored() == []


def test_without_commit_nothing_is_stored(ada: Caller, url: str) -> None:
    query = f"{url}?commit_to_project=false&return_task_ids=true"

    answer = send(ada, query, file("a.csv", "text\na\nb\n")).json()

    assert answer == {
        "task_count": 2,
        "annotation_count": None,
        "prediction_count": None,
        "duration": answer["duration"],
        "file_upload_ids": [],
        "could_be_tasks_list": True,
        "found_formats": {".csv": 1},
        "data_columns": ["text"],
        "task_ids": [],
    }
    assert stored() == []


def test_a_repeated_upload_is_stored_once(ada: Caller, url: str) -> None:
    key = {"HTTP_IDEMPOTENCY_KEY": "nightly"}
    answers = [send(ada, url, file("a.csv", "text\na\n"), **key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert stored() == [{"text": "a"}]
    other = send(ada, url, file("a.csv", "text\nb\n"), **key)
    assert_invalid(
        other, {"non_field_errors": ["This Idempotency-Key was used for another request."]}
    )


def test_predictions_take_no_form(ada: Caller, url: str) -> None:
    response = send(ada, f"{url}/predictions", file("a.json", "[]"))
    assert response.status_code == 415


COCO = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "a"}], "annotations": []}
RESULTS = [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]


@pytest.mark.parametrize(
    "document", [COCO, RESULTS, RESULTS * 20_000], ids=["file", "list", "long"]
)
@pytest.mark.parametrize("as_file", [True, False], ids=["file", "body"])
def test_coco_is_no_list_of_tasks(ada: Caller, any_url: str, document: Any, as_file: bool) -> None:
    if as_file:
        response = send(ada, any_url, file("cars.json", json.dumps(document)))
    else:
        response = ada.client.post(any_url, document, format="json")
    assert reason(response) == (
        f"{'cars.json' if as_file else 'The body'} is COCO: instances, keypoints, results, and no"
        " list of tasks: send it in a form to this address with ?format=coco, or load it on the"
        " server with `manage.py load coco`."
    )
