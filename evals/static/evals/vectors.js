// The map of the images: coloured by cluster, F1 or split; drawing around points lists them.

import { fetchCards, imagePage } from "./cards.js";
import { groupColour, shareColour } from "./colours.js";
import { count, el, fill, share, table } from "./dom.js";
import { MOST, galleryOf } from "./images.js";
import { PointMap } from "./map.js";
import { outlineText, parseOutline, pointsInside } from "./outline.js";
import { api, bytes } from "./server.js";
import { config, read, watch, write } from "./state.js";

const SPLITS = ["train", "valid", "test"];

let fetched = null;

// The columns as the server packs them: positions, x, y, clusters, splits.
function points() {
  fetched ??= bytes("points").then((buffer) => {
    const n = buffer.byteLength / 18;
    return {
      n,
      position: new Int32Array(buffer, 0, n),
      x: new Float32Array(buffer, 4 * n, n),
      y: new Float32Array(buffer, 8 * n, n),
      cluster: new Int32Array(buffer, 12 * n, n),
      split: new Int16Array(buffer, 16 * n, n),
    };
  });
  return fetched;
}

let scored = null;

// F1 of each point; the same array as before for the same confidence.
async function scores(found, confidence) {
  if (scored?.confidence !== confidence) {
    const values = bytes("f1", { confidence }).then((buffer) => {
      const all = new Uint16Array(buffer);
      return Float32Array.from(found.position, (at) => all[at] / 1000);
    });
    scored = { confidence, values };
  }
  return scored.values;
}

const colouring = () => read().get("colour") ?? "cluster";

// F1 is shown in steps, so that few colours are drawn.
const STEPS = 20;

let grouped = null;

// The points by colour and the value of each. The same object as before if nothing changed.
async function groups(found) {
  const by = colouring();
  const values = by === "f1" ? await scores(found, read().confidence) : found[by];
  if (grouped?.by === by && grouped.values === values) return grouped;
  const hovers = { f1: "F1 %{customdata:.3f}", cluster: "cluster %{customdata}" };
  const places = new Map();
  for (let at = 0; at < found.n; at += 1) {
    const value = values[at];
    const key = by === "f1" ? shareColour(Math.round(value * STEPS) / STEPS) : groupColour(value);
    if (!places.has(key)) places.set(key, []);
    places.get(key).push(at);
  }
  const all = [...places].map(([colour, of]) => {
    const first = values[of[0]];
    const noise = by === "cluster" && first < 0;
    const hover = noise ? "no cluster" : (hovers[by] ?? SPLITS[first]);
    return { colour, places: of, hover };
  });
  grouped = { by, values, all };
  return grouped;
}

// What the colours mean.
function legend(found) {
  const swatch = (colour, text) => {
    const mark = el("span", { class: "ev-dot", "aria-hidden": "true" });
    mark.style.background = colour;
    return el("li", {}, mark, text);
  };
  const by = colouring();
  if (by === "f1") {
    return [0, 0.25, 0.5, 0.75, 1].map((value) => swatch(shareColour(value), `F1 ${value}`));
  }
  const ids = [...new Set(found[by])].toSorted((one, other) => one - other);
  const names = by === "split" ? (id) => SPLITS[id] : (id) => (id < 0 ? "no cluster" : `${id}`);
  const shown = ids.slice(0, 12).map((id) => swatch(groupColour(id), names(id)));
  return ids.length > 12 ? [...shown, el("li", {}, `and ${count(ids.length - 12)} more`)] : shown;
}

const outline = () => parseOutline(read().get("lasso"));

// Which points are selected: those in the outline, or of the cluster, and of the split.
function selection(found) {
  const { split, get } = read();
  const shape = outline();
  const cluster = get("cluster");
  if (!shape && !cluster) return null;
  let chosen = shape ? pointsInside(found, shape) : Array.from({ length: found.n }, (_, at) => at);
  if (cluster) chosen = chosen.filter((at) => found.cluster[at] === Number(cluster));
  if (split !== "all") chosen = chosen.filter((at) => SPLITS[found.split[at]] === split);
  return chosen;
}

// Opens the image of a point.
async function open(found, at) {
  const cards = await fetchCards({ position: [found.position[at]], confidence: read().confidence });
  for (const id of cards.keys()) window.location.assign(imagePage(id));
}

/**
 * The map of the images.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function map(panel) {
  let plot = null;
  const key = el("ul", { class: "ev-legend" });
  const show = () =>
    fill(
      panel,
      points().then(async (found) => {
        if (!found.n) return el("p", {}, "The imported file does not say where its images lie.");
        const { all, values } = await groups(found);
        if (plot === null) {
          const choose = (drawn) => write({ lasso: drawn && outlineText(drawn), cluster: null });
          plot = new PointMap(found, choose, (at) => open(found, at));
          panel.replaceChildren(plot.element, key);
        }
        key.replaceChildren(...legend(found));
        await plot.show({
          label: `Map of ${count(found.n)} ${config.unit}s, coloured by ${colouring()}`,
          groups: all,
          values,
          chosen: selection(found),
          outline: outline(),
        });
      }),
    );
  /** @type {HTMLSelectElement} */
  const select = document.querySelector("[name=colour]");
  select.value = colouring();
  select.addEventListener("change", () => write({ colour: select.value }));
  watch(["lasso", "cluster", "split", "colour"], show);
  watch(["confidence"], () => colouring() === "f1" && show());
  show();
}

/**
 * The images that are selected on the map.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function selected(panel) {
  const show = () =>
    fill(
      panel,
      points().then(async (found) => {
        const chosen = selection(found);
        if (chosen === null) return el("p", {}, "Nothing is selected.");
        const clear = el(
          "button",
          { type: "button", class: "desk-button", onclick: () => write({ lasso: null, cluster: null }) },
          "Clear the selection",
        );
        const text = `${count(chosen.length)} of ${count(found.n)} ${config.unit}s are selected.`;
        const head = el("p", { "data-selected": chosen.length }, text, " ", clear);
        if (!chosen.length) return head;
        const position = chosen.slice(0, MOST).map((at) => found.position[at]);
        return [head, ...(await galleryOf({ position }, chosen.length))];
      }),
    );
  watch(["lasso", "cluster", "split", "confidence"], show);
  show();
}

/**
 * The table of clusters.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function clusters(panel) {
  const show = () =>
    fill(
      panel,
      api("vector-analysis", { confidence: read().confidence }).then((body) => {
        const rows = (body.clusters ?? []).map((one) => [
          one.id < 0 ? "in no cluster" : `cluster ${one.id}`,
          count(one.numImages),
          share(one.metrics?.f1Mean),
          share(one.metrics?.f1Min),
          share(one.metrics?.f1Max),
          el(
            "button",
            {
              type: "button",
              class: "desk-button",
              "aria-label": `Select the ${config.unit}s of cluster ${one.id}`,
              onclick: () => write({ cluster: one.id, lasso: null }),
            },
            "Select",
          ),
        ]);
        const units = config.unit === "task" ? "Tasks" : "Images";
        const method = `${body.preprocessing?.method ?? "?"} and ${body.clustering?.method ?? "?"}`;
        return [
          el("p", { class: "ev-note" }, `Made by ${method}.`),
          table("Clusters", ["Cluster", units, "Mean F1", "Lowest", "Highest", units], rows, { class: "ev-table ev-stacked" }),
        ];
      }),
    );
  watch(["confidence"], show);
  show();
}
