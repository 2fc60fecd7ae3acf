"""`manage.py load` as tests call it."""

import io

from django.core.management import call_command


def load(*arguments: object) -> tuple[list[str], list[str]]:
    """The lines that the command prints, and those it warns with; in the workspace `lab`."""
    written, warned = io.StringIO(), io.StringIO()
    told = [str(argument) for argument in arguments]
    call_command("load", *told, workspace="lab", stdout=written, stderr=warned, verbosity=0)
    return written.getvalue().splitlines(), warned.getvalue().splitlines()
