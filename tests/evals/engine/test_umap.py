"""The optional UMAP itself, where it is installed or UMAP_PYTHON names an interpreter with it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
PYTHON = os.environ.get("UMAP_PYTHON") or (importlib.util.find_spec("umap") and sys.executable)


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="the extra [umap] is not installed; see UMAP_PYTHON")
def test_umap_finds_the_groups_and_the_same_twice():
    done = subprocess.run(
        [str(PYTHON), str(HERE / "umap_session.py")],
        env={**os.environ, "PYTHONPATH": str(HERE.parent.parent)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "method": "umap",
        "dimensions": [64, 10],
        "shape": [240, 2],
        "clusters": 6,
        "agreement": 1.0,
        "same": True,
    }
