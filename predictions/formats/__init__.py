"""Reads the files that teams keep ground truth and detections in, into one form. Pure.

Every reader turns its file into a `content.Content`: classes in the file's order, kinds of regions,
and tasks with regions in the file's own numbers. `predictions.imports` makes a labelling config,
tasks and predictions of any content, so a reader knows neither percent nor control tags.

To add a format:
1. `readers/images/NAME.py` or `readers/tables/NAME.py`: a function `truth(source, ask, errors)`
   and, where the format holds detections, `predictions(source, ask, errors, known)`, both giving a
   `Content`. Whatever is wrong goes to
   `errors.add(place, message)`, where the place is a line or a path into the document; what is
   only odd goes to `content.warnings`. Heavy libraries are imported inside the functions.
2. `table.py`: one line, with what the format is recognised by.
3. `docs/guides/files.md`: one line of the table.
"""
