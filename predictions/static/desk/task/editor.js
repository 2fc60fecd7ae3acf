// What is being corrected: its steps, what is chosen, and the tool in hand. It draws nothing; who
// does is told of each change.

import * as edits from "./edits.js";
import * as geometry from "./geometry.js";
import { History } from "./history.js";
import { nextWord, passageOf } from "./spans.js";

/** Kinds of tools whose regions are places that are drawn. */
export const PLACES = new Set(["rectangle", "polygon", "ellipse", "keypoint", "span"]);
// Of regions whose place is only looked at the label can be changed.
const LABELLED = new Set([...PLACES, "labels"]);
const UNKNOWN_SIZE = /** @type {[number, number]} */ ([100, 100]);

// Outside of a secure context there is no crypto.randomUUID.
/**
 * @returns {string} the id of a new region
 */
export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(5)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * @typedef {object} Picture
 * @property {string} name of its object in the config
 * @property {number | null} page of several; null for the only one
 * @property {[number, number] | null} size in pixels; null until it is known
 */

/** One result under correction. */
export class Editor {
  /**
   * @param {{kind: string | null, id: number | null, updatedAt: string | null, result: any[]}} source
   * @param {any[]} tools controls of the labelling config
   */
  constructor(source, tools) {
    this.source = source;
    this.tools = tools;
    this.history = new History(edits.itemsOf(source.result));
    this.original = this.history.present;
    /** The key of the chosen region; null without. */
    this.chosen = null;
    /** The chosen point of a polygon; null for the whole. */
    this.point = null;
    /** The tool in hand, and whether it draws or only labels. */
    this.tool = this.drawn[0] ?? null;
    this.isDrawing = false;
    this.label = this.tool?.labels[0]?.[0] ?? null;
    /** @type {Picture[]} */
    this.pictures = [];
    /** What the task is made of. @type {Set<string>} */
    this.names = new Set();
    /** The picture that was worked on last. */
    this.picture = null;
    /** Texts in which passages are marked, by the name of their object. @type {Map<string, string>} */
    this.texts = new Map();
    this.listeners = [];
  }

  /**
   * The tools that draw.
   * @returns {any[]}
   */
  get drawn() {
    return this.tools.filter(({ kind }) => PLACES.has(kind));
  }

  get items() {
    return this.history.present;
  }

  get item() {
    return this.items.find(({ key }) => key === this.chosen) ?? null;
  }

  get isChanged() {
    return this.items !== this.original;
  }

  /**
   * The tool whose regions an item is of.
   * @param {import("./edits.js").Item} item
   * @returns {any} null where the config has none
   */
  toolOf(item) {
    return this.tools.find(({ name }) => name === item.region?.from_name) ?? null;
  }

  /**
   * The labels that a number key gives: those of what is chosen, else of the tool.
   * @returns {any[]}
   */
  get labels() {
    const tool = this.item ? this.toolOf(this.item) : this.tool;
    return tool && LABELLED.has(tool.kind) ? tool.labels : [];
  }

  /**
   * The picture that a region is on: regions of nothing that is known are on the first one.
   * @param {import("./edits.js").Item} item
   * @returns {Picture | null} null for a page that is not there, and without pictures
   */
  pictureOf({ region }) {
    const [first] = this.pictures;
    const name = this.names.has(region?.to_name) ? region.to_name : first?.name;
    const page = Number.isInteger(region?.item_index) ? region.item_index : 0;
    return this.pictures.find((one) => one.name === name && (one.page ?? 0) === page) ?? null;
  }

  /**
   * @param {import("./edits.js").Item} item
   * @returns {[number, number]} pixels of the picture that it is on
   */
  sizeOf(item) {
    const { original_width: wide, original_height: high } = item.region ?? {};
    return this.pictureOf(item)?.size ?? (wide > 0 && high > 0 ? [wide, high] : UNKNOWN_SIZE);
  }

