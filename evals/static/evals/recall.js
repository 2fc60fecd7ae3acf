// Precision over recall by COCO's rules: the mean over the classes, and chosen ones.

import { draw } from "./charts.js";
import { PALETTE } from "./colours.js";
import { escaped } from "./curves.js";
import { el, share } from "./dom.js";
import { api } from "./server.js";
import { config, read, watch, write } from "./state.js";

let stored = null;

const curves = () => (stored ??= api("recall-curves"));

function line(name, recalls, precision, colour, dash = "solid") {
  return {
    type: "scatter",
    mode: "lines",
    name: escaped(name),
    x: recalls,
    y: precision,
    text: precision.map(share),
    hovertemplate: `${name.replace(/[<>&%]/g, " ")}: precision %{text} at recall %{x:.2f}<extra></extra>`,
    line: { width: 2, color: colour, dash },
  };
}

const mean = (values) => values.reduce((sum, one) => sum + one, 0) / values.length;

/**
 * Precision over recall: on the page of a class that one beside the mean.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function recall(panel) {
  /** @type {HTMLSelectElement | null} */
  const select = document.querySelector("[data-iou] select");
  const iou = () => read().get("iou") ?? "0.50";
  if (select) {
    select.value = iou();
    select.addEventListener("change", () => write({ iou: select.value }));
  }
  const chart = el("div", { class: panel.className });
  const note = el("p", {});
  panel.className = "";
  panel.replaceChildren(chart, note);
  const show = async () => {
    const { split, get, all } = read();
    try {
      const body = await curves();
      const found = body.splits[split];
      const none = split === "all" ? "Curves are those of one split: choose one above." : "There is nothing to find in this split.";
      const overall = found?.precision[iou()];
      chart.hidden = !overall;
      note.textContent = overall ? "" : none;
      if (overall) await drawn(chart, body.recall, found, iou(), config.panel === "class" ? [get("class")] : all("curve"));
    } catch (error) {
      chart.hidden = true;
      note.textContent = error.message;
    }
  };
  watch(["split", "curve", "iou"], show);
  show();
}

async function drawn(chart, recalls, found, iou, classes) {
  const overall = found.precision[iou];
  const known = classes.filter((name) => found.perClass[name]?.precision[iou]);
  const traces = [
    line("mean of all classes", recalls, overall, PALETTE[0]),
    ...known.map((name, n) =>
      line(name, recalls, found.perClass[name].precision[iou], PALETTE[(n + 1) % PALETTE.length], "dot"),
    ),
  ];
  const axes = {
    xaxis: { title: { text: "Recall" }, range: [0, 1] },
    yaxis: { title: { text: "Precision" }, range: [0, 1.02] },
  };
  await draw(chart, `Precision over recall, mean height ${share(mean(overall))}`, traces, axes);
}
