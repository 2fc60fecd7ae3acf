// Starts the panels that the page has; each is one module and one element.

import { intervals } from "./intervals.js";
import { headline } from "./numbers.js";
import { api } from "./server.js";
import { carry, config, read, settled, write } from "./state.js";

// A page loads the modules of the panels it has.
const PANELS = {
  curve: async () => (await import("./curves.js")).curve,
  curves: async () => (await import("./curves.js")).curve,
  "curve-table": async () => (await import("./curves.js")).curveTable,
  optima: async () => (await import("./curves.js")).optima,
  classes: async () => (await import("./numbers.js")).classes,
  measures: async () => (await import("./numbers.js")).measures,
  recall: async () => (await import("./recall.js")).recall,
  "error-types": async () => (await import("./error_types.js")).errorTypes,
  "class-numbers": async () => (await import("./class.js")).classNumbers,
  "class-recall": async () => (await import("./recall.js")).recall,
  "class-curve": async () => (await import("./curves.js")).curve,
  confusions: async () => (await import("./class.js")).confusions,
  scatter: async () => (await import("./scatter.js")).scatter,
  matrix: async () => (await import("./matrix.js")).matrix,
  slices: async () => (await import("./slices.js")).slices,
  worst: async () => (await import("./images.js")).worst,
  images: async () => (await import("./images.js")).images,
  image: async () => (await import("./image.js")).image,
  map: async () => (await import("./vectors.js")).map,
  clusters: async () => (await import("./vectors.js")).clusters,
  selected: async () => (await import("./vectors.js")).selected,
  recommendations: async () => (await import("./advice.js")).recommendations,
  versions: async () => (await import("./versions.js")).versions,
  diff: async () => (await import("./diff.js")).diff,
};

function controls(form) {
  const { split, confidence, slice } = form.elements;
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
  if (slice) slices(slice, state.get("slice") ?? "");
  if (shown) shown.textContent = `${state.confidence} %`;
}

// One slice of the images; of very many the list has some, and that of the address.
function slices(select, chosen) {
  const isListed = [...select.options].some((option) => option.value === chosen);
  if (!isListed) select.append(new Option(chosen, chosen));
  select.value = chosen;
  select.addEventListener("change", () => write({ slice: select.value, offset: null }));
}

// As the server says it when the page is made: `, about 3 minutes left`.
function timeLeft(passed, done) {
  if (!(done >= 0.01 && done < 1)) return "";
  const seconds = (passed * (1 - done)) / done;
  const units = /** @type {[string, number][]} */ ([["hour", 3600], ["minute", 60], ["second", 1]]);
  const [unit, size] = units.find(([, long]) => seconds >= long) ?? units[2];
  const n = Math.max(1, Math.round(seconds / size));
  return `, about ${n} ${unit}${n === 1 ? "" : "s"} left`;
}

// While it runs: how far it is, how long it takes, and the page again when it is done.
async function follow(panel) {
  const bar = panel.querySelector("progress");
  const text = panel.querySelector("[data-progress]");
  const header = await api("").catch(() => null);
  if (header && header.status !== "running") {
    window.location.reload();
    return;
  }
  if (header) {
    bar.value = Math.floor(100 * header.progress);
    text.textContent = `${bar.value} %`;
    panel.querySelector("[data-left]").textContent = timeLeft(
      Number(panel.dataset.running) + performance.now() / 1000,
      header.progress,
    );
  }
  window.setTimeout(() => follow(panel), 2000);
}

const form = document.querySelector("[data-controls]");
if (form) controls(form);
/** @type {HTMLElement | null} */
const numbers = document.querySelector("[data-numbers]");
if (numbers) {
  headline(numbers);
  intervals(numbers);
}
const running = document.querySelector("[data-running]");
if (running) follow(running);
if (config.state) {
  carry();
  for (const panel of /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("[data-panel]")
  )) {
    PANELS[panel.dataset.panel]().then((start) => start(panel));
  }
}
