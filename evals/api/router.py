"""Routes of viewsets as the evaluation client calls them: without a slash at the end."""

from rest_framework.routers import DynamicRoute, Route, SimpleRouter


def _route(route: Route | DynamicRoute) -> Route | DynamicRoute:
    """A list is answered by `index`: of a `list`, the OpenAPI generator says that it is an array,
    and the client's lists are objects.
    """
    if isinstance(route, Route) and "list" in route.mapping.values():
        return route._replace(mapping={"get": "index", "post": "create"})
    return route


class EvaluationRouter(SimpleRouter):
    """The framework's router; paths may have converters."""

    routes = [_route(route) for route in SimpleRouter.routes]

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
