"""What draws predictions: addresses, elements, regions, shapes and brush masks."""

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.javascript.conftest import ADDRESS, Call

PIXEL = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("text", "address", "image"),
    [
        ("https://example.com/a b.png", *["https://example.com/a%20b.png"] * 2),
        ("http://example.com/a.png", *["http://example.com/a.png"] * 2),
        # Of paths here only those where this server has pictures.
        ("/data/1.png", f"{ADDRESS}/data/1.png", None),
        ("/data/local-files/?d=0/1.png", *[f"{ADDRESS}/data/local-files/?d=0/1.png"] * 2),
        ("/admin/x/picture/1", *[f"{ADDRESS}/admin/x/picture/1"] * 2),
        # Names are no addresses.
        ("0001.jpg", None, None),
        ("images/0001.jpg", None, None),
        ("?d=1", None, None),
        ("//example.com/a.png", *["http://example.com/a.png"] * 2),
        (PIXEL, None, PIXEL),
        ("data:image/svg+xml;base64,PHN2Zy8+", None, None),
        ("data:text/html,<script>alert(1)</script>", None, None),
        ("javascript:alert(1)", None, None),
        (" jAvAsCrIpT:alert(1)", None, None),
        ("file:///etc/passwd", None, None),
        ("http://[", None, None),
        ("  ", None, None),
        ("", None, None),
        (None, None, None),
        (7, None, None),
        ({"toString": 1}, None, None),
    ],
)
def test_addresses(call: Call, text: Any, address: str | None, image: str | None) -> None:
    found = call("desk/safe.js", "return [m.safeAddress(a), m.safeImage(a)]", text)
    assert found == [address, image]


SMALL = f"{ADDRESS}/data/local-files/thumbnail?size=320&d=0123456789abcdef/a%20b%2Bc.jpg"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("/data/local-files/?d=0123456789abcdef/a%20b%2Bc.jpg", SMALL),
        ("/data/local-files?d=0123456789abcdef/a%20b%2Bc.jpg", SMALL),
        (f"{ADDRESS}/data/local-files/?d=0123456789abcdef/a%20b%2Bc.jpg", SMALL),
        ("/data/local-files-of/?d=a", f"{ADDRESS}/data/local-files-of/?d=a"),
        ("0001.jpg", None),
        ("https://example.com/data/local-files/?d=a", "https://example.com/data/local-files/?d=a"),
        ("https://example.com/a.png", "https://example.com/a.png"),
        (PIXEL, PIXEL),
        ("javascript:alert(1)", None),
        (None, None),
    ],
)
def test_small_pictures_of_local_ones(call: Call, text: Any, address: str | None) -> None:
    assert call("desk/safe.js", "return m.smallImage(a)", text) == address


def test_texts_never_become_markup(call: Call) -> None:
    made = call(
        "desk/safe.js",
        "return m.element('p', {title: a, id: null, hidden: true, lang: false}, a, null,"
        " m.element('b', {}, 'x')).outerHTML",
        '<img src=x onerror="alert(1)">',
    )
    assert made == (
        '<p title="&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" hidden="">'
        '&lt;img src=x onerror="alert(1)"&gt;<b>x</b></p>'
    )


def test_shapes_are_svg(call: Call) -> None:
    body = "const one = m.shape('g', {id: 'a'}); return [one.namespaceURI, one.outerHTML]"
    assert call("desk/safe.js", body) == ["http://www.w3.org/2000/svg", '<g id="a"></g>']


def test_data_of_a_page(call: Call) -> None:
    body = "return [m.pageData().evalId, m.pageData('none')]"
    assert call("desk/safe.js", body) == ["abc1", None]


DRAW = (
    "const one = m.draw(a, 200, 100, [1, 2, 3]); if (one === null) return null;"
    " const said = [...one.attributes].map((at) => [at.name, at.value]);"
    " return [one.tagName, Object.fromEntries(said)]"
)


@pytest.mark.parametrize(
    ("kind", "geometry", "drawn"),
    [
        (
            "rectangle",
            {"x": 10, "y": 20, "width": 30, "height": 40},
            ["rect", {"x": "20", "y": "20", "width": "60", "height": "40"}],
        ),
        (
            "rectangle",
            {"x": 10, "y": 20, "width": -3, "height": "wide", "rotation": 45},
            [
                "rect",
                {
                    "x": "20",
                    "y": "20",
                    "width": "0",
                    "height": "0",
                    "transform": "rotate(45 20 20)",
                },
            ],
        ),
        (
            "ellipse",
            {"x": 50, "y": 50, "radiusX": 10, "radiusY": 5},
            ["ellipse", {"cx": "100", "cy": "50", "rx": "20", "ry": "5"}],
        ),
        (
            "keypoint",
            {"x": 50, "y": 50, "width": 10},
            ["circle", {"cx": "100", "cy": "50", "r": "10"}],
        ),
        ("keypoint", {"x": 50, "y": 50}, ["circle", {"cx": "100", "cy": "50", "r": "3"}]),
        (
            "polygon",
            {"points": [[0, 0], [50, 0], [50, "x"], "no point"]},
            ["polygon", {"points": "0,0 100,0 100,0"}],
        ),
        ("polygon", {"points": [[0, 0]], "closed": False}, ["polyline", {"points": "0,0"}]),
        ("polygon", {"points": 3}, ["polygon", {"points": ""}]),
        ("brush", {"rle": [1, 2, 3], "width": 4, "height": 4}, None),
        ("brush", {"width": 4, "height": 4}, None),
        ("choices", {}, None),
    ],
)
def test_geometry_is_drawn(call: Call, kind: str, geometry: Any, drawn: Any) -> None:
    """In pixels of an image of 200 by 100; null for what is nonsense."""
    assert call("desk/shapes.js", DRAW, {"kind": kind, "geometry": geometry}) == drawn


