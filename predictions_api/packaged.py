"""Static files: Plotly out of its Python package, and how names of content are made."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage

PLOTLY = "plotly.min.js"


class PlotlyFinder(BaseFinder):
    """`plotly/plotly.min.js`, and nothing else of the package's data."""

    def __init__(self, app_names: Any = None, *args: Any, **kwargs: Any) -> None:
        # Found without importing the package, which takes half a second.
        spec = find_spec("plotly")
        assert spec
        assert spec.submodule_search_locations
        folder = Path(spec.submodule_search_locations[0]) / "package_data"
        self.storage = FileSystemStorage(location=folder)
        self.storage.prefix = "plotly"  # type: ignore[attr-defined]

    def check(self, **kwargs: Any) -> list[Any]:
        """Nothing to configure."""
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Where the file is; an empty list for any other."""
        found = self.storage.path(PLOTLY) if path == f"plotly/{PLOTLY}" else None
        return [found] if found and find_all else found or []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[Any]:
        """The one file."""
        return [(PLOTLY, self.storage)]


class HashedFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Files compressed and named by content, also where one module imports another."""

    support_js_module_import_aggregation = True
