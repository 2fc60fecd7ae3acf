"""The benchmark of single requests runs against the bare server as it stands: each of its five
operations is answered on both sides. How fast is not looked at.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_both_sides_answer_every_operation(tmp_path: Path) -> None:
    shape = ["--requests", "2", "--rounds", "1", "--clients", "1"]
    env = {**os.environ, "DATA_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": ""}
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE_URL"):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, "benchmarks/bench_requests.py", *shape],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines()[1:-1]]
    # Clients, and the statements of either side: as many here as there.
    assert [(row[0], row[1], row[-2] == row[-1]) for row in rows] == [
        (operation, "1", True) for operation in ("create", "get", "list", "patch", "delete")
    ]
