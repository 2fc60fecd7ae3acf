// The confusion matrix: a table whose cells are links to the images behind them, coloured by how
// large a part of their row they are. Of many classes the most frequent errors, in a list.

import { count, el, fill, table } from "./dom.js";
import { api } from "./server.js";
import { cellAt, config, page, read, watch } from "./state.js";

// Classes up to which the whole square is shown: beyond, nobody sees a cell of it.
const MOST_SQUARE = 150;
const MOST_ERRORS = 200;

/**
 * The confusion matrix.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function matrix(panel) {
  const show = () => {
    const { split, confidence, get } = read();
    const isLarge = config.classes.length > MOST_SQUARE;
    const some = isLarge ? { format: "errors", limit: MOST_ERRORS } : {};
    fill(
      panel,
      api("confusion-matrix", { split, confidence, slice: get("slice"), ...some }).then((body) =>
        isLarge ? errors(body) : [heat(body), frequent(body)],
      ),
    );
  };
  watch(["split", "confidence", "slice"], show);
  show();
}

function cellLink(body, actual, predicted, text, label) {
  const href = page("images/", { cell: cellAt(actual, predicted), slice: read().get("slice") });
  const cell = `${actual},${predicted}`;
  return el("a", { href, "aria-label": label, title: label, "data-cell": cell }, text);
}

function sentence(body, actual, predicted, n) {
  const [there, said] = [body.classes[actual], body.classes[predicted]];
  const background = body.classes.length - 1;
  const objects = `${count(n)} ${n === 1 ? "object" : "objects"}`;
  if (predicted === background) return `${objects} of ${there} missed`;
  if (actual === background) return `${count(n)} of ${said} reported where nothing is`;
  if (actual === predicted) return `${objects} of ${there} found`;
  return `${objects} of ${there} called ${said}`;
}

function heat(body) {
  const heads = body.classes.map((name) =>
    el("th", { scope: "col" }, el("span", {}, name)),
  );
  const rows = body.matrix.map((row, actual) => {
    const sum = row.reduce((total, n) => total + n, 0);
    const cells = row.map((n, predicted) => {
      if (n === 0) return el("td", { class: "ev-none" }, "0");
      const label = sentence(body, actual, predicted, n);
      const cell = el("td", {}, cellLink(body, actual, predicted, count(n), label));
      cell.style.setProperty("--part", (n / sum).toFixed(3));
      cell.className = actual === predicted ? "ev-right" : "ev-wrong";
      return cell;
    });
    return el("tr", {}, el("th", { scope: "row" }, body.classes[actual]), cells);
  });
  const caption = "Confusion matrix: rows are what is there, columns what was predicted";
  return el(
    "div",
    { class: "ev-scroll ev-heat", tabindex: "0", role: "region", "aria-label": "Confusion matrix" },
    el(
      "table",
      { class: "ev-matrix" },
      el("caption", { class: "ev-hidden" }, caption),
      el("thead", {}, el("tr", {}, el("td", {}, "actual ↓ predicted →"), heads)),
      el("tbody", {}, rows),
    ),
  );
}

// The cells beside the diagonal, most frequent first.
function errors(body) {
  if (!body.cells.length) return el("p", {}, "Nothing was taken for anything else.");
  const rows = body.cells.map(([actual, predicted, n]) => {
    const text = sentence(body, actual, predicted, n);
    return [cellLink(body, actual, predicted, text, text), count(n)];
  });
  const note =
    `${count(config.classes.length)} classes are too many for a table of all: these are the ` +
    `${count(rows.length)} most frequent of ${count(body.totalCells)} kinds of errors.`;
  return [
    el("p", { class: "ev-note" }, note),
    table("Most frequent errors", ["Error", "Count"], rows),
  ];
}

// What went wrong most often, in words.
function frequent(body) {
  const wrong = body.matrix
    .flatMap((row, actual) => row.map((n, predicted) => ({ n, actual, predicted })))
    .filter(({ n, actual, predicted }) => n > 0 && actual !== predicted)
    .toSorted((one, other) => other.n - one.n)
    .slice(0, 5);
  if (!wrong.length) return null;
  const items = wrong.map(({ n, actual, predicted }) => {
    const text = sentence(body, actual, predicted, n);
    return el("li", {}, cellLink(body, actual, predicted, text, text));
  });
  return el("div", {}, el("h3", {}, "Most frequent errors"), el("ol", { class: "ev-list" }, items));
}
