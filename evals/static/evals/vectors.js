// The map of the images: coloured by cluster, F1 or split; drawing around points lists them.

import { PALETTE } from "./charts.js";
import { count, el, fill, share, table } from "./dom.js";
import { MOST, galleryOf } from "./images.js";
import { Scatter } from "./scatter.js";
import { api, bytes } from "./server.js";
import { read, watch, write } from "./state.js";

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

async function scores(found, confidence) {
  if (scored?.confidence !== confidence) {
    scored = { confidence, body: bytes("f1", { confidence }) };
  }
  const all = new Uint16Array(await scored.body);
  return Float32Array.from(found.position, (at) => all[at] / 1000);
}

const colouring = () => read().get("colour") ?? "cluster";

// One colour a point, red green blue in bytes.
async function colours(found) {
  const by = colouring();
  const painted = new Uint8Array(3 * found.n);
  const values = by === "f1" ? await scores(found, read().confidence) : found[by];
  for (let at = 0; at < found.n; at += 1) {
    painted.set(by === "f1" ? onScale(values[at]) : ofGroup(values[at]), 3 * at);
  }
  return painted;
}

const bytesOf = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
const GREY = bytesOf(PALETTE.at(-1));
const GROUPS = PALETTE.slice(0, -1).map(bytesOf);

// Groups in turn; noise is grey.
const ofGroup = (id) => (id < 0 ? GREY : GROUPS[id % GROUPS.length]);

// From vermilion, all wrong, over yellow to blue, all right: told apart with any colour vision.
const STOPS = ["#d55e00", "#e69f00", "#56b4e9", "#0072b2"].map(bytesOf);

function onScale(value) {
  const place = Math.min(Math.max(value, 0), 1) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  return STOPS[below].map((from, n) => from + (STOPS[below + 1][n] - from) * (place - below));
}

// What the colours mean.
function legend(found) {
  const swatch = (rgb, text) => {
    const mark = el("span", { class: "ev-dot", "aria-hidden": "true" });
    mark.style.background = `rgb(${rgb.map(Math.round).join(" ")})`;
    return el("li", {}, mark, text);
  };
  const by = colouring();
  if (by === "f1") {
    return [0, 0.25, 0.5, 0.75, 1].map((value) => swatch(onScale(value), `F1 ${value}`));
  }
  const ids = [...new Set(found[by])].sort((one, other) => one - other);
  const names = by === "split" ? (id) => SPLITS[id] : (id) => (id < 0 ? "no cluster" : `${id}`);
  const shown = ids.slice(0, 12).map((id) => swatch(ofGroup(id), names(id)));
  return ids.length > 12 ? [...shown, el("li", {}, `and ${count(ids.length - 12)} more`)] : shown;
}

// The outline in the address: x and y of its corners, one after the other.
function outline() {
  const numbers = (read().get("lasso") ?? "").split(",").map(Number);
  if (numbers.length < 6 || numbers.some((n) => !Number.isFinite(n))) return null;
  const xs = numbers.filter((_, at) => at % 2 === 0);
  return { x: xs, y: numbers.filter((_, at) => at % 2 === 1).slice(0, xs.length) };
}

// Whether each point is inside, by the even-odd rule.
function inside(found, { x, y }) {
  const chosen = [];
  for (let at = 0; at < found.n; at += 1) {
    const [px, py] = [found.x[at], found.y[at]];
    let is = false;
    for (let one = 0, other = x.length - 1; one < x.length; other = one, one += 1) {
      const crosses = y[one] > py !== y[other] > py;
      if (crosses && px < ((x[other] - x[one]) * (py - y[one])) / (y[other] - y[one]) + x[one]) {
        is = !is;
      }
    }
    if (is) chosen.push(at);
  }
  return chosen;
}

// Which points are selected: those in the outline, or of the cluster, and of the split.
function selection(found) {
  const { split, get } = read();
  const shape = outline();
  const cluster = get("cluster");
  if (!shape && !cluster) return null;
  let chosen = shape ? inside(found, shape) : Array.from({ length: found.n }, (_, at) => at);
  if (cluster) chosen = chosen.filter((at) => found.cluster[at] === Number(cluster));
  if (split !== "all") chosen = chosen.filter((at) => SPLITS[found.split[at]] === split);
  return chosen;
}

// At most so many corners go into the address.
const CORNERS = 60;

function toAddress({ x: xs, y: ys }) {
  const step = Math.max(1, Math.ceil(xs.length / CORNERS));
  const kept = xs.map((x, at) => [x, ys[at]]).filter((_, at) => at % step === 0);
  return kept.map(([x, y]) => `${Number(x.toPrecision(5))},${Number(y.toPrecision(5))}`).join(",");
}

export function map(panel) {
  let plot = null;
  const key = el("ul", { class: "ev-legend" });
  const show = () =>
    fill(
      panel,
      points().then(async (found) => {
        const painted = await colours(found);
        const label = `Map of ${count(found.n)} images, coloured by ${colouring()}`;
        const fresh = plot === null;
        plot ??= new Scatter(found, (outlined) => {
          write({ lasso: outlined && toAddress(outlined), cluster: null });
        });
        plot.label(label);
        plot.paint(painted, selection(found));
        plot.outline(outline());
        key.replaceChildren(...legend(found));
        return fresh ? [plot.element, key] : undefined;
      }),
    );
  const select = document.querySelector("[name=colour]");
  select.value = colouring();
  select.addEventListener("change", () => write({ colour: select.value }));
  watch(["lasso", "cluster", "split", "colour"], show);
  watch(["confidence"], () => colouring() === "f1" && show());
  show();
}

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
        const text = `${count(chosen.length)} of ${count(found.n)} images are selected.`;
        const head = el("p", { "data-selected": chosen.length }, text, " ", clear);
        if (!chosen.length) return head;
        const position = chosen.slice(0, MOST).map((at) => found.position[at]);
        return [head, ...(await galleryOf({ position }, chosen.length))];
      }),
    );
  watch(["lasso", "cluster", "split", "confidence"], show);
  show();
}

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
              "aria-label": `Select the images of cluster ${one.id}`,
              onclick: () => write({ cluster: one.id, lasso: null }),
            },
            "Select",
          ),
        ]);
        const method = `${body.preprocessing?.method ?? "?"} and ${body.clustering?.method ?? "?"}`;
        return [
          el("p", { class: "ev-note" }, `Made by ${method}.`),
          table("Clusters", ["Cluster", "Images", "Mean F1", "Lowest", "Highest", "Images"], rows),
        ];
      }),
    );
  watch(["confidence"], show);
  show();
}
