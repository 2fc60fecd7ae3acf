"""Documents of whole evaluations, of their list, and of the workspace they are in."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType, field

from evals.documents.document import Document, Moment, encode
from evals.engine.kinds.table import KINDS
from predictions.regions.labels import Reason


def _one_of(*words: str) -> Meta:
    return Meta(extra_json_schema={"enum": list(words)})


# As `evals.models` has them.
Status = Annotated[str, _one_of("running", "done", "failed")]
Origin = Annotated[str, _one_of("computed", "imported")]
Truths = Annotated[
    str,
    _one_of("marked", "all"),
    Meta(
        description="Which annotations count: of each task the newest that is marked as ground "
        "truth, or of all that are not cancelled. Unless the evaluation was imported."
    ),
]
TaskType = Annotated[str, _one_of(*KINDS)]


class Identity(Document):
    """What every document about an evaluation begins with."""

    eval_id: str
    project: Annotated[str | None, Meta(description="Slug; null once the project is deleted.")]
    version_id: str
    model_id: str | None


def headed(identity: Identity, body: bytes) -> bytes:
    """The identity's keys and then those of a body, JSON text of an object, as one object."""
    head = encode(identity)
    return head if body == b"{}" else b"".join([head[:-1], b",", memoryview(body)[1:]])


class PrimaryMetric(Document):
    """The metric that a kind of evaluation is known by, of all predictions whatever their score."""

    name: str
    value: Annotated[float | None, Meta(description="Null without anything to measure.")]
    higher_is_better: bool


class Headline(Document):
    """The numbers an evaluation is known by, at the best threshold of the test split."""

    mean_ap: float | None = field(name="mAP")
    mean_iou: float | None = field(name="mIoU")
    precision: float
    recall: float
    split: Annotated[
        str | UnsetType, Meta(description="The split they are of, where it is not test.")
    ] = UNSET
    primary: Annotated[
        PrimaryMetric | UnsetType, Meta(description="Unless the evaluation was imported.")
    ] = UNSET


class Snapshot(Document):
    """Which of the stored rows were evaluated: those that were there at `takenAt`."""

    taken_at: str | None
    predictions: int
    newest_prediction_at: str | None
    ground_truths: int
    newest_ground_truth_at: str | None
    ground_truth_digest: Annotated[
        str | UnsetType,
        Meta(
            description="The same where the same annotations counted for the same tasks in the "
            "same splits, and these told the same sizes and texts. When done, unless by a version "
            "of the server that had none."
        ),
    ] = UNSET


class Note(Document):
    """What was read with a guess, or where an imported file disagrees with itself."""

    message: str
    path: Annotated[str | UnsetType, Meta(description="In the imported file.")] = UNSET
    reason: str | UnsetType = UNSET
    side: Annotated[str | UnsetType, _one_of("groundTruth", "predictions")] = UNSET
    regions: int | UnsetType = UNSET
    tasks: int | UnsetType = UNSET
    images: int | UnsetType = UNSET
    splits: list[str] | UnsetType = UNSET
    label_map: Annotated[
        dict[str, str | None] | UnsetType,
        Meta(
            description="Classes of the predictions by those of the ground truth they may mean, "
            "and what the evaluation's own labelMap says."
        ),
    ] = UNSET


class Example(Document):
    """One of several regions: its id, or its place in the result."""

    task: int
    region: str | int


class IgnoredRegions(Document):
    """Regions that were passed over, and the first of them."""

    reason: Annotated[str, _one_of(*Reason)]
    side: Annotated[str, _one_of("groundTruth", "predictions")]
    regions: int
    example: Example


