"""What the evaluation core refuses, one class a reason; the class docstring is the default message.

EvaluationError
|-- GeometryError
|   |-- MissingImageSize
|   |-- MissingCoordinate
|   |-- CoordinateOutOfRange
|   |-- TooFewPoints
|   |-- CorruptRle
|   |-- MaskTooLarge
|   |-- TooMuchToDraw
|   `-- UnsupportedRegion
|-- TooManyPairs
|-- MisshapenArrays
|-- UnknownRule
|-- UnreadableEvents
|-- UnreadableState
`-- EmbeddingError
    |-- NoEmbeddings
    |-- RaggedEmbeddings
    `-- NonFiniteEmbeddings
"""


class EvaluationError(ValueError):
    """The evaluation cannot be computed."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        message = type(self).__doc__ or ""
        super().__init__(f"{message.rstrip('.')}: {detail}" if detail else message)


class GeometryError(EvaluationError):
    """The region's geometry cannot be read."""


class MissingImageSize(GeometryError):
    """A region needs a positive original_width and original_height."""


class MissingCoordinate(GeometryError):
    """A region lacks a coordinate, or it is not a number."""


class CoordinateOutOfRange(GeometryError):
    """A region lies too far outside its image."""


class TooFewPoints(GeometryError):
    """A polygon needs at least three points."""


class CorruptRle(GeometryError):
    """The brush mask's run-length encoding cannot be decoded."""


class MaskTooLarge(GeometryError):
    """The mask has more pixels than this server decodes."""


class TooMuchToDraw(GeometryError):
    """The shapes of one image take more time and memory to rasterise than this server gives."""


class UnsupportedRegion(GeometryError):
    """Only rectangles, polygons, ellipses and brush masks can be evaluated."""


class TooManyPairs(EvaluationError):
    """Objects and detections of one image are too many, or overlap too often, to be compared."""

    def __init__(self, detection: int, detail: str) -> None:
        super().__init__(detail)
        #: The position of one of the image's detections.
        self.detection = detection


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
