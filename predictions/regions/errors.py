"""Why a region's geometry cannot be read, one class a reason; the class docstring is the default
message.

GeometryError
|-- MissingImageSize
|-- MissingCoordinate
|-- CoordinateOutOfRange
|-- TooFewPoints
|-- CorruptRle
|-- CorruptBitmask
|-- MaskTooLarge
|-- TooMuchToDraw
`-- UnsupportedRegion
"""


class DocumentedError(ValueError):
    """What its class says, and a detail."""

    def __init__(self, detail: str = "") -> None:
        self.detail = detail
        message = type(self).__doc__ or ""
        super().__init__(f"{message.rstrip('.')}: {detail}" if detail else message)


class GeometryError(DocumentedError):
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


class CorruptBitmask(GeometryError):
    """The bitmask cannot be decoded."""


class MaskTooLarge(GeometryError):
    """The mask has more pixels than this server decodes."""


class TooMuchToDraw(GeometryError):
    """The shapes of one image take more time and memory to rasterise than this server gives."""


class UnsupportedRegion(GeometryError):
    """Only rectangles, polygons, ellipses, brush masks and bitmasks can be evaluated."""
