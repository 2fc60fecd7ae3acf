"""Pages of the lists that have them."""

from typing import Any
from urllib.parse import urlencode

from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


def page_url(request: Request, **place: int) -> str:
    """The address of the request with another place in the list: `page`, or the id `after` which
    it goes on.
    """
    query = request.query_params.dict() | {name: str(value) for name, value in place.items()}
    return request.build_absolute_uri(f"?{urlencode(query)}")


class NumberedPages(PageNumberPagination):
    """`{count, next, previous, results}`, by `page` and `page_size` (default 100, at most 1000).

    A page past the end is 404 `Invalid page.`: Label Studio's client reads until it meets it.
    """

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 1000

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """All four keys are always there."""
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["count", "next", "previous", "results"],
            "properties": {
                "count": {"type": "integer"},
                "next": link,
                "previous": link,
                "results": schema,
            },
        }
