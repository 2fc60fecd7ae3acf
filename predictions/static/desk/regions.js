// Regions drawn over an image.
//
// A region is {id, kind, label, side, verdict, score, geometry}:
//   kind      "rectangle" | "ellipse" | "keypoint" | "polygon" | "brush", drawn; others are not
//   side      "prediction" (solid line) | "ground_truth" (dashed line)
//   verdict   "tp" | "fp" | "fn" | null: decides the color; without one the label does
//   score     0 to 1, or null
//   geometry  per cent of the image, as Label Studio writes it: {x, y, width, height, rotation},
//             {x, y, radiusX, radiusY, rotation}, {x, y, width}, {points: [[x, y], ...]}, or
//             {rle: [bytes], width, height} with the mask's size in pixels
// All names and texts in it are untrusted; see safe.js.

import { element, safeImage, shape } from "./safe.js";
import { colorOf, css, draw, isDrawn } from "./shapes.js";

/** Labels in alphabetical order, which is that of their colors. */
export function labelsOf(regions) {
  return [...new Set(regions.map((region) => region.label))].sort();
}

/** Draws the regions into an <svg> that lies over the whole image. */
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
    const group = shape("g", { class: `desk-region desk-${region.side}` });
    group.style.setProperty("--color", css(color));
    if (region.kind !== "brush") {
      const halo = drawn.cloneNode();
      halo.classList.add("desk-halo");
      group.append(halo);
    }
    drawn.classList.add("desk-line");
    group.append(drawn);
    group.dataset.region = region.id;
    svg.append(group);
  }
  return svg;
}

/** The image's size once it is there; null when it cannot be shown. */
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

/** A small picture with its regions over it. Resolves once both are there. */
export async function thumbnail(host, { image, alt, regions, labels = labelsOf(regions) }) {
  const picture = element("img", { alt, class: "desk-picture" });
  const frame = element("div", { class: "desk-thumbnail" }, picture);
  host.replaceChildren(frame);
  const size = await load(picture, safeImage(image));
  if (size === null) {
    frame.classList.add("desk-missing");
    frame.replaceChildren(element("span", {}, "no image"));
    return;
  }
  frame.style.setProperty("--ratio", `${size[0]} / ${size[1]}`);
  frame.append(overlay(regions.filter(isDrawn), labels, size));
}
