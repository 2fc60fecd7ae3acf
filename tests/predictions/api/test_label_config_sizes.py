"""How large a labelling config may be, and how many of them a process keeps parsed."""

from typing import Any

import pytest

from predictions.models import Project
from predictions.regions import config, labelling
from tests.conftest import Caller, MakeProject, assert_invalid

URL = "/api/projects/"


def choices(inside: str, **attributes: str) -> str:
    given = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return (
        '<View><Text name="text" value="$text"/>'
        f'<Choices name="c" toName="text"{given}>{inside}</Choices></View>'
    )


def of_bytes(n_bytes: int, name: str = "a") -> str:
    """A config of few, long labels: quick to parse."""
    empty = len(choices('<Choice value=""/>' * 50))
    label = name * ((n_bytes - empty) // 50)
    found = choices(f'<Choice value="{label}"/>' * 50)
    return found.replace("<View>", "<View>" + " " * (n_bytes - len(found)))


TOO_LARGE = [
    (of_bytes(1_000_001), "A labelling config may have 1,000,000 bytes at most, got 1,000,001."),
    (
        choices('<Choice value="a">' * 99 + "</Choice>" * 99),
        "A labelling config may be 100 levels deep at most.",
    ),
    ("<View>" * 70_000 + "</View>" * 70_000, "A labelling config may be 100 levels deep at most."),
    (
        "<View>" + "".join(f'<Text name="t{n}" value="$t"/>' for n in range(1001)) + "</View>",
        "A labelling config may have 1,000 named tags at most.",
    ),
    (
        choices("", **{f"a{n}": "1" for n in range(99)}),
        "A tag may have 100 attributes at most.",
    ),
    (
        choices(
            f'<Choice value="{"a" * 5000}">' * 90 + '<Choice value="b"/>' * 99 + "</Choice>" * 90,
            allowNested="true",
        ),
        "The paths of its nested choices make the labelling config too large.",
    ),
]


@pytest.mark.parametrize(
    ("label_config", "reason"),
    TOO_LARGE,
    ids=["bytes", "levels", "deep", "names", "attributes", "paths"],
)
def test_rejections(ada: Caller, label_config: str, reason: str) -> None:
    body = {"title": "Large", "label_config": label_config}
    response = ada.client.post(URL, body, format="json")
    assert_invalid(response, {"label_config": [reason]})
    assert not Project.objects.exists()


def test_the_largest_are_accepted(ada: Caller, make_project: MakeProject) -> None:
    """A million bytes; ten thousand labels, each with the attributes they usually have."""
    labels = "".join(
        f'<Choice value="class {n:05}" alias="alias-{n:05}" hotkey="{n}"/>' for n in range(10_000)
    )
    for label_config in (of_bytes(1_000_000), choices(labels)):
        project = make_project(ada, label_config=label_config)
        document: dict[str, Any] = ada.client.get(f"{URL}{project.pk}/").json()
        assert document["label_config"] == label_config


def test_twelve_large_configs_are_not_all_kept() -> None:
    """They held 690 MB of a web process."""
    for name in "abcdefghijkl":
        text = of_bytes(900_000, name)
        labelling.interface(text)
        config.read_config(text)
    for kept in (labelling.interface, config.read_config):
        assert kept.n_bytes == 2 * 900_000
