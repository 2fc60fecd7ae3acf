"""The table of the request for an evaluation has its fields and defaults, and no others."""

import re

from rest_framework.fields import empty

from evals.api.serializers import ComputeSerializer
from tests.house.serving import ROOT

PAGE = ROOT / "docs" / "reference" / "evaluations.md"
ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \|(.*?)\|", re.MULTILINE)


def documented() -> dict[str, str]:
    """By field what its row says of the default."""
    section = PAGE.read_text().partition("## The request\n")[2].partition("\n## ")[0]
    return {
        field: default.strip()
        for fields, default in ROW.findall(section)
        for field in re.findall(r"`(\w+)`", fields)
    }


def test_every_field_has_a_row() -> None:
    assert documented().keys() == ComputeSerializer().fields.keys()


def test_defaults_are_the_defaults() -> None:
    rows = documented()
    for name, field in ComputeSerializer().fields.items():
        if field.required:
            assert rows[name] == "", name
        elif field.default is not empty:
            assert str(field.default).lower() in rows[name], name
