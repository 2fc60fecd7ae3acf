// An image with its regions, and the controls to look at them. What a region is says regions.js.

import { scored } from "./figures.js";
import { labelsOf, load, overlay } from "./regions.js";
import { element, safeImage, smallImage } from "./safe.js";
import { anchor, colorOf, css, isDrawn } from "./shapes.js";

const SIDES = [
  ["prediction", "Predicted"],
  ["ground_truth", "Ground truth"],
];
const VERDICTS = [
  ["tp", "True positive"],
  ["fp", "False positive"],
  ["fn", "False negative"],
  ["wrong_class", "Wrong class"],
  ["crowd", "Crowd"],
];
const MOST_ZOOM = 16;
// Pictures nobody could load still get their regions drawn, on this much paper.
const PAPER = /** @type {[number, number]} */ ([400, 300]);

/**
 * The image with its regions and controls, inside `host`.
 *
 * `hidden` names the sides and labels that start hidden, `score` the lowest score shown (0 to 1).
 * `changed({hidden: {sides, labels}, score})` is called whenever a person changes either.
 */
export class Viewer {
  /**
   * @param {HTMLElement} host
   * @param {{image: string | null, alt: string, regions: import("./regions.js").Region[],
   *   hidden?: {sides?: string[], labels?: string[]}, score?: number, texts?: unknown,
   *   sources?: Array<{key: string, name: string, color: number[]}> | null,
   *   changed?: (choice: {hidden: {sides: string[], labels: string[]}, score: number}) => void}} shown
   */
  constructor(host, { image, alt, regions, hidden = {}, score = 0, sources = null, changed = () => {} }) {
    // Whose regions they are where there are more than two sides; the page has their toggles.
    this.sources = sources;
    this.regions = regions.filter(isDrawn);
    this.labels = labelsOf(regions);
    this.hidden = {
      sides: new Set(hidden.sides ?? []),
      labels: new Set(hidden.labels ?? []),
    };
    this.score = score;
    this.changed = changed;
    this.zoom = 1;
    /** Pixels of the image: width, height. @type {[number, number]} */
    this.size = PAPER;
    /** Whether `size` is that of the image, as it was loaded or as its regions say. */
    this.isMeasured = false;
    this.picture = element("img", { alt, class: "desk-picture" });
    this.stage = element("div", { class: "desk-stage" }, this.picture);
    this.window = element(
      "div",
      { class: "desk-window", tabindex: 0, role: "group", "aria-label": "Image, + and - zoom" },
      this.stage,
    );
    this.summary = element("p", { class: "desk-summary", role: "status" });
    host.replaceChildren(this.#controls(), this.window, this.summary, this.#legend());
    this.#pan();
    this.ready = this.#load(image);
  }

  async #load(image) {
    const source = safeImage(image);
    let size = await load(this.picture, source);
    const other = smallImage(image, 1600);
    // Of what a browser cannot show, as TIFF, the server may have one that it can.
    if (size === null && other !== source) size = await load(this.picture, other);
    if (size === null) {
      const why = source === null ? "There is no image to show." : "The image could not be loaded.";
      const address = typeof image === "string" && image ? ` ${image.slice(0, 200)}` : "";
      this.picture.replaceWith(element("p", { class: "desk-missing" }, why + address));
      const known = this.regions.find((region) => region.width > 0 && region.height > 0);
      this.size = known ? [known.width, known.height] : PAPER;
      this.isMeasured = known !== undefined;
    } else {
      this.size = /** @type {[number, number]} */ (size);
      this.isMeasured = true;
    }
    this.stage.style.setProperty("--ratio", `${this.size[0]} / ${this.size[1]}`);
    this.draw();
  }

  /**
   * Other regions on the same image.
   * @param {import("./regions.js").Region[]} regions
   */
  replace(regions) {
    this.regions = regions.filter(isDrawn);
    this.draw();
  }

  /**
   * What the sides, labels and score let through.
   * @returns {import("./regions.js").Region[]}
   */
  get shown() {
    return this.regions.filter(
      ({ side, label, score }) =>
        !this.hidden.sides.has(side) &&
        !this.hidden.labels.has(label) &&
        (side === "ground_truth" || score === null || score >= this.score),
    );
  }

  /**
   * Hides these sides and no others.
   * @param {string[]} sides
   */
  hide(sides) {
    this.hidden.sides = new Set(sides);
    this.draw();
  }

  draw() {
    const shown = this.shown;
    this.stage.querySelector(".desk-overlay")?.remove();
    this.stage.querySelector(".desk-tags")?.remove();
    this.stage.append(overlay(shown, this.labels, this.size), this.#tags(shown));
    const count = (side) => shown.filter((region) => region.side === side).length;
    this.summary.textContent = this.sources
      ? `Shown: ${shown.length} of ${this.regions.length} regions.`
      : `Shown: ${count("prediction")} predicted, ${count("ground_truth")} ground truth, ` +
      `of ${this.regions.length} regions.`;
  }

  #tags(regions) {
    const tags = element("div", { class: "desk-tags", "aria-hidden": "true" });
    for (const region of regions) {
      const [x, y] = anchor(region);
      const score = region.score === null ? "" : ` ${scored(region.score, 2)}`;
      const tag = element("span", { class: `desk-tag desk-${region.look ?? region.side}` }, region.label + score);
      // Above the region there is no room for it.
      tag.classList.toggle("desk-inside", y < 6);
      tag.style.left = `${Math.min(Math.max(x, 0), 100)}%`;
      tag.style.top = `${Math.min(Math.max(y, 0), 100)}%`;
      tag.style.setProperty("--color", css(colorOf(region, this.labels)));
      tags.append(tag);
    }
    return tags;
  }

