"""Addresses of an evaluation's pages at the desk, all below its own, which has its id in the API.

What a page shows stands in its query string, in the words of the API: `split`, `confidence`,
`sort`, `cell`, `class`, `cluster`, `offset`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpResponseBase
from django.urls import URLPattern, re_path

from evals import desk_data, desk_views

EVALUATION = "(?P<eval_id>[A-Za-z0-9]{20})"

Page = Callable[..., HttpResponseBase]

PAGES: dict[str, tuple[str, Page]] = {
    "evals_overview": ("", desk_views.overview),
    "evals_metrics": ("metrics/", desk_views.metrics),
    "evals_matrix": ("matrix/", desk_views.matrix),
    "evals_images": ("images/", desk_views.images),
    "evals_vectors": ("vectors/", desk_views.vectors),
    "evals_recommendations": ("recommendations/", desk_views.recommendations),
    "evals_diff": ("diff/", desk_views.diff),
    "evals_rerun": ("rerun/", desk_views.rerun),
    "evals_cancel": ("cancel/", desk_views.cancel),
    "evals_numbers": ("data/numbers", desk_data.numbers),
    "evals_curves": ("data/curves", desk_data.curves),
    "evals_points": ("data/points", desk_data.points),
    "evals_f1": ("data/f1", desk_data.f1),
    "evals_cards": ("data/cards", desk_data.cards),
    "evals_picture": ("data/pictures/(?P<position>[0-9]{1,9})", desk_data.picture),
    # Last: an image's id may hold anything.
    "evals_image": ("images/(?P<image_id>.+)/", desk_views.image),
}


def patterns(desk: Any) -> list[URLPattern]:
    """The pages, for whoever is logged in to the desk."""
    return [
        re_path(
            f"^{EVALUATION}/{route}$",
            desk.admin_site.admin_view(partial(page, desk)),
            name=name,
        )
        for name, (route, page) in PAGES.items()
    ]
