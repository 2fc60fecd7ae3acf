// Predicted against true numbers: a point is a task, the line is where both are equal.

import { exact } from "../desk/figures.js";
import { draw } from "./charts.js";
import { PALETTE } from "./colours.js";
import { imagePage } from "./cards.js";
import { count, el } from "./dom.js";
import { desk } from "./server.js";
import { page, read, watch } from "./state.js";

/**
 * The scatter of a split.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function scatter(panel) {
  const chart = el("div", { class: "ev-chart" });
  const note = el("p", { class: "ev-note" });
  panel.replaceChildren(chart, note);
  const show = async () => {
    const { split } = read();
    try {
      const body = await desk("scatter", { split });
      // Somebody moved on meanwhile.
      if (read().split !== split) return;
      note.replaceChildren(...notes(body));
      if (body.points.length) await drawn(chart, body.points);
      chart.hidden = !body.points.length;
    } catch (error) {
      note.replaceChildren(error.message);
    }
  };
  watch(["split"], show);
  show();
}

function notes({ points, images }) {
  const worst = el("a", { href: page("images/", { sort: "-measure" }) }, "The furthest off first");
  const both = `${count(points.length)} tasks with both numbers`;
  return [`${both} of ${count(images)} that were looked at. `, worst];
}

async function drawn(chart, points) {
  const [ids, truth, said] = [0, 1, 2].map((column) => points.map((point) => point[column]));
  const ends = [Math.min(...truth, ...said), Math.max(...truth, ...said)];
  const traces = [
    {
      type: "scatter",
      mode: "lines",
      name: "equal",
      x: ends,
      y: ends,
      hoverinfo: "skip",
      line: { width: 1, dash: "dot", color: PALETTE[1] },
    },
    {
      type: "scatter",
      mode: "markers",
      name: "tasks",
      x: truth,
      y: said,
      customdata: ids,
      text: points.map(([, x, y]) => `ground truth ${exact(x)}, predicted ${exact(y)}`),
      hovertemplate: "%{text}<extra></extra>",
      marker: { size: 7, opacity: 0.7, color: PALETTE[0] },
    },
  ];
  const axes = { xaxis: { title: { text: "ground truth" } }, yaxis: { title: { text: "predicted" } } };
  await draw(chart, "Predicted against true numbers", traces, axes);
  /** @type {any} */ (chart).removeAllListeners?.("plotly_click");
  /** @type {any} */ (chart).on("plotly_click", ({ points: [{ customdata }] }) => {
    if (customdata !== undefined) window.location.href = imagePage(customdata);
  });
}
