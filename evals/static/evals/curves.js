// Precision, recall and F1 over confidence: of the split, of each split, and of chosen classes.

import { scored } from "../desk/figures.js";
import { draw } from "./charts.js";
import { PALETTE } from "./colours.js";
import { el, fill, longTable, share, table } from "./dom.js";
import { desk } from "./server.js";
import { config, page, read, watch, write } from "./state.js";

const NAMES = { precision: "Precision", recall: "Recall", f1: "F1" };
const COLOURS = { precision: PALETTE[0], recall: PALETTE[1], f1: PALETTE[2] };

let swept = null;

// The sweep, fetched again when other classes are wanted.
function sweep(classes) {
  const key = JSON.stringify(classes);
  if (swept?.key !== key) swept = { key, body: desk("curves", { class: classes }) };
  return swept.body;
}

/**
 * @param {string} name
 * @param {any} values a curve of the sweep
 * @param {{of?: string, line?: object}} extra which of its measures, F1 unless given; how it looks
 * @returns {object} a trace
 */
function line(name, values, extra = {}) {
  return {
    type: "scatter",
    mode: "lines",
    name,
    x: values.confidence.map(Number),
    y: values[extra.of ?? "f1"],
    text: values[extra.of ?? "f1"].map(share),
    hovertemplate: `${name.replace(/[<>&%]/g, " ")} %{text} at %{x:.2f}<extra></extra>`,
    line: { width: 2, ...extra.line },
  };
}

function diamond(values, colour) {
  if (typeof values.optimalThreshold !== "number" || !values.optimalMetrics) return null;
  return {
    type: "scatter",
    mode: "markers",
    name: "optimum",
    showlegend: false,
    x: [values.optimalThreshold],
    y: [values.optimalMetrics.f1],
    marker: { symbol: "diamond", size: 12, color: colour, line: { width: 1, color: "#ffffff" } },
    text: [`${share(values.optimalMetrics.f1)} at ${scored(values.optimalThreshold, 2)}`],
    hovertemplate: "optimum: F1 %{text}<extra></extra>",
  };
}

function tracesOf(body, { split, classes }) {
  if (split === "all") {
    return Object.entries(body.splits).flatMap(([name, curves], n) =>
      [
        line(`F1 of ${name}`, curves.overall, { line: { color: PALETTE[n] } }),
        diamond(curves.overall, PALETTE[n]),
      ].filter(Boolean),
    );
  }
  const found = body.splits[split];
  if (!found) return [];
  const overall = measuresOf(found.overall);
  const shown = classes
    .filter((name) => found.perClass[name])
    .flatMap((name, n) => {
      const colour = PALETTE[(n + 3) % PALETTE.length];
      const values = found.perClass[name];
      return [
        line(`F1 of ${escaped(name)}`, values, { line: { color: colour, dash: "dot" } }),
        diamond(values, colour),
      ];
    });
  return [...overall, diamond(found.overall, COLOURS.f1), ...shown].filter(Boolean);
}

const measuresOf = (values) =>
  Object.entries(NAMES).map(([of, name]) => line(name, values, { of, line: { color: COLOURS[of] } }));

// Nothing of all splits together, and of very many classes.
function tracesOfClass(values) {
  if (!values?.confidence.length) return [];
  return [...measuresOf(values), diamond(values, COLOURS.f1)].filter(Boolean);
}

/**
 * A name for Plotly, which reads a little markup in names.
 * @param {string} text
 * @returns {string}
 */
export const escaped = (text) =>
  text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

function layoutAt(confidence) {
  return {
    xaxis: { title: { text: "Confidence" }, range: [0, 1] },
    yaxis: { range: [0, 1.02] },
    hovermode: "closest",
    shapes: [
      {
        type: "line",
        x0: confidence / 100,
        x1: confidence / 100,
        y0: 0,
        y1: 1,
        line: { color: "#9ca3af", width: 1.5, dash: "dash" },
      },
    ],
  };
}

function summary(body, split) {
  const best = body.splits[split]?.overall;
  if (typeof best?.optimalThreshold !== "number") return "Precision, recall and F1 over confidence";
  return (
    "Precision, recall and F1 over confidence. The highest F1, " +
    `${share(best.optimalMetrics?.f1)}, is at ${scored(best.optimalThreshold, 2)}.`
  );
}

/**
 * Precision, recall and F1 over confidence.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function curve(panel) {
  const show = async () => {
    const { split, confidence, get, all } = read();
    const isOfClass = panel.dataset.panel === "class-curve";
    const classes = isOfClass ? [get("class")] : panel.dataset.panel === "curves" ? all("curve") : [];
    await fill(
      panel,
      sweep(classes).then(async (body) => {
        const traces = isOfClass ? tracesOfClass(body.splits[split]?.perClass[classes[0]]) : tracesOf(body, { split, classes });
        const says = isOfClass ? `Precision, recall and F1 of ${classes[0]} over confidence` : summary(body, split);
        await draw(panel, says, traces, layoutAt(confidence));
      }),
    );
  };
  watch(["split", "confidence", "curve"], show);
  show();
}

/**
 * The table of classes with their optima; a tick shows a class's curve.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function optima(panel) {
  const show = () => {
    const { split, all } = read();
    const shown = all("curve");
    fill(
      panel,
      sweep(shown).then((body) => {
        const found = body.splits[split];
        if (!found) return el("p", {}, "Curves are those of one split: choose one above.");
        const overall = { ...found.overall.optimalMetrics };
        overall.threshold = found.overall.optimalThreshold;
        const rows = [
          { name: "all classes", best: overall },
          ...config.classes.map((name) => ({ name, best: found.optima[name], isClass: true })),
        ];
        const cells = ({ name, best, isClass }) => [
          name,
          // A row that is found by name later has what is ticked by then.
          isClass ? tick(name, read().all("curve")) : "",
          typeof best?.threshold === "number" ? atThreshold(best.threshold) : null,
          share(best?.precision),
          share(best?.recall),
          share(best?.f1),
        ];
        const heads = ["Class", "Curve", "Optimum", "Precision", "Recall", "F1"];
        return longTable("Optimum of each class", heads, rows, cells, (row) => row.name);
      }),
    );
  };
  watch(["split"], show);
  show();
}

function tick(name, shown) {
  return el("input", {
    type: "checkbox",
    "aria-label": `Show the curve of ${name}`,
    checked: shown.includes(name),
    onchange: ({ target }) => {
      const others = read().all("curve").filter((one) => one !== name);
      write({ curve: target.checked ? [...others, name] : others });
    },
  });
}

function atThreshold(threshold) {
  const percent = Math.round(100 * threshold);
  return el("a", { href: page("metrics/", { confidence: percent }) }, scored(threshold, 2));
}

/**
 * The overall curve for those who read numbers rather than pictures.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function curveTable(panel) {
  const show = () => {
    const { split } = read();
    fill(
      panel,
      sweep(read().all("curve")).then((body) => {
        const overall = body.splits[split]?.overall;
        if (!overall) return el("p", {}, "Curves are those of one split: choose one above.");
        const rows = overall.confidence.map((key, n) => [
          key,
          ...Object.keys(NAMES).map((name) => share(overall[name][n])),
        ]);
        return table("The curve", ["Confidence", ...Object.values(NAMES)], rows);
      }),
    );
  };
  watch(["split"], show);
  show();
}