  /**
   * Whether the tool in hand is for this picture. One that is for none of them draws on the first.
   * @param {Picture} picture
   * @returns {boolean}
   */
  fits(picture) {
    if (!this.tool || this.tool.kind === "span") return false;
    const isForAny = this.pictures.some(({ name }) => this.tool.to.includes(name));
    return isForAny ? this.tool.to.includes(picture.name) : picture === this.pictures[0];
  }

  /**
   * Tells `heard` of each change from now on.
   * @param {() => void} heard
   */
  watch(heard) {
    this.listeners.push(heard);
  }

  tell() {
    if (this.chosen !== null && this.item === null) this.choose(null, { isQuiet: true });
    // What was undone may have taken the point along.
    if (this.point !== null && !(this.item && this.point < (edits.valueOf(this.item).points?.length ?? 0))) this.point = null;
    for (const heard of this.listeners) heard();
  }

  /**
   * One step.
   * @param {any[]} items
   */
  go(items) {
    this.history.go(items);
    this.tell();
  }

  undo() {
    this.history.undo();
    this.tell();
  }

  redo() {
    this.history.redo();
    this.tell();
  }

  /**
   * @param {string | null} key of a region; null for none
   * @param {{point?: number | null, isQuiet?: boolean}} [more] a polygon's point
   */
  choose(key, { point = null, isQuiet = false } = {}) {
    this.chosen = key;
    this.point = point;
    if (this.item) this.picture = this.pictureOf(this.item) ?? this.picture;
    if (!isQuiet) this.tell();
  }

  /**
   * The next region, or the one before.
   * @param {number} step 1 or -1
   */
  chooseNext(step) {
    const all = this.items.filter((item) => this.isPlace(item));
    if (all.length === 0) return;
    const at = all.findIndex(({ key }) => key === this.chosen);
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length;
    this.choose(all[next].key);
  }

  /**
   * Whether a region is a place, on an image or in a text, or in time.
   * @param {import("./edits.js").Item} item
   * @returns {boolean}
   */
  isPlace(item) {
    const tool = this.toolOf(item);
    if (tool) return LABELLED.has(tool.kind);
    const value = edits.valueOf(item);
    return geometry.kindOf(value) !== null || value.rle !== undefined || value.imageDataURL !== undefined || value.start !== undefined;
  }

  /**
   * Takes up a tool to draw with; null lays it down.
   * @param {any} tool
   */
  take(tool) {
    if (tool) {
      if (tool !== this.tool) this.label = tool.labels[0]?.[0] ?? null;
      this.tool = tool;
      this.chosen = null;
      this.point = null;
    }
    this.isDrawing = tool !== null;
    this.tell();
  }

  /**
   * Gives a label to what is chosen, or to what is drawn from now on.
   * @param {string} label as stored
   */
  giveLabel(label) {
    const tool = this.item && this.toolOf(this.item);
    if (tool?.key) this.go(edits.withValues(this.items, this.chosen, { [tool.key]: [label] }));
    else {
      this.label = label;
      this.tell();
    }
  }

  /**
   * Changes keys of the chosen region's value, as one step.
   * @param {Record<string, any>} values
   */
  set(values) {
    this.go(edits.withValues(this.items, this.chosen, values));
  }

  /**
   * A new region of the tool in hand, chosen.
   * @param {Record<string, any>} place its value without the label
   * @param {{name: string, page?: number | null, size?: [number, number] | null}} on the picture, or the text
   */
  add(place, { name, page = null, size = null }) {
    const { tool, label } = this;
    const region = {
      id: newId(),
      from_name: tool.name,
      to_name: tool.to.includes(name) ? name : tool.to[0],
      type: tool.type,
      origin: "manual",
      ...(page === null ? {} : { item_index: page }),
      ...(size === null ? {} : { original_width: size[0], original_height: size[1], image_rotation: 0 }),
      value: { ...place, ...(tool.key && label !== null ? { [tool.key]: [label] } : {}) },
    };
    this.isDrawing = false;
    this.chosen = `n${region.id}`;
    this.point = null;
    this.go(edits.withNew(this.items, region));
  }

