"""Names of splits as other tools write them, and as they are kept: `train`, `valid`, `test`."""

_NAMES = {
    "train": ("train", "training"),
    "valid": ("valid", "validation", "val", "dev"),
    "test": ("test", "testing", "eval"),
}
_BY_NAME = {name: split for split, names in _NAMES.items() for name in names}

_WORDS = ", ".join(f"{split} ({', '.join(names[1:])})" for split, names in _NAMES.items())
UNKNOWN_SPLIT = f"{{name!r}} is no split. Splits are {_WORDS}."


def split_named(name: str) -> str | None:
    """`train`, `valid` or `test`, in any case; None for another word."""
    return _BY_NAME.get(name.strip().lower())
