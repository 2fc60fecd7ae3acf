// Many points in Plotly's WebGL chart, with buttons and keys to look at them and to select some:
// by drawing around them, by a box, or by what is in view.

import { draw } from "./charts.js";
import { el } from "./dom.js";
import { boxOutline, outlinePath } from "./outline.js";

/**
 * Points that share a colour.
 * @typedef {object} Group
 * @property {number[]} places indices of its points
 * @property {string} colour of CSS
 * @property {string} hover what is shown beside a point; `%{customdata}` stands for its value
 */

/**
 * What the map shows.
 * @typedef {object} Shown
 * @property {string} label what it is, for a screen reader
 * @property {Group[]} groups every point in one of them; the same list as before if nothing changed
 * @property {ArrayLike<number>} values a value of each point, for `hover`
 * @property {number[] | null} chosen indices of the selected points; null if nothing is selected
 * @property {import("./outline.js").Outline | null} outline drawn over the points
 */

const TOOLS = [
  ["lasso", "Draw around"],
  ["select", "Box"],
  ["pan", "Move"],
];
const KEYS = "Arrows move, plus and minus zoom, Enter selects what is in view";
const MANY = 5000;

// Without WebGL Plotly draws the same as SVG, slowly where there are many points.
const hasWebGL = () => document.createElement("canvas").getContext("webgl") !== null;

/**
 * The lowest and highest value, with room around them.
 * @param {ArrayLike<number>} values
 * @returns {number[]}
 */
function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (let at = 0; at < values.length; at += 1) {
    low = Math.min(low, values[at]);
    high = Math.max(high, values[at]);
  }
  if (low > high) return [-1, 1];
  const room = Math.max(0.03 * (high - low), 1e-6);
  return [low - room, high + room];
}

/** A map of points in an element of its own. */
export class PointMap {
  #points;
  #select;
  #open;
  #layout;
  #kind = hasWebGL() ? "scattergl" : "scatter";
  #chart = el("div", { class: "ev-points" });
  #buttons = new Map();
  /** @type {any} */
  #plotly = null;
  /** @type {Shown | null} */
  #shown = null;
  /** @type {object[]} */
  #traces = [];
  // Whether a new part of the map waits for the next frame.
  #moves = false;

