// What a task is made of: pictures with regions over them, texts, recordings, and data as data.

import { scored } from "../figures.js";
import { element, safeMedia } from "../safe.js";
import { colorAt, isDrawn } from "../shapes.js";
import { Viewer } from "../viewer.js";
import { markedText } from "./texts.js";

const LONGEST = 20_000;
const MOST_SIDES = 6;

/**
 * Regions as the viewer draws them: in the colour of who said it.
 * @param {any[]} sources
 * @returns {any[]}
 */
export function regionsOf(sources) {
  return sources.flatMap(({ kind, color, regions }) =>
    regions.filter(isDrawn).map((region) => ({
      ...region,
      color: colorAt(color),
      look: kind === "annotation" ? "ground_truth" : "prediction",
    })),
  );
}

/**
 * How a source is called.
 * @param {any} source
 * @returns {string}
 */
export function titleOf({ name, kind, id }) {
  return `${name}, ${kind} ${id}`;
}

/**
 * The things one below the other, and what to call to hide sources in them.
 */
export class Things {
  /**
   * @param {HTMLElement} host
   * @param {{task: number, things: any[], sources: any[]}} data
   * @param {{isSide: boolean, hidden: Set<string>, labels: string[], score: number, changed: (choice: any) => void}} how
   */
  constructor(host, { task, things, sources }, { isSide, hidden, labels, score, changed }) {
    this.task = task;
    this.sources = sources;
    this.hidden = hidden;
    this.isSide = isSide;
    this.how = { labels, score, changed };
    /** Where results lie over each other: the viewer of each picture, and which one that is.
     * @type {Array<{viewer: Viewer, name: string, page: number | null}>} */
    this.pictures = [];
    /** What is shown anew when sources are hidden. */
    this.redraws = [];
    this.names = new Set(things.map(({ name }) => name));
    this.first = things.find(({ kind }) => kind === "image" || kind === "images")?.name;
    /** How each text is shown anew, by its name. */
    this.texts = new Map();
    /** The element of each thing by its name. */
    this.places = new Map();
    host.classList.add("task-things");
    host.replaceChildren(...things.map((thing) => this.#thing(thing)));
    if (things.length === 0) host.replaceChildren(element("p", {}, "The task has no data."));
  }

  #thing(thing) {
    const body = element("div", {});
    const shown = element("section", {}, element("h3", {}, thing.name), body);
    this.places.set(thing.name, body);
    if (thing.kind === "image") this.#image(body, thing, thing.value, null);
    else if (thing.kind === "images") {
      thing.value.forEach((address, page) => {
        const part = element("div");
        body.append(part);
        this.#image(part, thing, address, page);
      });
    } else if (thing.kind === "audio" || thing.kind === "video") body.append(recording(thing));
    else if (thing.kind === "text") this.#text(body, thing);
    else body.append(data(thing.value));
    return shown;
  }

  // Whether a region is of this thing: regions of nothing that is known are of the first picture.
  isOf(region, name, page) {
    const here = this.names.has(region.to) ? region.to : this.first;
    return here === name && region.page === page;
  }

  #image(host, { name }, address, page) {
    const mine = ({ regions, ...source }) => /** @type {any} */ ({ ...source, regions: regions.filter((region) => this.isOf(region, name, page ?? 0)) });
    const sources = this.sources.map(mine);
    const shared = { image: address, hidden: { sides: [...this.hidden], labels: this.how.labels }, score: this.how.score, changed: this.how.changed };
    const alt = `${page === null ? name : `${name}, page ${page + 1}`} of task ${this.task}`;
    const paint = () => {
      const visible = sources.filter(({ key }) => !this.hidden.has(key)).slice(0, MOST_SIDES);
      host.className = "task-even";
      host.replaceChildren(
        ...visible.map((source) => {
          const place = element("div");
          new Viewer(place, { ...shared, alt: `${alt} with ${titleOf(source)}`, regions: regionsOf([source]), hidden: { labels: this.how.labels }, sources: [named(source)] });
          return element("div", {}, element("h4", {}, titleOf(source)), place);
        }),
      );
      if (visible.length === 0) host.replaceChildren(element("p", {}, "All are hidden: tick one in the list."));
    };
    if (this.isSide && sources.length > 0) {
      paint();
      this.redraws.push(paint);
      return;
    }
    const viewer = new Viewer(host, { ...shared, alt, regions: regionsOf(sources), sources: sources.map(named) });
    this.pictures.push({ viewer, name, page });
    this.redraws.push(() => viewer.hide([...this.hidden]));
  }

