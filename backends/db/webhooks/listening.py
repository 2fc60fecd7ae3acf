"""Which webhooks listen to an event: what the outbox asks at each change."""

from backends.models.actions import OF_WORKSPACE, OURS


def _texts(names: frozenset[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names))


#: By the workspace's index: a workspace has few webhooks.
LISTENERS_SQL = f"""
SELECT w.id FROM backends_webhook w
WHERE w.workspace_id = %(workspace)s AND w.is_active
  AND (w.project_id IS NULL
       OR w.project_id = %(project)s AND %(action)s NOT IN ({_texts(OF_WORKSPACE)}))
  AND (w.send_for_all_actions OR %(action)s = ANY(w.actions))
  AND (w.ml_backend_id IS NULL OR %(action)s NOT IN ({_texts(OURS)}))
"""  # noqa: S608
ANYBODY_SQL = """EXISTS (
    SELECT 1 FROM backends_webhook heard
    WHERE heard.workspace_id = {workspace} AND heard.is_active
)"""