  #controls() {
    const bar = element("div", { class: "desk-controls" });
    const present = new Set(this.regions.map((region) => region.side));
    const sides = SIDES.filter(([side]) => present.has(side));
    if (sides.length > 0) bar.append(this.#group("Sides", "sides", sides));
    if (this.labels.length > 0) {
      bar.append(
        this.#group("Labels", "labels", this.labels.map((label) => [label, label || "(none)"])),
      );
    }
    if (this.regions.some(({ side, score }) => side !== "ground_truth" && score !== null)) {
      bar.append(this.#slider());
    }
    bar.append(this.#zoomButtons());
    return bar;
  }

  #group(title, kind, choices) {
    const group = element("fieldset", { class: "desk-choices" }, element("legend", {}, title));
    for (const [value, name] of choices) {
      const box = element("input", { type: "checkbox" });
      box.checked = !this.hidden[kind].has(value);
      box.dataset[kind === "sides" ? "side" : "label"] = value;
      box.addEventListener("change", () => {
        if (box.checked) this.hidden[kind].delete(value);
        else this.hidden[kind].add(value);
        this.#moved();
      });
      group.append(element("label", {}, box, element("span", {}, name)));
    }
    return group;
  }

  #slider() {
    const shown = element("output", {}, scored(this.score, 2));
    const slider = element("input", { type: "range", min: 0, max: 1, step: 0.01 });
    slider.value = String(this.score);
    slider.addEventListener("input", () => {
      this.score = Number(slider.value);
      shown.textContent = scored(this.score, 2);
      this.#moved();
    });
    return element("label", { class: "desk-score" }, element("span", {}, "Score at least"), slider, shown);
  }

  #zoomButtons() {
    const group = element("div", { class: "desk-zoom", role: "group", "aria-label": "Zoom" });
    /** @type {Array<[string, string, number]>} */
    const steps = [["−", "Zoom out", 0.8], ["Fit", "Fit the image", 0], ["+", "Zoom in", 1.25]];
    for (const [text, name, factor] of steps) {
      const button = element("button", { type: "button", "aria-label": name, title: name }, text);
      button.addEventListener("click", () => this.zoomBy(factor));
      group.append(button);
    }
    return group;
  }

  /**
   * Zooms around the middle of what is seen.
   * @param {number} factor 0 shows all of it
   */
  zoomBy(factor) {
    const view = this.window;
    const middle = [
      (view.scrollLeft + view.clientWidth / 2) / view.scrollWidth,
      (view.scrollTop + view.clientHeight / 2) / view.scrollHeight,
    ];
    this.zoom = factor === 0 ? 1 : Math.min(Math.max(this.zoom * factor, 1), MOST_ZOOM);
    this.stage.style.setProperty("--zoom", String(this.zoom));
    view.scrollLeft = middle[0] * view.scrollWidth - view.clientWidth / 2;
    view.scrollTop = middle[1] * view.scrollHeight - view.clientHeight / 2;
  }

  #pan() {
    const view = this.window;
    let from = null;
    view.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0) {
        from = [event.clientX + view.scrollLeft, event.clientY + view.scrollTop];
        view.setPointerCapture(event.pointerId);
      }
    });
    view.addEventListener("pointermove", (event) => {
      if (from !== null) view.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
    });
    for (const end of ["pointerup", "pointercancel"]) {
      view.addEventListener(end, () => {
        from = null;
      });
    }
    view.addEventListener(
      "wheel",
      (event) => {
        if (!event.ctrlKey) return;
        event.preventDefault();
        this.zoomBy(event.deltaY < 0 ? 1.25 : 0.8);
      },
      { passive: false },
    );
    view.addEventListener("keydown", ({ key, ctrlKey, metaKey }) => {
      // With these the browser zooms the whole page.
      if (ctrlKey || metaKey) return;
      if (key === "+" || key === "=") this.zoomBy(1.25);
      if (key === "-") this.zoomBy(0.8);
      if (key === "0") this.zoomBy(0);
    });
  }

  #legend() {
    const list = element("ul", { class: "desk-legend", "aria-label": "Legend" });
    const entry = (name, kind, color) => {
      const line = element("span", { class: `desk-swatch ${kind}`, "aria-hidden": "true" });
      if (color) line.style.setProperty("--color", css(color));
      list.append(element("li", {}, line, name));
    };
    for (const [side, name] of SIDES) {
      if (this.regions.some((region) => region.side === side)) entry(name, `desk-${side}`);
    }
    const verdicts = VERDICTS.filter(([v]) => this.regions.some((region) => region.verdict === v));
    for (const [verdict, name] of verdicts) {
      entry(name, "desk-filled", colorOf({ verdict }, this.labels));
    }
    for (const { key, name, color } of this.sources ?? []) {
      if (this.regions.some(({ side }) => side === key)) entry(name, "desk-filled", color);
    }
    if (this.sources) return list;
    const plain = this.regions.filter((region) => !region.verdict);
    for (const label of labelsOf(plain)) {
      entry(label || "(none)", "desk-filled", colorOf({ label }, this.labels));
    }
    return list;
  }

  #moved() {
    this.draw();
    this.changed({
      hidden: { sides: [...this.hidden.sides], labels: [...this.hidden.labels] },
      score: this.score,
    });
  }
}
