// The headline and the table of classes at the chosen split and confidence.

import { measured, writerOf } from "../desk/figures.js";
import { count, el, fill, longTable, share, table } from "./dom.js";
import { desk } from "./server.js";
import { config, page, read, watch } from "./state.js";

let asked = null;

/**
 * The numbers at the chosen split and confidence.
 * @returns {Promise<any>} as the desk's route `numbers` answers
 */
export function numbers() {
  const { split, confidence } = read();
  const key = `${split} ${confidence}`;
  if (asked?.key !== key) asked = { key, body: desk("numbers", { split, confidence }) };
  return asked.body;
}

const at = (document, path) => path.split(".").reduce((found, name) => found?.[name], document);
const SHARES = /^(precision|recall|f1|averagePrecision\..*|bySize\..*)$/;

/**
 * The headline numbers.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function headline(panel) {
  const show = async () => {
    const body = await numbers().catch(() => ({}));
    const { split, confidence } = read();
    // Somebody moved on meanwhile.
    if (body.split !== split || Math.round(100 * body.confidenceThreshold) !== confidence) return;
    for (const tile of /** @type {NodeListOf<HTMLElement>} */ (
      panel.querySelectorAll("[data-number]")
    )) {
      const name = tile.dataset.number;
      const write = SHARES.test(name) ? share : count;
      const isPrimary = name === "primary.value";
      tile.textContent = (isPrimary ? writerOf(body.primary?.higherIsBetter) : write)(at(body, name));
    }
    panel.dataset.shown = `${split} ${confidence}`;
  };
  watch(["split", "confidence"], show);
  show();
}

/**
 * What is measured beside the counts.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function measures(panel) {
  const show = () =>
    fill(
      panel,
      numbers().then(({ split, measures: found }) => {
        if (!found.length) return el("p", {}, `Nothing is measured of ${split} together: choose a split.`);
        const shown = (value) => (Number.isSafeInteger(value) ? count(value) : measured(value));
        const rows = found.map(({ label, value }) => [label, shown(value)]);
        return table("Measures", ["Measure", "Value"], rows);
      }),
    );
  watch(["split"], show);
  show();
}

// A class as a link to its page; in a tree its own name, below the nodes it is under. A name may
// hold the separator itself: what is no node is part of it.
function named(name, nodes) {
  const href = page("class/", { class: name });
  if (config.drawing !== "tree") return el("a", { href }, name);
  const parts = name.split(" / ");
  const ends = parts.map((_, end) => parts.slice(0, end).join(" / ")).filter((one) => nodes.has(one));
  const link = el("a", { href, title: name }, ends.length ? name.slice(ends.at(-1).length + 3) : name);
  link.style.setProperty("margin-left", `${ends.length}rem`);
  return link;
}

// What is told of each class beside its counts: its column, and the number there.
const PRECISIONS = { map50_95: "AP50-95", map50: "AP50", iou: "IoU" };

function precisions(found) {
  const keys = Object.keys(PRECISIONS);
  if (config.hasPrecision) return keys.slice(0, 2);
  return keys.filter((key) => found.some((one) => typeof one.averagePrecision[key] === "number"));
}

/**
 * The table of classes.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function classes(panel) {
  const show = () =>
    fill(
      panel,
      numbers().then((body) => {
        const told = precisions(body.classes);
        const nodes = new Set(body.classes.map((one) => one.className));
        const cells = (one) => [
          named(one.className, nodes),
          ...told.map((key) => share(one.averagePrecision[key])),
          share(one.precision),
          share(one.recall),
          share(one.f1),
          count(one.objects),
          count(one.falsePositives),
          count(one.falseNegatives),
        ];
        const names = told.map((key) => PRECISIONS[key]);
        const heads = ["Class", ...names, "Precision", "Recall", "F1", "Objects", "FP", "Missed"];
        return longTable("Classes", heads, body.classes, cells, (one) => one.className);
      }),
    );
  watch(["split", "confidence"], show);
  show();
}
