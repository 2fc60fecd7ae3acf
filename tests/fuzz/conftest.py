"""Counts what was tried, and says so at the end."""

from collections import Counter

import pytest

ANSWERS = pytest.StashKey[Counter[int]]()


@pytest.fixture(scope="session")
def answers(pytestconfig: pytest.Config) -> Counter[int]:
    """How many requests were answered with each status."""
    return pytestconfig.stash.setdefault(ANSWERS, Counter())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    counted = config.stash.get(ANSWERS, Counter())
    if counted:
        by_status = ", ".join(f"{n:,} of {status}" for status, n in sorted(counted.items()))
        terminalreporter.write_line(f"{counted.total():,} requests: {by_status}")
