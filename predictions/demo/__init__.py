"""The demo projects: photographs of nothing, digits of people; and texts of nobody.

Real: the digits (1,797 handwritten ones of the UCI set that scikit-learn bundles), their places and
names (we put them there), the detector (trained while you wait) and so its mistakes, the client
(Label Studio's SDK, over HTTP). Made up: the sheets of paper the digits lie on, and the specks and
strokes between them; the reports and reviews, which a seeded generator writes, while the small
models that read them do read, and so make mistakes of their own.

`scenes` draws, `detector` learns and detects; `news` and `reviews` write and read; `loading` speaks
to the server. Nothing here needs a network or a database, and nothing in the service imports it.
"""

# What the projects are called, and known by when they are there already.
TITLE = "Handwritten digits (demo)"
NEWS_TITLE, REVIEWS_TITLE = "Names in news (demo)", "Stars of reviews (demo)"
TITLES = (TITLE, NEWS_TITLE, REVIEWS_TITLE)
