"""Results as clients send them: lists of regions, or a shorthand for one."""

from typing import Any

from predictions_api.http.storable import Refused

Region = dict[str, Any]
#: Digits of an id as text.
LONGEST_ID = 100


def region_list(result: Any) -> list[Region] | None:
    """The result if it is a list of regions, None if it may be a shorthand for one.

    Refused, in Label Studio's words, for a list with anything but objects, and for values that no
    control can mean.
    """
    if isinstance(result, list):
        # Not all(): a generator costs more than the checks do.
        if [True for region in result if not isinstance(region, dict)]:
            raise Refused("Each item in prediction result should be dict")
        return result
    if isinstance(result, dict | str | int):
        return None
    raise Refused(f"Incorrect format {type(result)} for prediction result {result}")


def id_number(value: Any) -> int | None:
    """The id of an annotation or a prediction as a number, also where it stands as text; None for
    anything else.
    """
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return int(value) if len(value) <= LONGEST_ID else None
    return value if type(value) is int else None
