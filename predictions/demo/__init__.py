"""The demo project: photographs of nothing, digits of people.

Real: the digits (1,797 handwritten ones of the UCI set that scikit-learn bundles), their places and
names (we put them there), the detector (trained while you wait) and so its mistakes, the client
(Label Studio's SDK, over HTTP). Made up: the sheets of paper the digits lie on, and the specks and
strokes between them.

`scenes` draws, `detector` learns and detects, `loading` speaks to the server. Nothing here needs a
network or a database, and nothing in the service imports it.
"""

# What the project is called, and known by when it is there already.
TITLE = "Handwritten digits (demo)"
