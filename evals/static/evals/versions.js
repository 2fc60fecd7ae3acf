// All versions of a project: a table against the baseline, and the score over time.

import { writerOf } from "../desk/figures.js";
import { change } from "./changes.js";
import { draw } from "./charts.js";
import { PALETTE } from "./colours.js";
import { el, share, table } from "./dom.js";
import { pageOf } from "./server.js";
import { config, read, watch, write } from "./state.js";

// Of a kind that this service does not compute nobody knows more.
const PRIMARY = config.primary ?? { label: "Score", higherIsBetter: true };
const written = writerOf(PRIMARY.higherIsBetter);

/**
 * What this page is compared with.
 * @returns {string | null} the id of an evaluation; null where there is no other
 */
export const baselineId = () => read().get("baseline") ?? config.baseline;

/**
 * A version by its evaluation.
 * @param {string | null} evalId
 * @returns {any} undefined for one that is not listed
 */
export const versionOf = (evalId) => config.versions.find((one) => one.evalId === evalId);

const day = ({ createdAt }) => `${createdAt.slice(0, 16).replace("T", " ")} UTC`;

/**
 * A version as a list names it.
 * @param {any} version
 * @returns {string}
 */
export function nameOf(version) {
  return `${version.name}, ${day(version)}${version.isAccepted ? ", accepted" : ""}`;
}

/**
 * All versions.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function versions(panel) {
  const listed = el("div", { class: "ev-scroll", tabindex: "0", role: "region", "aria-label": "All versions" });
  const chart = el("div", { class: "ev-chart ev-short" });
  panel.replaceChildren(listed, chart);
  const show = () => listed.replaceChildren(rows());
  watch(["baseline"], show);
  show();
  const dated = config.versions.filter(({ value, differing }) => typeof value === "number" && !differing.length).toReversed();
  if (dated.length > 1) trend(chart, dated);
  else chart.remove();
}

function rows() {
  const base = versionOf(baselineId());
  const { label, higherIsBetter } = PRIMARY;
  const cells = config.versions.map((one) => {
    const { precision, recall, f1 } = one.metrics;
    const marks = [
      one.evalId === config.evalId && "this one",
      one.evalId === base?.evalId && "baseline",
      one.isAccepted && "accepted",
      one.differing.length && `measured otherwise: ${one.differing.join(", ")}`,
    ].filter(Boolean);
    const isOther = one.evalId !== config.evalId && one.evalId !== base?.evalId;
    return [
      el("span", {}, el("a", { href: pageOf(one.evalId) }, one.name), " ", el("small", {}, marks.join("; "))),
      day(one),
      written(one.value),
      one === base ? "" : change(base?.value, one.value, higherIsBetter),
      share(precision),
      share(recall),
      share(f1),
      isOther
        ? el(
            "button",
            {
              type: "button",
              class: "desk-button",
              "aria-label": `Take ${one.name} of ${day(one)} as baseline`,
              onclick: () => write({ baseline: one.evalId, offset: null }),
            },
            "As baseline",
          )
        : "",
    ];
  });
  const last = el("th", { scope: "col" }, el("span", { class: "ev-hidden" }, "As baseline"));
  const heads = ["Version", "Evaluated", label, "Change", "Precision", "Recall", "F1", last];
  return table("All versions", heads, cells, { class: "ev-table ev-stacked" });
}

async function trend(chart, dated) {
  const { label } = PRIMARY;
  const colour = ({ evalId, isAccepted }) =>
    evalId === config.evalId ? PALETTE[3] : isAccepted ? PALETTE[2] : PALETTE[0];
  const trace = {
    type: "scatter",
    mode: "lines+markers",
    name: label,
    x: dated.map(({ createdAt }) => createdAt),
    y: dated.map(({ value }) => value),
    text: dated.map((one) => `${nameOf(one).replace(/[<>&%]/g, " ")}: ${label} ${written(one.value)}`),
    customdata: dated.map(({ evalId }) => evalId),
    hovertemplate: "%{text}<extra></extra>",
    line: { width: 1.5, color: PALETTE[7] },
    marker: { size: 10, color: dated.map(colour), symbol: dated.map(({ evalId }) => (evalId === config.evalId ? "diamond" : "circle")) },
  };
  const says = `${label} of ${dated.length} evaluations over time, the latest ${written(dated.at(-1).value)}`;
  await draw(chart, says, [trace], { xaxis: { type: "date", title: { text: "UTC" } }, yaxis: { title: { text: label } } });
  /** @type {any} */ (chart).on("plotly_click", ({ points: [{ customdata }] }) => {
    window.location.href = pageOf(customdata);
  });
}
