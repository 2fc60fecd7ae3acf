"""Which routes the installed clients call, read from their source, so that new ones show."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import label_studio_sdk
import roboflow

SDK = Path(label_studio_sdk.__file__).parent
ROBOFLOW = Path(roboflow.__file__).parent
PLACE = re.compile(r"\{[^{}]*\}")
VERBS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@dataclass(frozen=True, order=True)
class Route:
    """A verb and a path, each of whose placeholders is `{}`, without a slash at the end."""

    verb: str
    path: str
    #: As it is called, with and without a slash at the end.
    sent: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.verb} {self.path}"


def route(verb: str, path: str) -> Route:
    """The route of a path as source or pages write it."""
    bare = PLACE.sub("{}", path.partition("?")[0])
    return Route(verb, "/" + bare.strip("/"), "/" + bare.lstrip("/"))


def _text(node: ast.expr) -> str | None:
    """A text with `{}` for what is put into it; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
    return "".join(str(part) for part in parts)


def _calls(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    """Calls of functions or methods of these names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in names:
                yield node


def _texts(call: ast.Call) -> list[str]:
    """The texts among a call's arguments, in order, named ones last."""
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return [text for node in given if (text := _text(node)) is not None]


def sdk_routes() -> list[Route]:
    """What `LabelStudio` and `AsyncLabelStudio` call: each method of a raw client names its own."""
    found = []
    for file in SDK.rglob("raw_client.py"):
        for call in _calls(ast.parse(file.read_text()), "request", "stream"):
            verbs = [text for text in _texts(call) if text in VERBS]
            path = _text(call.args[0]) if call.args else None
            if verbs and path is not None:
                found.append(route(verbs[0], path))
    return found


@dataclass(frozen=True)
class SdkCall:
    """A method of the SDK, called as `client.<name>(...)`, and the names of what it can send."""

    name: str
    route: Route
    query: frozenset[str]
    body: frozenset[str]


def _keys(node: ast.expr | None) -> frozenset[str]:
    """The keys of a dictionary as source writes it."""
    keys = node.keys if isinstance(node, ast.Dict) else []
    return frozenset(str(key.value) for key in keys if isinstance(key, ast.Constant))


def sdk_calls() -> list[SdkCall]:
    """What each method of `LabelStudio` can send; those of `AsyncLabelStudio` send the same."""
    found = []
    for file in SDK.rglob("raw_client.py"):
        room = ".".join(file.parent.relative_to(SDK).parts)
        methods = [
            n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.FunctionDef)
        ]
        for method in methods:
            for call in _calls(method, "request", "stream"):
                verbs = [text for text in _texts(call) if text in VERBS]
                path = _text(call.args[0]) if call.args else None
                if verbs and path is not None:
                    given = {keyword.arg: keyword.value for keyword in call.keywords}
                    query, body = _keys(given.get("params")), _keys(given.get("json"))
                    name = f"{room}.{method.name}"
                    found.append(SdkCall(name, route(verbs[0], path), query, body))
    return found


def legacy_routes() -> list[Route]:
    """What the client of the releases before 1.0 calls, which newer ones still bring."""
    found = []
    for file in (SDK / "_legacy").rglob("*.py"):
        for call in _calls(ast.parse(file.read_text()), "make_request"):
            match _texts(call):
                case [verb, path, *_] if verb in VERBS:
                    found.append(route(verb, path))
    return found


def evaluation_routes() -> list[Route]:
    """What the evaluation client calls below `/{workspace}/model-evals`."""
    tree = ast.parse((ROBOFLOW / "adapters" / "rfapi.py").read_text())
    return [
        route("GET", "/{}/model-evals" + path)
        for call in _calls(tree, "_eval_get")
        if len(call.args) > 2 and (path := _text(call.args[2])) is not None
    ]


def other_paths() -> set[str]:
    """Every other path of Roboflow's API that the client names."""
    found = set()
    for file in ROBOFLOW.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.JoinedStr) or not _is_of_api(node):
                continue
            path = route("", (_text(node) or "").removeprefix("{}")).path
            if not path.startswith("/{}/model-evals"):
                found.add(path)
    return found


def _is_of_api(text: ast.JoinedStr) -> bool:
    first = text.values[0] if text.values else None
    return isinstance(first, ast.FormattedValue) and ast.unparse(first.value) == "API_URL"
