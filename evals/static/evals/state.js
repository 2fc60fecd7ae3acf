// What a page shows stands in its address; everybody who is given the address sees the same.

import { pageData } from "../desk/safe.js";

export const config = pageData();

const listeners = [];

export function read() {
  const query = new URLSearchParams(window.location.search);
  return {
    split: query.get("split") ?? config.defaultSplit,
    confidence: Number(query.get("confidence") ?? config.canonical),
    get: (name) => query.get(name),
    all: (name) => query.getAll(name),
  };
}

// Calls back when one of the named parts changes, and says so now if asked to.
export function watch(names, changed) {
  listeners.push({ names, changed });
}

// Changes parts of the state: null and "" remove a part, a list repeats it.
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

// Split and confidence go along to the other pages of the evaluation, and into its exports.
export function carry(root = document) {
  const { split, confidence } = read();
  for (const link of root.querySelectorAll("a[data-carry], a[data-export]")) {
    const url = new URL(link.href);
    url.searchParams.set("split", split);
    url.searchParams.set("confidence", confidence);
    link.href = url.href;
  }
}

// A page of this evaluation with the current split and confidence.
export function page(path, more = {}) {
  const { split, confidence } = read();
  const url = new URL(config.page + path, window.location.href);
  for (const [name, value] of Object.entries({ split, confidence, ...more })) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url.pathname + url.search;
}

// Waits until nobody has called for a moment, then calls once.
export function settled(work, milliseconds = 120) {
  let timer = 0;
  return (...given) => {
    window.clearTimeout(timer);
    timer = window.setTimeout(() => work(...given), milliseconds);
  };
}
