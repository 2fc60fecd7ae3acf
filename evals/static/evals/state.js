// What a page shows stands in its address; everybody who is given the address sees the same.

import { pageData } from "../desk/safe.js";

/**
 * A cell of the matrix as addresses name it: by number, for classes may be called by other numbers.
 * @param {number | string} actual
 * @param {number | string} predicted
 * @returns {string}
 */
export const cellAt = (actual, predicted) => `[${actual},${predicted}]`;

/**
 * What the server wrote for this page.
 * @type {any}
 */
export const config = pageData();

const listeners = [];

/**
 * What the address says.
 * @returns {{split: string, confidence: number, get: (name: string) => string | null,
 *   all: (name: string) => string[]}} `confidence` in per cent
 */
export function read() {
  const query = new URLSearchParams(window.location.search);
  return {
    split: query.get("split") ?? config.defaultSplit,
    confidence: Number(query.get("confidence") ?? config.canonical),
    get: (name) => query.get(name),
    all: (name) => query.getAll(name),
  };
}

/**
 * Calls back when one of the named parts of the address changes.
 * @param {string[]} names
 * @param {(state: ReturnType<typeof read>) => void} changed
 * @returns {void}
 */
export function watch(names, changed) {
  listeners.push({ names, changed });
}

/**
 * Changes parts of the address: null and "" remove a part, a list repeats it.
 * @param {Record<string, any>} changes
 * @returns {void}
 */
export function write(changes) {
  const query = new URLSearchParams(window.location.search);
  const before = query.toString();
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") query.append(name, one);
    }
  }
  if (query.toString() === before) return;
  const text = query.toString();
  window.history.replaceState(null, "", text ? `?${text}` : window.location.pathname);
  carry();
  for (const { names, changed } of listeners) {
    if (names.some((name) => name in changes)) changed(read());
  }
}

/**
 * Split and confidence go along to the other pages of the evaluation, and into its exports.
 * @param {ParentNode} root
 * @returns {void}
 */
export function carry(root = document) {
  const { split, confidence } = read();
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = root.querySelectorAll("a[data-carry], a[data-export]");
  for (const link of links) {
    const url = new URL(link.href);
    url.searchParams.set("split", split);
    url.searchParams.set("confidence", String(confidence));
    link.href = url.href;
  }
}

/**
 * A page of this evaluation with the current split and confidence.
 * @param {string} path below the evaluation's own page
 * @param {Record<string, any>} more parameters; null and "" are left out
 * @returns {string} path and query
 */
export function page(path, more = {}) {
  const { split, confidence } = read();
  const url = new URL(config.page + path, window.location.href);
  for (const [name, value] of Object.entries({ split, confidence, ...more })) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url.pathname + url.search;
}

/**
 * Waits until nobody has called for a moment, then calls once.
 * @template {any[]} A
 * @param {(...given: A) => void} work
 * @param {number} milliseconds
 * @returns {(...given: A) => void}
 */
export function settled(work, milliseconds = 120) {
  let timer = 0;
  return (...given) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => work(...given), milliseconds);
  };
}
