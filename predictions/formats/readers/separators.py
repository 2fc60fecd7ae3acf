"""What stands between the cells of a table."""

from collections import Counter
from collections.abc import Sequence

#: Of a table, in which its header has to end.
HEADER_BYTES = 1024 * 1024


def separator_of(start: str, separators: Sequence[str]) -> str:
    r"""The one that stands most often between the names of a table's header, of equal ones the
    first; `start` is the table's beginning.

    Names in quotes may hold any of them, and line breaks; lines without a name are passed over.

    >>> separator_of('"a;b;c;d",e\n1;2', ",;")
    ','
    """
    found: Counter[str] = Counter()
    # Within a name, a quote is one like other characters.
    opens = {'"', "\r", "\n", "", *separators}
    is_quoted, before = False, ""
    has_names = False
    for character in start:
        if character == '"' and (is_quoted or before in opens):
            is_quoted = not is_quoted
        elif not is_quoted:
            is_end = character in "\r\n"
            if is_end and has_names:
                break
            has_names = has_names or not character.isspace()
            found.update(character * (not is_end))
        before = character
    return max(separators, key=found.__getitem__)
