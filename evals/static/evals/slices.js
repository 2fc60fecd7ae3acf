// Images by the values of a key of their tasks: a row each, which leads to its images and matrix.

import { count, el, fill, longTable, share } from "./dom.js";
import { between } from "./intervals.js";
import { api } from "./server.js";
import { config, page, read, settled, watch, write } from "./state.js";

/**
 * The slices of the chosen key.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function slices(panel) {
  /** @type {HTMLSelectElement} */
  const select = document.querySelector("[data-by] select");
  const known = [...select.options].map((option) => option.value);
  const chosen = read().get("by");
  if (known.includes(chosen)) select.value = chosen;
  select.addEventListener("change", () => write({ by: select.value }));
  const show = () => {
    const { split, confidence } = read();
    fill(panel, api("slices", { by: select.value, split, confidence }).then(rows));
  };
  watch(["split", "by"], show);
  watch(["confidence"], settled(show, 300));
  show();
}

function rows(body) {
  if (!body.slices.length) return el("p", {}, `There are no ${config.unit}s in this split.`);
  const cells = (one) => {
    const slice = `${body.by}:${one.value}`;
    const href = page("images/", { slice, sort: "f1" });
    return [
      el("a", { href, "data-slice": one.value }, one.value || "(empty)"),
      count(one.images),
      share(one.precision),
      share(one.recall),
      share(one.f1),
      between(one.f1Low, one.f1High),
      count(one.falsePositives),
      count(one.falseNegatives),
      el("a", { href: page("matrix/", { slice }) }, "matrix"),
    ];
  };
  const matrix = el("th", { scope: "col" }, el("span", { class: "ev-hidden" }, "Matrix"));
  const heads = ["Value", config.unit === "task" ? "Tasks" : "Images", "Precision", "Recall", "F1", "95 %", "FP", "Missed", matrix];
  return longTable("Slices", heads, body.slices, cells, (one) => one.value);
}