@pytest.mark.parametrize(
    ("kind", "geometry", "at"),
    [
        ("rectangle", {"x": 10, "y": 20}, [10, 20]),
        ("ellipse", {"x": 50, "y": 40, "radiusX": 10, "radiusY": 5}, [40, 35]),
        ("polygon", {"points": [[5, 9], [7, 2], [1, 4]]}, [7, 2]),
        ("polygon", {"points": []}, [0, 0]),
        ("polygon", {"points": ["no point"]}, [0, 0]),
        ("brush", None, [0, 0]),
    ],
)
def test_where_a_name_stands(call: Call, kind: str, geometry: Any, at: list[float]) -> None:
    assert call("desk/shapes.js", "return m.anchor(a)", {"kind": kind, "geometry": geometry}) == at


def test_colors(call: Call) -> None:
    """Of the verdict, else of the label's place; an unknown label has the first one's."""
    body = "return b.map((region) => m.css(m.colorOf(region, a)))"
    regions = [
        {"verdict": "tp", "label": "cat"},
        {"verdict": None, "label": "cat"},
        {"verdict": "?", "label": "dog"},
        {"label": "cow"},
    ]
    found = call("desk/shapes.js", body, ["cat", "dog"], regions)
    assert found == ["rgb(22 163 74)", "rgb(37 99 235)", "rgb(219 39 119)", "rgb(37 99 235)"]


def test_an_overlay(call: Call) -> None:
    region = {"label": "cat", "side": "prediction", "verdict": None, "score": 0.5}
    box = {"x": 0, "y": 0, "width": 50, "height": 50}
    regions = [
        {**region, "id": 7, "kind": "rectangle", "geometry": box},
        {**region, "id": 8, "kind": "brush", "geometry": {"rle": []}},
    ]
    body = (
        "const svg = m.overlay(a, m.labelsOf(a), [40, 20]);"
        " return [svg.getAttribute('viewBox'), [...svg.children].map((g) =>"
        " [g.dataset.region, g.getAttribute('class'), [...g.children].map((one) =>"
        " [one.tagName, one.getAttribute('class')])])]"
    )
    lines = [["rect", "desk-halo"], ["rect", "desk-line"]]
    assert call("desk/regions.js", body, regions) == [
        "0 0 40 20",
        [["7", "desk-region desk-prediction", lines]],
    ]


def test_masks_as_label_studio_writes_them(call: Call) -> None:
    from label_studio_sdk.converter.brush import mask2rle

    mask = np.random.default_rng(1).random((13, 17)) < 0.3
    mask[4:9] = True
    rle = mask2rle(mask.astype(np.uint8) * 255)
    found = call("desk/brush.js", "return [...m.decodeBrush(a, 17, 13)]", rle)
    assert found == mask.astype(int).ravel().tolist()


@pytest.mark.parametrize(
    ("rle", "width", "height", "problem"),
    [
        ([], 4, 4, "the mask ends early"),
        ([0, 0, 0, 64, 0], 4, 4, "the mask ends early"),
        ([0, 0, 0, 64], 5, 4, "the mask is of another size"),
        ([], 0, 4, "the mask is too large"),
        ([], 2**13, 2**13, "the mask is too large"),
    ],
)
def test_masks_that_are_none(
    call: Call, rle: list[int], width: int, height: int, problem: str
) -> None:
    body = (
        "try { m.decodeBrush(a, b, c) } catch (error) { return [error.name, error.message] }"
        " return null"
    )
    assert call("desk/brush.js", body, rle, width, height) == ["RangeError", problem]


def test_a_mask_is_painted(page: Page, call: Call) -> None:
    body = (
        "const image = new Image(); image.src = m.paintMask(Uint8Array.from(a), 2, 1, [9, 8, 7]);"
        " await image.decode(); const context = document.createElement('canvas').getContext('2d');"
        " context.drawImage(image, 0, 0); return [...context.getImageData(0, 0, 2, 1).data]"
    )
    assert call("desk/brush.js", body, [0, 1]) == [0, 0, 0, 0, 9, 8, 7, 255]
