"""The import contracts of pyproject.toml hold, look at every room, and can fail."""

import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = ROOT / "pyproject.toml"
LINTER = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]


def kept(config: Path) -> bool:
    return lint_imports(config_filename=str(config), no_cache=True, no_logo=True) == 0


def test_imports_go_the_way_the_design_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert kept(PYPROJECT), capsys.readouterr().out


def test_the_linter_looks_at_every_room() -> None:
    others = {"tests", "benchmarks", "examples"}
    rooms = {path.parent.name for path in ROOT.glob("*/__init__.py")} - others - {"predictions_api"}
    layers = " ".join(LINTER["contracts"][0]["layers"])

    assert rooms | {"predictions_api"} == set(LINTER["root_packages"])
    assert {room for room in rooms if room not in layers} == set()


def test_an_import_upwards_is_found(tmp_path: Path) -> None:
    upside_down = tmp_path / "pyproject.toml"
    upside_down.write_text(
        """
        [tool.importlinter]
        root_packages = ["accounts", "predictions"]
        [[tool.importlinter.contracts]]
        name = "Upside down"
        type = "layers"
        layers = ["accounts", "predictions"]
        """
    )

    assert not kept(upside_down)
