"""The state of average precision and that of the errors, as one."""

import struct
import zlib

from evals.engine.errors import UnreadableState

LENGTH = struct.Struct("<Q")


def join_states(precision: bytes, errors: bytes) -> bytes:
    """Both, for `precision_of` and `errors_of`."""
    return LENGTH.pack(len(precision)) + precision + zlib.compress(errors, 1)


def precision_of(state: bytes) -> bytes:
    """The first of what `join_states` joined; `UnreadableState` for anything else."""
    return state[LENGTH.size : _end(state)]


def errors_of(state: bytes) -> bytes:
    """The second of what `join_states` joined; `UnreadableState` for anything else."""
    try:
        return zlib.decompress(state[_end(state) :])
    except zlib.error as error:
        raise UnreadableState(str(error)) from error


def _end(state: bytes) -> int:
    try:
        (length,) = LENGTH.unpack_from(state)
    except struct.error as error:
        raise UnreadableState(str(error)) from error
    return LENGTH.size + int(length)
