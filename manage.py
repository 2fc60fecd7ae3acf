#!/usr/bin/env python
"""Command line of the service: `quickstart`, `worker`, `token`, and Django's own commands."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "predictions_api.settings")
    from predictions_api.operations.command_line import run

    run(sys.argv)
