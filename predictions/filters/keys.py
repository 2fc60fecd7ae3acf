"""Which keys of a filter are read. One that nobody reads, a typing error for one, would let through
other tasks than were meant: it is refused.
"""

from collections.abc import Collection, Mapping
from typing import Any

from predictions_api.http.storable import Refused
from predictions_api.names import has_no

OF_QUERY = ("filters", "selectedItems", "ordering")
OF_GROUP = ("conjunction", "items")
OF_FILTER = ("filter", "operator", "type", "value")
#: Of a filter inside a filter, which is refused; empty it says nothing.
OF_CHILDREN = ("child_filter", "child_filters")
OF_SELECTED = ("all", "included", "excluded")
#: What the type of numbers may be meant by, and is not.
NUMERIC = frozenset({"number", "numeric", "integer", "int", "float", "double", "decimal"})


def refuse_unread(given: Mapping[str, Any], known: Collection[str], what: str) -> None:
    """Refused for a key that is none of those that are known, unless it says nothing: null."""
    unread = next((n for n, said in given.items() if said is not None and n not in known), None)
    if unread is not None:
        raise Refused(has_no(what, str(unread), known))


def refuse_other_number(kind: str) -> None:
    """Refused for a type that means numbers and is not called so: the field would be compared as
    text, in which 10 is not 10.0.
    """
    if kind != "Number" and kind.lower() in NUMERIC:
        raise Refused(f'Numbers have "type": "Number", not {kind!r:.100}.')
