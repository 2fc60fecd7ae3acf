"""The rows of one project in the order of their ids, from the index by (project, id).

With `project_id = x` the planner may as well take the rows of all projects by id until it has found
enough: of a project that is newer than the others, it reads all of theirs. A range of one project
means the same rows, and only that index has them in the order of (project, id).
"""

#: That the workspace has the project. Takes the project and the workspace.
OWNED = "EXISTS (SELECT FROM predictions_project j WHERE j.id = %s AND j.workspace_id = %s)"


def of_project(alias: str) -> str:
    """The condition on a table's rows. Takes the project twice."""
    return f"{alias}.project_id BETWEEN %s AND %s"


def by_id(alias: str, *, is_falling: bool = False) -> str:
    """The order."""
    down = " DESC" if is_falling else ""
    return f"{alias}.project_id{down}, {alias}.id{down}"


def past(alias: str, *, is_falling: bool = False) -> str:
    """The condition on what comes after a row in that order. Takes the project and the row's id."""
    return f"({alias}.project_id, {alias}.id) {'<' if is_falling else '>'} (%s, %s)"
