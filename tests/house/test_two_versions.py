"""The example that goes from two files to an accepted version, against everything that `make run`
starts.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.house.quickstarting import Quickstart, run_python

pytestmark = pytest.mark.slow


def test_from_two_files_to_an_accepted_version() -> None:
    data_dir = Path(tempfile.mkdtemp(prefix="two-", dir="/tmp"))
    with Quickstart(data_dir, "--no-demo", WEB_CONCURRENCY="1") as started:
        done = run_python(
            "examples/two_versions/two_versions.py",
            LABEL_STUDIO_URL=started.fact("Address").split()[0],
            LABEL_STUDIO_API_KEY=started.fact("Token").split()[0],
        )
    shutil.rmtree(data_dir)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("loading Roboflow")]
    assert [line.rpartition(" ")[0] for line in said if "mAP" in line] == [
        "v1: mAP50_95",
        "v1, corrected ground truth: mAP50_95",
        "v2: mAP50_95",
    ]
    values = [float(line.rpartition(" ")[2]) for line in said if "mAP" in line]
    assert values == sorted(values)
    assert values[-1] == 1.0
    assert said[-2:] == ["errors fixed: 3, new: 0", "v2 is the accepted one: True"]
    assert "3 of the worst ten corrected" in said
