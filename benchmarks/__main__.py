"""Runs every benchmark one after the other: `python -m benchmarks`, or those named."""

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    found = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(found)}; all by default")
    names = parser.parse_args().names or list(found)
    if unknown := [name for name in names if name not in found]:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    for name in names:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, str(found[name])], cwd=HERE.parent, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