  /** A new region without a pointer: in the middle of the image, or the next word. */
  addByKey() {
    const { tool } = this;
    if (tool === null) return;
    if (tool.kind !== "span") {
      const mine = this.pictures.filter((picture) => this.fits(picture));
      const picture = mine.includes(this.picture) ? this.picture : mine[0];
      if (picture) this.add(geometry.inTheMiddle(tool.kind), picture);
      return;
    }
    const here = this.item?.region?.to_name;
    const name = tool.to.includes(here) ? here : tool.to.find((one) => this.texts.has(one));
    const value = this.item && name === here ? edits.valueOf(this.item) : {};
    const word = nextWord(this.texts.get(name) ?? "", Number.isInteger(value.end) ? value.end : 0);
    if (word) this.add(word, { name });
  }

  /**
   * The passage of the chosen region with another beginning or end.
   * @param {number} start
   * @param {number} end
   */
  #stretchPassage(start, end) {
    const text = this.texts.get(this.item.region?.to_name);
    if (text !== undefined) this.set(passageOf(text, start, end));
  }

  /** The chosen point, or all of the chosen region. */
  remove() {
    const { item } = this;
    if (item === null) return;
    if (this.point !== null) {
      const changed = geometry.withoutPoint(edits.valueOf(item), this.point);
      // Of a triangle no point goes: the next press deletes no more than this one.
      if (changed.points) this.point = null;
      this.set(changed);
      return;
    }
    this.go(edits.without(this.items, item.key));
  }

  /** A point more in the chosen polygon. */
  addPoint() {
    const value = this.item && edits.valueOf(this.item);
    if (!value || geometry.kindOf(value) !== "polygon") return;
    const after = this.point ?? value.points.length - 1;
    this.point = after + 1;
    this.set(geometry.withPoint(value, after));
  }

  /**
   * The next point of the chosen polygon, or the one before.
   * @param {number} step 1 or -1
   */
  choosePoint(step) {
    const value = this.item && edits.valueOf(this.item);
    if (!value || geometry.kindOf(value) !== "polygon") return;
    const { length } = value.points;
    this.choose(this.chosen, { point: ((this.point ?? (step > 0 ? -1 : 0)) + step + length) % length });
  }

  /**
   * Moves what is chosen: a shape, a point of it, or the beginning of a passage.
   * @param {number} dx pixels of the image, or characters
   * @param {number} dy pixels of the image
   */
  nudge(dx, dy) {
    const { item } = this;
    if (item === null) return;
    const value = edits.valueOf(item);
    if (Number.isInteger(value.start) && Number.isInteger(value.end)) {
      this.#stretchPassage(Math.min(value.start + dx, value.end - 1), value.end);
      return;
    }
    const size = this.sizeOf(item);
    if (geometry.kindOf(value) === null) return;
    const [right, down] = [(dx * 100) / size[0], (dy * 100) / size[1]];
    if (this.point === null) {
      this.set(geometry.moved(value, right, down, size));
      return;
    }
    const [x, y] = value.points[this.point];
    this.set(geometry.resized(value, String(this.point), [x + right, y + down], size));
  }

  /**
   * Makes the chosen shape wider or higher, or a passage longer.
   * @param {number} dx pixels of the image, or characters
   * @param {number} dy pixels of the image
   */
  stretch(dx, dy) {
    const { item } = this;
    if (item === null) return;
    const value = edits.valueOf(item);
    if (Number.isInteger(value.start) && Number.isInteger(value.end)) {
      this.#stretchPassage(value.start, value.end + dx);
      return;
    }
    const size = this.sizeOf(item);
    const [right, down] = [(dx * 100) / size[0], (dy * 100) / size[1]];
    const kind = geometry.kindOf(value);
    const larger = (name, by) => ({ [name]: Math.min(100, Math.max(100 / size[name === "width" || name === "radiusX" ? 0 : 1], value[name] + by)) });
    if (kind === "rectangle") this.set(dx ? larger("width", right) : larger("height", down));
    if (kind === "ellipse") this.set(dx ? larger("radiusX", right) : larger("radiusY", down));
  }
}
