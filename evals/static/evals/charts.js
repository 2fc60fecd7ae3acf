// Plotly, loaded when the first chart is drawn, in the colours of the theme, light or dark.

import { settled } from "./state.js";

let loading = null;

function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = /** @type {HTMLElement} */ (document.querySelector("[data-plotly]")).dataset.plotly;
    script.addEventListener("load", () => resolve(/** @type {any} */ (window).Plotly));
    script.addEventListener("error", () => reject(new Error("The charts could not be loaded.")));
    document.head.append(script);
  });
  return loading;
}

const isDark = () => document.documentElement.classList.contains("dark");

function layoutOf(layout) {
  const dark = isDark();
  const text = dark ? "#d1d5db" : "#374151";
  const grid = dark ? "#374151" : "#e5e7eb";
  const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid, automargin: true };
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: "Inter, sans-serif", size: 12, color: text },
    margin: { l: 40, r: 12, t: 12, b: 76 },
    hoverlabel: { bgcolor: dark ? "#1f2937" : "#ffffff", font: { color: text } },
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0 },
    ...layout,
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
  };
}

const drawn = new Map();

/**
 * Draws a chart, or changes what is drawn already.
 * @param {HTMLElement} panel
 * @param {string} label what a screen reader says of the picture
 * @param {object[]} traces as Plotly takes them
 * @param {{xaxis?: object, yaxis?: object}} layout as Plotly takes it, over the colours of the theme
 * @param {object} config as Plotly takes it
 * @returns {Promise<any>} Plotly
 */
export async function draw(panel, label, traces, layout, config = {}) {
  const Plotly = await plotly();
  // Where something else has been shown meanwhile, as a problem, it is drawn afresh.
  if (!panel.querySelector(".plot-container")) {
    if (drawn.has(panel)) Plotly.purge(panel);
    panel.replaceChildren();
  }
  panel.setAttribute("role", "img");
  panel.setAttribute("aria-label", label);
  drawn.set(panel, { traces, layout, config });
  const options = { responsive: true, displaylogo: false, displayModeBar: false, ...config };
  await Plotly.react(panel, traces, layoutOf(layout), options);
  return Plotly;
}

new MutationObserver(
  settled(() => {
    for (const [panel, { traces, layout, config }] of drawn) {
      draw(panel, panel.getAttribute("aria-label"), traces, layout, config);
    }
  }),
).observe(document.documentElement, { attributeFilter: ["class"] });
