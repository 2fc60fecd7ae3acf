"""The pages of the README and docs/ as the tests read them: blocks of commands, what is not run."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

from tests.house.serving import ROOT

COMMANDS = ("sh", "python")
# What a reader puts in place of the dots stands in the environment of the test.
GIVEN = re.compile(r"^(?:export )?(?:\w+=\S* )*\w+=\.\.\..*$", re.MULTILINE)

#: Blocks that are not run, by page and the beginning of one of their lines ("": any), and why. They
#: are parsed all the same.
NOT_RUN = {
    ("README.md", "client.predictions.create("): "leaves the result out; label-studio.md has one",
    ("docs/start/first-evaluation.md", "make run"): "test_quickstart.py starts everything",
    ("docs/guides/files.md", ".venv/bin/python manage.py load"): "of 5,000 images and a folder;"
    " first-evaluation.md loads smaller files",
    ("docs/guides/label-studio.md", "curl "): "needs an export of another server;"
    " tests/predictions/imports has such files",
    ("docs/guides/ml-backends.md", ""): "needs a model server; tests/backends has one",
    ("docs/guides/loop.md", ""): "needs a model server and a receiver;"
    " tests/backends/webhooks/test_example.py has both",
    ("docs/guides/webhooks.md", ""): "needs a receiver; tests/backends/webhooks has one",
    ("docs/guides/prompts.md", ""): "needs a model; tests/prompts runs prompts with a stand-in",
    ("docs/guides/pictures.md", ""): "names a folder of the reader's",
    ("docs/guides/storages.md", ""): "needs a bucket; tests/contract/test_sdk_storages.py has one",
    ("docs/guides/ci-gate.md", "python3 examples/ci_gate"): "test_ci_gate.py runs the program",
    ("docs/guides/notebooks.md", "notebook/bin/python examples"): "test_examples.py runs it",
    ("docs/reference/evaluations.md", ".venv/bin/python manage.py evaluate"): "of the workspace"
    " default, which the test's server lacks; the README has another",
    ("docs/reference/evaluations.md", ".venv/bin/python manage.py import_eval"): "the same;"
    " tests/evals/imports has files",
    ("docs/reference/kinds/entities.md", ""): "one request with the kind's parameters",
    ("docs/reference/kinds/keypoints.md", ""): "the same",
    ("docs/reference/kinds/regression.md", ""): "the same",
    ("docs/reference/kinds/time.md", ""): "the same",
    ("docs/reference/kinds/transcription.md", ""): "the same",
    ("docs/operating/install.md", "useradd"): "changes the machine",
    ("docs/operating/install.md", "cat > /etc/predictions.env"): "changes the machine",
    ("docs/operating/install.md", ".venv/bin/pip"): "changes the environment of the tests",
    ("docs/operating/install.md", "systemctl"): "needs systemd",
    ("docs/operating/install.md", "systemd-run"): "needs systemd",
    ("docs/operating/install.md", "docker compose"): "needs Docker; test_compose.py reads its file",
    ("docs/operating/backup.md", "docker compose"): "needs Docker",
    ("docs/operating/backup.md", 'DATA_DIR="$PWD/restored" make run'): "test_quickstart.py",
    ("docs/operating/cluster.md", ".venv/bin/python manage.py migrate"): "needs a cluster",
    ("docs/operating/cluster.md", "make test"): "the same",
    ("docs/operating/upgrade.md", "git pull"): "changes the checkout",
    ("docs/operating/upgrade.md", "systemctl"): "needs systemd",
    ("docs/operating/upgrade.md", "docker compose"): "needs Docker",
    ("docs/operating/upgrade.md", "mv .data"): "test_upgrades.py has refused databases",
    ("docs/operating/monitoring.md", "grep"): "reads the log of make run",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the status it announces, its text."""

    page: str
    language: str
    status: str | None
    text: str

    @property
    def reasons(self) -> list[tuple[str, str]]:
        """Keys of NOT_RUN that say why it is not run; none where it is."""
        lines = self.text.splitlines()
        return [
            (page, beginning)
            for page, beginning in NOT_RUN
            if page == self.page and any(line.startswith(beginning) for line in lines)
        ]

    @property
    def script(self) -> str:
        """Its text without what a reader fills in."""
        return GIVEN.sub("", self.text)

    @property
    def is_command(self) -> bool:
        """Whether a reader would run it: one that only says what is given has nothing to run."""
        return self.language in COMMANDS and bool(self.script.strip())


def names() -> list[str]:
    """Every page, from the README on."""
    found = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/**/*.md"))
    return ["README.md", *found]


@cache
def blocks(page: str) -> tuple[Block, ...]:
    """Fenced blocks, in the order of the page. Indented ones have no language and are left out."""
    found = []
    for token in MarkdownIt("commonmark").parse((ROOT / page).read_text()):
        if token.type == "fence":
            language, _, more = token.info.partition(" ")
            found.append(Block(page, language, more.removeprefix("status=") or None, token.content))
    return tuple(found)


def indented(page: str) -> list[str]:
    """The texts of indented blocks."""
    tokens = MarkdownIt("commonmark").parse((ROOT / page).read_text())
    return [token.content for token in tokens if token.type == "code_block"]


def linked(path: Path) -> set[Path]:
    """The files of the repository that a page leads to."""
    links = re.findall(r"""\]\((?!https?:)([^)#]+)|src="([^"]+)""", path.read_text())
    return {(path.parent / "".join(link)).resolve() for link in links}