  /**
   * @param {{x: Float32Array, y: Float32Array}} points
   * @param {(outline: import("./outline.js").Outline | null) => void} select
   *   called with what was drawn around, null to select nothing
   * @param {(place: number) => void} open called with the index of a point that was clicked
   */
  constructor(points, select, open) {
    this.#points = points;
    this.#select = select;
    this.#open = open;
    const axis = { visible: false, fixedrange: false };
    this.#layout = {
      margin: { l: 0, r: 0, t: 0, b: 0 },
      showlegend: false,
      dragmode: "lasso",
      hovermode: "closest",
      xaxis: { ...axis, range: extent(points.x) },
      yaxis: { ...axis, range: extent(points.y) },
      shapes: /** @type {object[]} */ ([]),
      selections: [],
      newselection: { line: { width: 2, dash: "dash" } },
    };
    /** The part that keys are for. */
    this.stage = el("div", { class: "ev-map", tabindex: "0", role: "application" }, this.#chart);
    /** What goes into the page. */
    this.element = el("div", {}, this.#tools(), this.stage);
    this.stage.addEventListener("keydown", (event) => this.#press(event));
    // Plotly's own zoom draws three times for each turn of the wheel.
    this.stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /**
   * Draws, or changes what is drawn.
   * @param {Shown} shown
   * @returns {Promise<void>}
   */
  async show(shown) {
    this.stage.setAttribute("aria-label", `${shown.label}. ${KEYS}`);
    if (this.#shown?.groups !== shown.groups) this.#traces = this.#tracesOf(shown);
    this.#shown = shown;
    const chosen = shown.chosen && new Set(shown.chosen);
    const traces = shown.groups.map(({ places }, at) => ({
      ...this.#traces[at],
      selectedpoints: chosen && places.flatMap((place, n) => (chosen.has(place) ? [n] : [])),
    }));
    this.#layout.shapes = shown.outline
      ? [
          {
            type: "path",
            path: outlinePath(shown.outline),
            line: { width: 2, dash: "dash", color: getComputedStyle(this.stage).color },
          },
        ]
      : [];
    const plotGlPixelRatio = window.devicePixelRatio || 1;
    const options = { doubleClick: false, plotGlPixelRatio };
    const fresh = this.#plotly === null;
    this.#plotly = await draw(this.#chart, shown.label, traces, this.#layout, options);
    if (fresh) this.#listen();
  }

  /**
   * One trace for each group.
   * @param {Shown} shown
   * @returns {object[]}
   */
  #tracesOf({ groups, values }) {
    const { x, y } = this.#points;
    const large = x.length <= MANY;
    return groups.map(({ places, colour, hover }) => ({
      type: this.#kind,
      mode: "markers",
      x: Float32Array.from(places, (at) => x[at]),
      y: Float32Array.from(places, (at) => y[at]),
      customdata: Array.from(places, (at) => values[at]),
      hovertemplate: `${hover}<extra></extra>`,
      marker: { color: colour, size: large ? 8 : 4, opacity: 0.86, line: { width: 0 } },
      selected: { marker: { opacity: 1 } },
      unselected: { marker: { opacity: 0.12 } },
    }));
  }

  #listen() {
    const chart = /** @type {any} */ (this.#chart);
    chart.on("plotly_selected", (/** @type {any} */ event) => {
      const drawn = event?.lassoPoints ?? event?.range;
      if (!drawn) return;
      const outline = event.lassoPoints ? drawn : boxOutline(drawn.x, drawn.y);
      this.#select({ x: [...outline.x], y: [...outline.y] });
    });
    chart.on("plotly_click", ({ points: [point] }) => {
      this.#open(this.#shown.groups[point.curveNumber].places[point.pointNumber]);
    });
    chart.on("plotly_relayout", () => {
      // What a person moved to stays when colours change.
      if (this.#moves) return;
      for (const name of ["xaxis", "yaxis"]) {
        this.#layout[name].range = [...chart.layout[name].range];
      }
    });
  }

  /**
   * Shows another part: each axis moved by a share of its length, then longer or shorter.
   * @param {number} right
   * @param {number} up
   * @param {number} zoom
   * @param {[number, number]} fixed what stays where it is, 0 to 1 from the left and the bottom
   */
  #look(right, up, zoom = 1, fixed = [0.5, 0.5]) {
    const moved = [right, up].map((by, n) => {
      const [from, to] = this.#layout[n === 0 ? "xaxis" : "yaxis"].range;
      const length = to - from;
      const low = from + by * length + fixed[n] * (length - length / zoom);
      return [low, low + length / zoom];
    });
    this.#range(moved[0], moved[1]);
  }

  /**
   * Shows a part, drawn once before the next frame, however often it is asked for.
   * @param {number[]} x from and to
   * @param {number[]} y from and to
   */
  #range(x, y) {
    this.#layout.xaxis.range = x;
    this.#layout.yaxis.range = y;
    if (this.#moves) return;
    this.#moves = true;
    requestAnimationFrame(() => {
      this.#moves = false;
      const { xaxis, yaxis } = this.#layout;
      const ranges = { "xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range] };
      this.#plotly?.relayout(this.#chart, ranges);
    });
  }

  /** @param {WheelEvent} event */
  #wheel(event) {
    event.preventDefault();
    const box = this.stage.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const up = 1 - (event.clientY - box.top) / box.height;
    this.#look(0, 0, event.deltaY < 0 ? 1.2 : 1 / 1.2, [across, up]);
  }

  #fit() {
    this.#range(extent(this.#points.x), extent(this.#points.y));
  }

  #selectView() {
    const { xaxis, yaxis } = this.#layout;
    this.#select(boxOutline(xaxis.range, yaxis.range));
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const keys = {
      ArrowLeft: () => this.#look(-0.08, 0),
      ArrowRight: () => this.#look(0.08, 0),
      ArrowUp: () => this.#look(0, 0.08),
      ArrowDown: () => this.#look(0, -0.08),
      "+": () => this.#look(0, 0, 1.2),
      "=": () => this.#look(0, 0, 1.2),
      "-": () => this.#look(0, 0, 1 / 1.2),
      0: () => this.#fit(),
      Enter: () => this.#selectView(),
      Escape: () => this.#select(null),
    };
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  }

  /** @param {string} tool */
  #use(tool) {
    this.#layout.dragmode = tool;
    this.#plotly?.relayout(this.#chart, { dragmode: tool });
    for (const [name, button] of this.#buttons) {
      button.setAttribute("aria-pressed", String(name === tool));
    }
  }

  #tools() {
    const attributes = { type: "button", class: "desk-button" };
    for (const [tool, name] of TOOLS) {
      const pressed = { "aria-pressed": String(tool === "lasso"), onclick: () => this.#use(tool) };
      this.#buttons.set(tool, el("button", { ...attributes, ...pressed }, name));
    }
    const button = (text, name, onclick) =>
      el("button", { ...attributes, "aria-label": name, onclick }, text);
    return el(
      "div",
      { class: "desk-actions ev-tools", role: "group", "aria-label": "Map" },
      [...this.#buttons.values()],
      button("+", "Zoom in", () => this.#look(0, 0, 1.4)),
      button("−", "Zoom out", () => this.#look(0, 0, 1 / 1.4)),
      button("Fit", "Show all points", () => this.#fit()),
      button("Select what is in view", "Select what is in view", () => this.#selectView()),
    );
  }
}