class Evaluation(Identity, kw_only=True):
    """An evaluation: its state, its headline, what was evaluated and how."""

    status: Status
    created_at: Moment
    summary: Annotated[Headline | UnsetType, Meta(description="When done.")] = UNSET
    progress: Annotated[float | UnsetType, Meta(description="0 to 1, while running.")] = UNSET
    failure_reason: Annotated[
        str | UnsetType,
        Meta(description="What to do about it, when failed; while running, what it waits for."),
    ] = UNSET
    model_version: str | None
    task_type: TaskType
    source: Origin
    matching: Annotated[str, Meta(description="Id of the matching rule.")]
    iou_threshold: float
    iou_inclusive: bool
    confidence_threshold: Annotated[float, Meta(description="The canonical one, a fraction.")]
    confidences: Annotated[
        list[int] | None, Meta(description="Percents an import reports; null for all.")
    ]
    finished_at: str | None
    images: Annotated[dict[str, int], Meta(description="Number of images by split.")]
    classes: list[str]
    engines: Annotated[dict[str, str], Meta(description="Versions of what computed it.")]
    snapshot: Annotated[
        Snapshot | UnsetType, Meta(description="Unless the evaluation was imported.")
    ] = UNSET
    median_latency_ms: Annotated[
        float | UnsetType, Meta(description="As whoever ran the model measured.")
    ] = UNSET
    control: Annotated[
        str | None,
        Meta(description="The control that is evaluated; null where several are read together."),
    ]
    tolerance: Annotated[float | UnsetType, Meta(description="Of regression.")] = UNSET
    normalization: Annotated[str | UnsetType, Meta(description="Of transcription.")] = UNSET
    ground_truth: Truths | UnsetType = UNSET
    label_map: Annotated[
        dict[str, str | None] | UnsetType,
        Meta(description="What labels are called instead, null for those that are not read."),
    ] = UNSET
    asked_classes: Annotated[
        list[str] | UnsetType,
        Meta(description="The classes that were asked for, where others were not read."),
    ] = UNSET
    keypoint_sigmas: Annotated[
        dict[str, float] | UnsetType, Meta(description="Of keypoint-detection.")
    ] = UNSET
    slices: Annotated[
        list[str] | UnsetType, Meta(description="Keys that were asked for as slices, if any.")
    ] = UNSET
    query: Annotated[
        dict[str, Any] | UnsetType,
        Meta(description="The Data Manager's query of the tasks it is of, if not of all."),
    ] = UNSET
    accepted: Annotated[
        bool, Meta(description="Whether later versions are measured by it: one of a control.")
    ]
    supersedes: Annotated[str | None, Meta(description="The evaluation that it repeats.")]
    superseded_by: Annotated[str | None, Meta(description="The newest evaluation that repeats it.")]
    ignored: Annotated[
        list[IgnoredRegions] | UnsetType, Meta(description="Unless the evaluation was imported.")
    ] = UNSET
    warnings: list[Note] | UnsetType = UNSET


class ListedEvaluation(Document):
    """An evaluation in the list."""

    eval_id: str
    status: Status
    project: Annotated[str | None, Meta(description="Slug; null once the project is deleted.")]
    version_id: str
    model_id: str | None
    model_url: Annotated[
        str | None, Meta(description="Null: models here have no address of their own.")
    ]
    created_at: Moment


class EvaluationList(Document):
    """Evaluations of a workspace, newest first."""

    evals: list[ListedEvaluation]


class Login(Document):
    """Which workspace a key is for."""

    workspace: str
    welcome: str
    docs: str


class ListedProject(Document):
    """A project of a workspace."""

    id: Annotated[str, Meta(description="`<workspace>/<project>`, both slugs.")]
    name: str
    type: Annotated[str, Meta(description="Task type; empty where none can be evaluated.")]
    created: Annotated[float, Meta(description="Seconds since 1970.")]
    updated: float


class WorkspaceFacts(Document):
    """A workspace and its projects."""

    name: str
    url: str
    members: int
    projects: list[ListedProject]


class WorkspaceAnswer(Document):
    """The workspace a key is for."""

    workspace: WorkspaceFacts
