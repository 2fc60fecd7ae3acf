// One class: its numbers, what it was taken for, and what was taken for it.

import { count, el, fill, share, table } from "./dom.js";
import { numbers } from "./numbers.js";
import { api } from "./server.js";
import { cellAt, config, page, read, watch } from "./state.js";

const chosen = () => read().get("class");
// What the API answers of one row or column of a matrix of very many classes.
const MOST_CELLS = 100_000;

/**
 * The numbers of the class.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function classNumbers(panel) {
  const show = () =>
    fill(
      panel,
      numbers().then((body) => {
        const one = body.classes.find(({ className }) => className === chosen());
        if (!one) return el("p", {}, "The evaluation has no such class.");
        const { map50_95: all, map50, map75, iou } = one.averagePrecision;
        const precisions = config.hasPrecision
          ? [["AP50-95", share(all)], ["AP50", share(map50)], ["AP75", share(map75)]]
          : iou === undefined ? [] : [["IoU", share(iou)]];
        const tiles = [
          ...precisions,
          ["Precision", share(one.precision)],
          ["Recall", share(one.recall)],
          ["F1", share(one.f1)],
          ["Objects", count(one.objects)],
          ["Right", count(one.truePositives)],
          ["False positives", count(one.falsePositives)],
          ["Missed", count(one.falseNegatives)],
        ];
        const tile = ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
        return el("dl", { class: "ev-tiles" }, tiles.map(tile));
      }),
    );
  watch(["split", "confidence"], show);
  show();
}

/**
 * What the class was taken for, and what was taken for it, most frequent first.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function confusions(panel) {
  const show = () => {
    const { split, confidence } = read();
    const asked = { split, confidence, format: "errors", limit: MOST_CELLS };
    fill(panel, api("confusion-matrix", asked).then(sides));
  };
  watch(["split", "confidence"], show);
  show();
}

function sides({ cells }) {
  const label = config.classes.indexOf(chosen());
  const background = config.classes.length;
  const name = (at) => config.classes[at] ?? config.background;
  const side = (title, heads, rows, of, nothing, other) =>
    el(
      "div",
      {},
      el("h3", {}, title),
      rows.length
        ? table(title, heads, rows.map((cell) => [
            link(cell, cell[of] === background ? nothing : name(cell[of])),
            count(cell[2]),
          ]))
        : el("p", {}, other),
    );
  const missed = cells.filter(([actual]) => actual === label);
  const wrong = cells.filter(([, predicted]) => predicted === label);
  return el(
    "div",
    { class: "ev-columns" },
    side("Its objects were called", ["Called", "Objects"], missed, 1, "nothing: missed", "All were found."),
    side("It was reported for", ["What is there", "Predictions"], wrong, 0, "nothing: background", "Never wrongly."),
  );
}

function link([actual, predicted], text) {
  return el("a", { href: page("images/", { cell: cellAt(actual, predicted) }) }, text);
}
