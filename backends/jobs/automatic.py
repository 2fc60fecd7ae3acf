"""Jobs that nobody asks for: about new tasks of projects that want them predicted by themselves.

Found by the sweep: whatever way tasks come in, no write has more to do for it. An id may become
visible after a higher one, so a backend's mark stays behind the newest task for a while, and tasks
above it that have been in one of its jobs are passed over.
"""

from datetime import timedelta

from django.db import transaction

from backends.db import automatic, items
from backends.jobs import start, state

#: A backend that does not answer is asked about new tasks for so long.
HOPE = timedelta(days=1)


def start_jobs() -> int:
    """Makes the jobs that are due, or adds to those that wait; how many tasks got one."""
    n = 0
    automatic.follow_projects_that_do_not_ask()
    for backend_id in automatic.asking_backends(HOPE):
        with transaction.atomic():
            backend = automatic.locked(backend_id)
            if backend is None:
                continue
            tasks = automatic.new_tasks(backend)
            if not automatic.has_any(tasks, project_id=backend.project_id):
                continue
            waiting = automatic.waiting_job(backend_id)
            if waiting is None:
                n += start.create(backend, tasks, is_automatic=True).total_tasks
            else:
                added = items.insert(waiting, tasks)
                state.add_tasks(waiting.pk, added)
                n += added
            automatic.move_mark(backend)
    return n
