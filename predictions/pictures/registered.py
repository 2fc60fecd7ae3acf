"""A registered folder as a loader of files sees it: where the pictures of its names are."""

from predictions.pictures.addresses import address
from predictions.pictures.opening import NoFile, has_file, open_below
from predictions.pictures.thumbnails import NoPicture, size_of


class RegisteredFolder:
    """An image root, its id and its folder's real path."""

    def __init__(self, root_id: str, path: str) -> None:
        self.root_id, self.path = root_id, path

    def address(self, name: str) -> str:
        """What a task's data holds."""
        return address(self.root_id, name)

    def size(self, name: str) -> tuple[int, int] | None:
        """Width and height in pixels as it is shown, from its header; None where nothing can be
        read there.
        """
        try:
            with open_below(self.path, name) as opened:
                return size_of(opened)
        except (NoFile, NoPicture):
            return None

    def is_missing(self, name: str) -> bool:
        """Whether there is no file of that name, or none that may be served."""
        return not has_file(self.path, name)
