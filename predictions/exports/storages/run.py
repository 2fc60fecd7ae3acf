"""The work of a synchronisation: writes every annotation of the project, and deletes the files of
those that are gone where the storage may.
"""

from predictions.db.storages import exports
from predictions.exports.storages.state import EXPORTS
from predictions.exports.storages.targets import NOT_OURS, File, Target, target_of
from predictions.models import ExportStorage
from predictions.storages import worker
from predictions.storages.worker import Progress, Unreached

#: Tasks whose annotations are in memory, and files that are deleted between two signs of life.
AT_ONCE = 50


def run(storage_id: int) -> None:
    """Synchronises a storage, or does nothing while another worker has it in hand or it has ended.

    As `predictions.storages.worker.run`.
    """
    worker.run(EXPORTS, storage_id, _synchronise)


def _synchronise(progress: Progress[ExportStorage]) -> None:
    target = target_of(progress.storage)
    try:
        sync = Sync(progress, target)
        sync.write()
        if progress.storage.can_delete_objects:
            sync.delete()
    finally:
        target.close()


class Sync:
    """One pass over the annotations of a project. Each file is written anew: whoever has deleted or
    changed one gets it back.
    """

    def __init__(self, progress: Progress[ExportStorage], target: Target) -> None:
        self.progress, self.target = progress, target
        self.storage = progress.storage
        self._unreached = Unreached()

    def write(self) -> None:
        """All of them, from where an earlier worker was. Stopped where the place cannot be
        reached.
        """
        after = self.storage.position
        while tasks := exports.annotated_tasks(self.storage.project_id, after, limit=AT_ONCE):
            self._write(exports.files_of(tasks))
            after = tasks[-1]["id"]
            # What went wrong is told by the worker that found it: the next one finds it again.
            marks = {} if self.progress.n_faults else {"position": after}
            self.progress.keep(**marks)

    def _write(self, found: list[tuple[int, bytes]]) -> None:
        known = exports.written(self.storage, [one for one, _ in found])
        files = (File(one, content, is_new=one not in known) for one, content in found)
        done = []
        try:
            for file, fault in self.target.write(files):
                if fault:
                    self.progress.blame(file.name, fault)
                else:
                    done.append(file.annotation_id)
                self._unreached.look("" if fault == NOT_OURS else fault)
        finally:
            exports.note_written(self.storage, [one for one in done if one not in known])
            self.progress.n += len(done)

    def delete(self) -> None:
        """The files of annotations that are gone. Stopped as `write`."""
        after = 0
        while gone := exports.gone(self.storage, after, limit=AT_ONCE):
            deleted = []
            for one, fault in self.target.delete(gone):
                if fault:
                    self.progress.blame(str(one), fault)
                else:
                    deleted.append(one)
                self._unreached.look(fault)
            exports.note_deleted(self.storage, deleted)
            after = gone[-1]
            self.progress.keep()
