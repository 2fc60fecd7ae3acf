// The page of a prediction: draws it, keeps what is hidden in the address, and turns pages by key.

import { showAnswers, showTexts } from "./answers.js";
import { scored } from "./figures.js";
import { Viewer } from "./viewer.js";
import { element, pageData } from "./safe.js";
import { isDrawn } from "./shapes.js";

const SIDES = { prediction: "Predicted", ground_truth: "Ground truth" };
const VERDICTS = {
  tp: "true positive",
  fp: "false positive",
  fn: "false negative",
  wrong_class: "wrong class",
};
const MOST_ROWS = 500;
const KEYS = { ArrowLeft: "before", k: "before", ArrowRight: "after", j: "after" };

const data = pageData();
const asked = new URLSearchParams(location.search);
/**
 * @param {string} id
 * @returns {any} the element; null without
 */
const find = (id) => document.getElementById(id);

if (data.image !== null || data.regions.some(isDrawn)) {
  const lowest = Number(asked.get("min"));
  const viewer = new Viewer(find("viewer"), {
    ...data,
    hidden: { sides: asked.getAll("hide"), labels: asked.getAll("hide_label") },
    score: lowest > 0 && lowest <= 1 ? lowest : 0,
    changed: remember,
  });
  document.addEventListener("pointerover", ({ target }) => {
    const row = target instanceof Element && target.closest("tr[data-region]");
    if (row instanceof HTMLElement) light(viewer, row.dataset.region);
  });
}
showTexts(find("texts"), data.texts, data.regions);
showAnswers(find("answers"), data.regions);
listRegions(find("list"), data.regions);
turnPages();

// Writes what is hidden into the address and into the links to the neighbours.
function remember({ hidden, score }) {
  const query = new URLSearchParams(location.search);
  for (const name of ["hide", "hide_label", "min"]) query.delete(name);
  for (const side of hidden.sides) query.append("hide", side);
  for (const label of hidden.labels) query.append("hide_label", label);
  if (score > 0) query.set("min", String(score));
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
  for (const id of ["before", "after"]) {
    const link = find(id);
    if (link) link.search = text;
  }
}

function turnPages() {
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    if (!(target instanceof Element)) return;
    // Arrows belong to whatever else uses them.
    if (target.closest("input, textarea, select, [contenteditable], [tabindex='0']")) {
      if (key.startsWith("Arrow") || target.closest("input:not([type='checkbox'], [type='range']), textarea, select")) return;
    }
    if (Object.hasOwn(KEYS, key)) find(KEYS[key])?.click();
  });
}

function light(viewer, id) {
  for (const group of viewer.stage.querySelectorAll(".desk-region")) {
    group.classList.toggle("desk-lit", group.dataset.region === id);
  }
}

function listRegions(host, regions) {
  if (regions.length === 0) {
    host.replaceChildren(element("p", {}, "None."));
    return;
  }
  const head = ["Label", "Side", "Verdict", "Score"].map((text) =>
    element("th", { scope: "col", class: text === "Score" ? "desk-number" : null }, text),
  );
  const rows = regions.slice(0, MOST_ROWS).map((region) => {
    const name = region.label || (region.values ?? []).join(", ") || region.name || region.kind;
    const row = element(
      "tr",
      {},
      element("td", {}, name),
      element("td", {}, SIDES[region.side]),
      element("td", {}, VERDICTS[region.verdict] ?? "-"),
      element("td", { class: "desk-number" }, region.score === null ? "-" : scored(region.score, 2)),
    );
    row.dataset.region = region.id;
    return row;
  });
  const more = regions.length - rows.length;
  host.replaceChildren(
    element(
      "table",
      { class: "desk-table" },
      element("thead", {}, element("tr", {}, ...head)),
      element("tbody", {}, ...rows),
    ),
    more > 0 ? element("p", {}, `And ${more} more.`) : "",
  );
}
