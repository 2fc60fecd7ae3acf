"""Static files: those that lie in Python packages under other names, and how names of content are
made.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

#: By the name they are served under: the package, and the file in it.
PACKAGED = {
    "plotly/plotly.min.js": ("plotly", "package_data/plotly.min.js"),
}


class PackagedFinder(BaseFinder):
    """The files of PACKAGED, and nothing else of their packages."""

    def __init__(self, app_names: Any = None, *args: Any, **kwargs: Any) -> None:
        self.paths = {name: folder_of(package) / file for name, (package, file) in PACKAGED.items()}

    def check(self, **kwargs: Any) -> list[Any]:
        """Nothing to configure."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Where the file is; an empty list for any other."""
        found = str(self.paths[path]) if path in self.paths else None
        return [found] if found and find_all else found or []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """Each file with the folder it is in."""
        for name, path in self.paths.items():
            storage = FileSystemStorage(location=path.parent)
            storage.prefix = name.rpartition("/")[0]  # type: ignore[attr-defined]
            yield path.name, storage


def folder_of(package: str) -> Path:
    """Found without importing the package, which takes half a second for Plotly."""
    spec = find_spec(package)
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Files compressed and named by content, also where one module imports another."""

    support_js_module_import_aggregation = True
