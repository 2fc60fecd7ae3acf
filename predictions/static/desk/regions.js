// Regions drawn over an image.
// All names and texts in them are untrusted; see safe.js.

import { element, shape, smallImage } from "./safe.js";
import { colorOf, css, draw, isDrawn } from "./shapes.js";

/**
 * @typedef {object} Region
 * @property {string | number} id told apart by it
 * @property {string} kind "rectangle", "ellipse", "keypoint", "polygon" or "brush"; others are not
 *   drawn
 * @property {string} label its color without a verdict
 * @property {string} side "prediction" (solid line) or "ground_truth" (dashed line)
 * @property {string} [look] drawn as this side, where `side` is another name
 * @property {number[]} [color] red, green, blue: its color without a verdict
 * @property {string | null} verdict "tp", "fp", "fn" or "wrong_class": its color
 * @property {number | null} score 0 to 1
 * @property {any} geometry in per cent of the image, as Label Studio writes it:
 *   {x, y, width, height, rotation}, {x, y, radiusX, radiusY, rotation}, {x, y, width},
 *   {points: [[x, y], ...]}, or {rle: [bytes], width, height} with the mask's size in pixels
 * @property {number} [width] of the image in pixels, where the client said so
 * @property {number} [height] of the image in pixels, where the client said so
 */

/**
 * Labels in alphabetical order, which is that of their colors.
 * @param {Region[]} regions
 * @returns {string[]}
 */
export function labelsOf(regions) {
  return [...new Set(regions.map((region) => region.label))].toSorted();
}

/**
 * Draws the regions into an <svg> that lies over the whole image.
 * @param {Region[]} regions
 * @param {string[]} labels in the order of their colors
 * @param {number[]} size of the image in pixels: width, height
 * @returns {SVGElement}
 */
export function overlay(regions, labels, [wide, high]) {
  const svg = shape("svg", {
    class: "desk-overlay",
    viewBox: `0 0 ${wide} ${high}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  for (const region of regions) {
    const color = colorOf(region, labels);
    const drawn = draw(region, wide, high, color);
    if (drawn === null) continue;
    const group = shape("g", { class: `desk-region desk-${region.look ?? region.side}` });
    group.style.setProperty("--color", css(color));
    if (!["brush", "bitmask"].includes(region.kind)) {
      const halo = /** @type {SVGElement} */ (drawn.cloneNode(true));
      halo.classList.add("desk-halo");
      group.append(halo);
    }
    drawn.classList.add("desk-line");
    group.append(drawn);
    group.dataset.region = String(region.id);
    svg.append(group);
  }
  return svg;
}

/**
 * Loads an image.
 * @param {HTMLImageElement} image
 * @param {string | null} source an address that safeImage let through
 * @returns {Promise<number[] | null>} width and height; null when it cannot be shown
 */
export function load(image, source) {
  return new Promise((resolve) => {
    if (source === null) return resolve(null);
    image.addEventListener("load", () => resolve([image.naturalWidth, image.naturalHeight]), {
      once: true,
    });
    image.addEventListener("error", () => resolve(null), { once: true });
    image.referrerPolicy = "no-referrer";
    image.decoding = "async";
    image.src = source;
  });
}

/**
 * A small picture with its regions over it. Resolves once both are there.
 * @param {HTMLElement} host
 * @param {{image: string | null, alt: string, regions: Region[], labels?: string[]}} shown
 * @returns {Promise<void>}
 */
export async function thumbnail(host, { image, alt, regions, labels = labelsOf(regions) }) {
  const picture = element("img", { alt, class: "desk-picture" });
  const frame = element("div", { class: "desk-thumbnail" }, picture);
  host.replaceChildren(frame);
  const size = await load(picture, smallImage(image));
  if (size === null) {
    frame.classList.add("desk-missing");
    frame.replaceChildren(element("span", {}, "no image"));
    return;
  }
  frame.style.setProperty("--ratio", `${size[0]} / ${size[1]}`);
  frame.append(overlay(regions.filter(isDrawn), labels, size));
}