  /**
   * What the sources that are not hidden mark in a text.
   * @param {string} name of the text
   * @returns {Array<{start: number, end: number, name: string, color: number[]}>}
   */
  passagesIn(name) {
    return this.sources
      .filter(({ key }) => !this.hidden.has(key))
      .flatMap((source) =>
        source.regions
          .filter(({ passage, to }) => passage && (to === name || !this.names.has(to)))
          .map(({ passage: [start, end], label }) => ({ start, end, name: `${titleOf(source)}: ${label}`, color: colorAt(source.color) })),
      );
  }

  #text(host, { name, value }) {
    this.texts.set(name, () => host.replaceChildren(markedText(value, this.passagesIn(name))));
    this.texts.get(name)();
    this.redraws.push(() => this.texts.get(name)());
  }

  /**
   * Hides these sources and no others.
   * @param {Set<string>} hidden their keys
   */
  hide(hidden) {
    this.hidden = hidden;
    for (const redraw of this.redraws) redraw();
  }
}

const named = (source) => ({ key: source.key, name: titleOf(source), color: colorAt(source.color) });

function recording({ kind, value }) {
  const address = safeMedia(value);
  if (address === null) return element("p", {}, `There is no recording to play: ${String(value).slice(0, 200)}`);
  return element(kind, { controls: true, preload: "metadata", src: address });
}

// A table of an object's entries, or the JSON.
function data(value) {
  if (typeof value === "string") return element("p", { class: "task-text" }, value.slice(0, LONGEST));
  const isFlat = value !== null && typeof value === "object" && !Array.isArray(value);
  if (!isFlat) {
    const text = JSON.stringify(value, null, 2);
    return element("div", { class: "desk-json", tabindex: 0, role: "group", "aria-label": "Data" }, text.slice(0, LONGEST));
  }
  const rows = Object.entries(value).map(([key, one]) =>
    element("tr", {}, element("th", { scope: "row" }, key), element("td", {}, typeof one === "string" ? one.slice(0, LONGEST) : JSON.stringify(one))),
  );
  return element("div", { class: "desk-scroll" }, element("table", { class: "desk-table" }, element("tbody", {}, ...rows)));
}

/**
 * A table of choices, texts and numbers: a row for each control, a column for each source.
 * @param {HTMLElement} host
 * @param {any[]} sources those that are not hidden
 */
export function showAnswers(host, sources) {
  const plain = (source) => source.regions.filter((region) => !isDrawn(region) && !region.passage && region.values?.length > 0);
  const saying = sources.filter((source) => plain(source).length > 0);
  const names = [...new Set(saying.flatMap((source) => plain(source).map(({ name }) => name)))];
  if (names.length === 0) {
    host.replaceChildren(element("p", {}, "None."));
    return;
  }
  const cell = (source, name) =>
    plain(source)
      .filter((region) => region.name === name)
      .map(({ values, score }) => values.join(", ") + (score === null ? "" : ` (${scored(score, 2)})`))
      .join("; ");
  const head = ["", ...saying.map(titleOf)].map((text) => element("th", text ? { scope: "col" } : {}, text || element("span", { class: "sr-only" }, "Control")));
  host.replaceChildren(
    element(
      "div",
      { class: "desk-scroll", tabindex: 0, role: "group", "aria-label": "Answers" },
      element(
        "table",
        { class: "desk-table" },
        element("thead", {}, element("tr", {}, ...head)),
        element("tbody", {}, ...names.map((name) => element("tr", {}, element("th", { scope: "row" }, name), ...saying.map((source) => element("td", {}, cell(source, name) || "-"))))),
      ),
    ),
  );
}
