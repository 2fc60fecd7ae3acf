// Elements out of values. Text only ever becomes text: nothing here reads markup.

import { element } from "../desk/safe.js";

export { share } from "../desk/figures.js";

/**
 * An element, see `element` of safe.js; children may be lists, and attributes functions: `onclick`.
 * @param {string} tag
 * @param {Record<string, any>} attributes null, undefined and false leave one out
 * @param {...any} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const given = Object.entries(attributes);
  const plain = given.filter(([, value]) => typeof value !== "function");
  const made = element(tag, Object.fromEntries(plain), ...children.flat());
  for (const [name, value] of given) {
    if (typeof value === "function") made.addEventListener(name.replace(/^on/, ""), value);
  }
  return made;
}

const whole = new Intl.NumberFormat("en-US");

/**
 * A whole number with separators, a dash for nothing.
 * @param {unknown} value
 * @returns {string}
 */
export function count(value) {
  return typeof value === "number" ? whole.format(value + 0) : "–";
}

/**
 * A table with a header row.
 * @param {string} caption for a screen reader
 * @param {Array<string | Node>} heads
 * @param {any[][]} rows lists of cells, the first of each its header; null is shown as a dash
 * @param {Record<string, any>} attributes
 * @returns {HTMLElement}
 */
export function table(caption, heads, rows, attributes = {}) {
  // Where a narrow screen has no room for columns, each cell has its heading before it.
  const named = heads.map((head) => (head instanceof Node ? head.textContent : head));
  return el(
    "table",
    { class: "ev-table", ...attributes },
    el("caption", { class: "ev-hidden" }, caption),
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        heads.map((head) => (head instanceof Node ? head : el("th", { scope: "col" }, head))),
      ),
    ),
    el(
      "tbody",
      {},
      rows.map(([first, ...rest]) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, first),
          rest.map((cell, at) => el("td", { "data-label": named[at + 1] }, cell ?? "–")),
        ),
      ),
    ),
  );
}

/** Of a table whose cells are figures: on a narrow screen three beside each other, below their heads. */
export const FIGURES = { class: "ev-table ev-stacked ev-figures" };

// Rows that are shown at once: a browser takes seconds for the tables of ten thousand classes.
const MOST_ROWS = 500;

/**
 * A table of any length: of a long one the first rows, and a field that finds others by name.
 * @param {string} caption for a screen reader
 * @param {Array<string | Node>} heads
 * @param {any[]} items
 * @param {(item: any) => any[]} cells the row of an item, see `table`
 * @param {(item: any) => string} nameOf what it is found by
 * @returns {HTMLElement}
 */
export function longTable(caption, heads, items, cells, nameOf) {
  if (items.length <= MOST_ROWS) return table(caption, heads, items.map(cells), FIGURES);
  const shown = el("div", {});
  const note = el("p", { class: "ev-note", "aria-live": "polite" });
  const show = (text) => {
    const wanted = text.toLowerCase();
    const found = items.filter((item) => nameOf(item).toLowerCase().includes(wanted));
    const first = found.slice(0, MOST_ROWS);
    note.textContent = `${count(first.length)} of ${count(found.length)} rows are shown.`;
    shown.replaceChildren(table(caption, heads, first.map(cells), FIGURES));
  };
  const field = el("input", {
    type: "search",
    placeholder: "Find by name",
    "aria-label": `Find a row of ${caption}`,
    oninput: ({ target }) => show(target.value),
  });
  show("");
  return el("div", {}, el("p", {}, field), note, shown);
}

// Shows a promise in an element: what it resolves to, or why it failed. Only the last one counts.
const turns = new WeakMap();

/**
 * Shows a promise in an element: what it resolves to, or why it failed. Only the last one counts.
 * @param {HTMLElement} panel
 * @param {Promise<any>} promise of an element, text or list; undefined leaves what is there
 * @returns {Promise<void>}
 */
export async function fill(panel, promise) {
  const turn = (turns.get(panel) ?? 0) + 1;
  turns.set(panel, turn);
  panel.setAttribute("aria-busy", "true");
  try {
    const content = await promise;
    if (turns.get(panel) !== turn) return;
    if (content !== undefined) panel.replaceChildren(...[content].flat().filter(Boolean));
  } catch (error) {
    if (turns.get(panel) !== turn) return;
    panel.replaceChildren(el("p", { class: "ev-problem", role: "alert" }, error.message));
  }
  panel.removeAttribute("aria-busy");
}
