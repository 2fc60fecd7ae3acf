// Starts the panels that the page has; each is one module and one element.

import { recommendations } from "./advice.js";
import { curve, curveTable, optima } from "./curves.js";
import { diff } from "./diff.js";
import { image } from "./image.js";
import { images, worst } from "./images.js";
import { matrix } from "./matrix.js";
import { classes, headline } from "./numbers.js";
import { api } from "./server.js";
import { carry, config, read, settled, write } from "./state.js";
import { clusters, map, selected } from "./vectors.js";

const PANELS = {
  curve,
  curves: curve,
  "curve-table": curveTable,
  optima,
  classes,
  matrix,
  worst,
  images,
  image,
  map,
  clusters,
  selected,
  recommendations,
  diff,
};

function controls(form) {
  const { split, confidence } = form.elements;
  const shown = form.querySelector("[data-confidence]");
  const move = settled(() => write({ confidence: confidence.value, offset: null }));
  form.addEventListener("submit", (event) => event.preventDefault());
  split.addEventListener("change", () => write({ split: split.value, offset: null }));
  confidence.addEventListener("input", () => {
    if (shown) shown.textContent = `${confidence.value} %`;
    move();
  });
  // A browser that restores a form on the way back must not contradict the address.
  const state = read();
  split.value = state.split;
  confidence.value = state.confidence;
  if (shown) shown.textContent = `${state.confidence} %`;
}

// While it runs: how far it is, and the page again when it is done.
async function follow(panel) {
  const bar = panel.querySelector("progress");
  const text = panel.querySelector("[data-progress]");
  const header = await api("").catch(() => null);
  if (header && header.status !== "running") {
    window.location.reload();
    return;
  }
  if (header) {
    bar.value = Math.round(100 * header.progress);
    text.textContent = `${bar.value} %`;
  }
  window.setTimeout(() => follow(panel), 2000);
}

const form = document.querySelector("[data-controls]");
if (form) controls(form);
const numbers = document.querySelector("[data-numbers]");
if (numbers) headline(numbers);
const running = document.querySelector("[data-running]");
if (running) follow(running);
if (config.state) {
  carry();
  for (const panel of document.querySelectorAll("[data-panel]")) PANELS[panel.dataset.panel](panel);
}
