"""The state of average precision and that of the errors, as one."""

import struct
import zlib

from evals.engine.errors import UnreadableState

LENGTH = struct.Struct("<Q")


def join_states(precision: bytes, errors: bytes) -> bytes:
    """Both, for `split_state`."""
    return LENGTH.pack(len(precision)) + precision + zlib.compress(errors, 1)


def split_state(state: bytes) -> tuple[bytes, bytes]:
    """What `join_states` joined; `UnreadableState` for anything else."""
    try:
        (length,) = LENGTH.unpack_from(state)
        end = LENGTH.size + length
        return state[LENGTH.size : end], zlib.decompress(state[end:])
    except (struct.error, zlib.error) as error:
        raise UnreadableState(str(error)) from error
