"""Runs in an interpreter that has the evaluation client: steps in on stdin, what came of them out.

A step is {"cli": [arguments]} or {"sdk": [method, arguments]}; an "api_key" of its own replaces the
environment's. Each answer has `exit`, `out` and `err`, or `value` or `error`.
"""

import contextlib
import io
import json
import os
import sys
from typing import Any

import roboflow
from roboflow.roboflowpy import main

Step = dict[str, Any]


def cli(arguments: list[str]) -> Step:
    """One command of the real program."""
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["roboflow", *arguments]
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
    return {"exit": code, "out": out.getvalue(), "err": err.getvalue()}


def sdk(api_key: str, method: str, arguments: Step) -> Step:
    """One call of the SDK, on the workspace or on an evaluation of it."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            workspace = roboflow.Roboflow(api_key=api_key).workspace()
            target = workspace
            if "eval_id" in arguments:
                target = workspace.eval(arguments.pop("eval_id"))
            value = getattr(target, method)(**arguments)
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}
    if isinstance(value, list):
        value = [one.to_dict() for one in value]
    return {"value": value}


def run(step: Step) -> Step:
    key = step.get("api_key", os.environ["ROBOFLOW_API_KEY"])
    if "cli" in step:
        os.environ["ROBOFLOW_API_KEY"], before = key, os.environ["ROBOFLOW_API_KEY"]
        try:
            return cli(step["cli"])
        finally:
            os.environ["ROBOFLOW_API_KEY"] = before
    method, arguments = step["sdk"]
    return sdk(key, method, arguments)


if __name__ == "__main__":
    answers = [run(step) for step in json.load(sys.stdin)]
    json.dump({"version": roboflow.__version__, "answers": answers}, sys.stdout)
