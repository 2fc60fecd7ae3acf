"""What the evaluation core refuses, one class a reason; the class docstring is the default message.

EvaluationError
|-- TooManyPairs
|-- UnusableRegion
|-- UnknownLabels
|-- MisshapenArrays
|-- UnknownRule
|-- UnreadableEvents
|-- UnreadableState
`-- EmbeddingError
    |-- NoEmbeddings
    |-- RaggedEmbeddings
    `-- NonFiniteEmbeddings
"""

from predictions.regions.errors import DocumentedError


class EvaluationError(DocumentedError):
    """The evaluation cannot be computed."""


class TooManyPairs(EvaluationError):
    """Objects and detections of one image are too many, or overlap too often, to be compared."""

    def __init__(self, detection: int, detail: str) -> None:
        super().__init__(detail)
        #: The position of one of the image's detections.
        self.detection = detection


class UnusableRegion(EvaluationError):
    """An image cannot be evaluated."""

    def __init__(self, image: int, *, is_truth: bool, region: str, reason: str) -> None:
        super().__init__(reason)
        self.image = image
        self.is_truth = is_truth
        self.region = region
        self.reason = reason


class UnknownLabels(EvaluationError):
    """Labels stand in the data that are not among the classes."""

    def __init__(self, labels: set[str]) -> None:
        super().__init__(", ".join(sorted(labels)))
        self.labels = labels


class MisshapenArrays(EvaluationError):
    """Arrays of one evaluation disagree in length, order or range."""


class UnknownRule(EvaluationError):
    """No matching rule has this id."""


class UnreadableEvents(EvaluationError):
    """Packed events cannot be read."""


class UnreadableState(EvaluationError):
    """The average-precision state cannot be read or merged."""


class EmbeddingError(EvaluationError):
    """The embeddings cannot be analysed."""


class NoEmbeddings(EmbeddingError):
    """Vector analysis needs embeddings, or 2-D points."""


class RaggedEmbeddings(EmbeddingError):
    """All embeddings must be lists of numbers of one length."""


class NonFiniteEmbeddings(EmbeddingError):
    """An embedding holds a value that is not a finite number."""
