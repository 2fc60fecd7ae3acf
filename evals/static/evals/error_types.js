// Errors by kind, in TIDE's sense: how many, and what they cost; each number leads to its images.

import { count, el, fill, share, table } from "./dom.js";
import { api } from "./server.js";
import { config, page, read, watch } from "./state.js";

const MEANINGS = {
  classification: "found, under a wrong class",
  localization: "right class, IoU 0.1 to 0.5",
  both: "wrong class, and IoU 0.1 to 0.5",
  duplicate: "an object that a better one has found",
  background: "where nothing is",
  missed: "objects that nothing comes near",
};

/**
 * Errors by kind: of the split, or on the page of a class of that one.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function errorTypes(panel) {
  const body = api("error-types");
  const show = () => {
    const { split, get } = read();
    const name = config.panel === "class" ? get("class") : null;
    fill(
      panel,
      body.then(({ splits }) => {
        const found = splits[split];
        if (!found) return el("p", {}, "Kinds of errors are those of one split: choose one above.");
        return name === null ? all(found) : ofClass(found.perClass[name] ?? {}, name);
      }),
    );
  };
  watch(["split"], show);
  show();
}

// They are of all predictions: the images are shown with all of them.
function link(kind, n, more = {}) {
  if (!n) return "0";
  const href = page("images/", { errorType: kind, confidence: 0, sort: "-errors", ...more });
  return el("a", { href, "data-error": kind }, count(n));
}

function all({ errors }) {
  const highest = Math.max(...Object.values(errors).map(({ cost }) => cost ?? 0));
  const rows = Object.entries(errors).map(([kind, found]) => [
    el("span", {}, kind, " ", el("small", {}, MEANINGS[kind])),
    link(kind, found.count),
    count(found.images),
    bar(found.cost, highest),
  ]);
  return table("Errors by kind", ["Kind", "Errors", "Images", "Costs in mAP50"], rows);
}

function bar(cost, highest) {
  const part = el("span", { class: "ev-cost", "aria-hidden": "true" });
  part.style.width = `${highest > 0 && cost ? (100 * cost) / highest : 0}%`;
  return el("span", { class: "ev-costs" }, share(cost), part);
}

function ofClass(counts, name) {
  const rows = Object.entries(MEANINGS).map(([kind, meaning]) => [
    el("span", {}, kind, " ", el("small", {}, meaning)),
    link(kind, counts[kind] ?? 0, { class: name }),
  ]);
  return table(`Errors of ${name} by kind`, ["Kind", "Errors"], rows);
}
