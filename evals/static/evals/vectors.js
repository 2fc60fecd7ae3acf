// The map of the images: coloured by cluster, F1 or split; drawing around points lists them.

import { PALETTE, draw } from "./charts.js";
import { count, el, fill, share, table } from "./dom.js";
import { MOST, galleryOf } from "./images.js";
import { api, bytes } from "./server.js";
import { read, watch, write } from "./state.js";

const SPLITS = ["train", "valid", "test"];

let fetched = null;
let placed = null;

// The columns as the server packs them: positions, x, y, clusters, splits.
async function points() {
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
  placed = await fetched;
  return placed;
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

async function colours(found) {
  const by = colouring();
  if (by === "f1") {
    const values = await scores(found, read().confidence);
    return {
      color: values,
      cmin: 0,
      cmax: 1,
      colorscale: "Viridis",
      showscale: true,
      colorbar: { title: { text: "F1" }, thickness: 12 },
    };
  }
  const values = by === "split" ? found.split : found.cluster;
  const n = PALETTE.length - 1;
  // Steps of one palette; noise, -1, is grey.
  const steps = [PALETTE[n], ...PALETTE.slice(0, n)].flatMap((colour, at) => [
    [at / (n + 1), colour],
    [(at + 1) / (n + 1), colour],
  ]);
  return {
    color: Float32Array.from(values, (id) => (id < 0 ? -1 : id % n)),
    cmin: -1.5,
    cmax: n - 0.5,
    colorscale: steps,
    showscale: false,
  };
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

function toAddress(xs, ys) {
  const step = Math.max(1, Math.ceil(xs.length / CORNERS));
  const kept = xs.map((x, at) => [x, ys[at]]).filter((_, at) => at % step === 0);
  return kept.map(([x, y]) => `${Number(x.toPrecision(5))},${Number(y.toPrecision(5))}`).join(",");
}

export function map(panel) {
  let listening = false;
  const show = () =>
    fill(
      panel,
      points().then(async (found) => {
        const chosen = selection(found);
        const trace = {
          type: "scattergl",
          mode: "markers",
          x: found.x,
          y: found.y,
          hoverinfo: "none",
          marker: { size: found.n > 5000 ? 3 : 7, ...(await colours(found)) },
          selectedpoints: chosen ?? undefined,
          unselected: { marker: { opacity: 0.12 } },
        };
        const layout = {
          dragmode: "lasso",
          hovermode: false,
          uirevision: "map",
          xaxis: { zeroline: false, showticklabels: false },
          yaxis: { zeroline: false, showticklabels: false },
        };
        const label = `Map of ${count(found.n)} images, coloured by ${colouring()}`;
        await draw(panel, label, [trace], layout, {
          displayModeBar: true,
          modeBarButtonsToRemove: ["toImage", "autoScale2d"],
          scrollZoom: true,
        });
        if (listening) return;
        listening = true;
        panel.on("plotly_selected", (event) => {
          if (event?.lassoPoints) {
            write({ lasso: toAddress(event.lassoPoints.x, event.lassoPoints.y), cluster: null });
          } else if (event?.range) {
            const [[left, right], [low, high]] = [event.range.x, event.range.y];
            const corners = toAddress([left, right, right, left], [low, low, high, high]);
            write({ lasso: corners, cluster: null });
          }
        });
        panel.on("plotly_deselect", () => write({ lasso: null, cluster: null }));
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
          { type: "button", class: "ev-button", onclick: () => write({ lasso: null, cluster: null }) },
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
        const rows = body.clusters.map((one) => [
          one.id < 0 ? "in no cluster" : `cluster ${one.id}`,
          count(one.numImages),
          share(one.metrics.f1Mean),
          share(one.metrics.f1Min),
          share(one.metrics.f1Max),
          el(
            "button",
            {
              type: "button",
              class: "ev-button",
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
