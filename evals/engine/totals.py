"""What a kind measures of a split as bytes: how workers that share the totals hand it over."""

import io
from typing import Any

import msgspec
import numpy as np

from evals.engine.errors import UnreadableState
from evals.engine.kinds.kind import Total


def write_total(total: Total) -> bytes:
    """For `read_total`: every number to the last bit."""
    return msgspec.msgpack.encode(total, enc_hook=_written)


def read_total(written: bytes) -> Total:
    """What `write_total` wrote; `UnreadableState` for anything else."""
    try:
        return msgspec.msgpack.decode(written, type=Total, dec_hook=_read)
    except msgspec.DecodeError as error:
        raise UnreadableState(str(error)) from error


def _written(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if not isinstance(value, np.ndarray):
        raise NotImplementedError(f"a total has no {type(value).__name__}")
    buffer = io.BytesIO()
    np.save(buffer, _short(value), allow_pickle=False)
    return buffer.getvalue()


def _short(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if values.dtype.kind != "i" or not values.size:
        return values
    ends = (np.min_scalar_type(int(end)) for end in (values.min(), values.max()))
    return values.astype(np.result_type(*ends))


def _read(wanted: Any, stored: bytes) -> Any:
    values = np.load(io.BytesIO(stored), allow_pickle=False)
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int64)
