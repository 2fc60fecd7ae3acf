// From a region's geometry, in per cent of the image, to SVG in its pixels.

import { decodeBrush, decodeRuns, paintMask } from "./brush.js";
import { shape } from "./safe.js";

const VERDICTS = {
  tp: [22, 163, 74], fp: [220, 38, 38], fn: [217, 119, 6], wrong_class: [147, 51, 234],
  crowd: [100, 116, 139],
};
const LABELS = [
  [37, 99, 235], [219, 39, 119], [13, 148, 136], [124, 58, 237], [202, 138, 4],
  [8, 145, 178], [190, 18, 60], [77, 124, 15], [79, 70, 229], [154, 52, 18],
];

/**
 * The color of a place in a list: they come in turn.
 * @param {number} place from 0
 * @returns {number[]} red, green, blue
 */
export function colorAt(place) {
  return LABELS[place % LABELS.length];
}

/**
 * The color of a region: of its verdict where there is one, its own, else of its label.
 * @param {{verdict?: string | null, label?: string, color?: number[]}} region
 * @param {string[]} labels in the order of their colors
 * @returns {number[]} red, green, blue
 */
export function colorOf(region, labels) {
  return VERDICTS[region.verdict] ?? region.color ?? colorAt(Math.max(0, labels.indexOf(region.label)));
}

/**
 * A color for a style.
 * @param {number[]} color red, green, blue
 * @returns {string}
 */
export function css([red, green, blue]) {
  return `rgb(${red} ${green} ${blue})`;
}

// Numbers only: whatever else a client stored as one is 0.
function number(value) {
  return Number.isFinite(value) ? value : 0;
}

function rectangle({ x, y, width, height, rotation }, wide, high) {
  const [left, top] = [(number(x) * wide) / 100, (number(y) * high) / 100];
  return shape("rect", {
    x: left,
    y: top,
    width: Math.max(0, (number(width) * wide) / 100),
    height: Math.max(0, (number(height) * high) / 100),
    transform: rotation ? `rotate(${number(rotation)} ${left} ${top})` : null,
  });
}

function ellipse({ x, y, radiusX, radiusY, rotation }, wide, high) {
  const [cx, cy] = [(number(x) * wide) / 100, (number(y) * high) / 100];
  return shape("ellipse", {
    cx,
    cy,
    rx: Math.max(0, (number(radiusX) * wide) / 100),
    ry: Math.max(0, (number(radiusY) * high) / 100),
    transform: rotation ? `rotate(${number(rotation)} ${cx} ${cy})` : null,
  });
}

function keypoint({ x, y, width }, wide, high) {
  const radius = Math.max(0.6, number(width)) / 100 / 2;
  return shape("circle", {
    cx: (number(x) * wide) / 100,
    cy: (number(y) * high) / 100,
    r: Math.max(3, radius * wide),
  });
}

function polygon({ points, closed }, wide, high) {
  const corners = (Array.isArray(points) ? points : []).filter(Array.isArray);
  const text = corners
    .map(([x, y]) => `${(number(x) * wide) / 100},${(number(y) * high) / 100}`)
    .join(" ");
  return shape(closed === false ? "polyline" : "polygon", { points: text });
}

function brush({ rle, runs, width, height }, wide, high, color) {
  const [across, down] = [number(width), number(height)];
  const mask = runs ? decodeRuns(runs, across, down) : decodeBrush(rle, across, down);
  return shape("image", {
    href: paintMask(mask, width, height, color),
    width: wide,
    height: high,
    preserveAspectRatio: "none",
    class: "desk-mask",
  });
}

function bitmask({ imageDataURL }, wide, high) {
  if (!String(imageDataURL).startsWith("data:image/png;base64,")) return null;
  return shape("image", {
    href: imageDataURL,
    width: wide,
    height: high,
    preserveAspectRatio: "none",
    class: "desk-mask",
  });
}

/**
 * A box and its key points, each by its name.
 * @param {any} geometry
 * @param {number} wide
 * @param {number} high
 * @returns {Element}
 */
function pose({ points, ...box }, wide, high) {
  const group = shape("g", {});
  group.append(rectangle(/** @type {any} */ (box), wide, high));
  for (const [name, [x, y]] of Object.entries(points ?? {})) {
    const dot = keypoint({ x, y, width: 0 }, wide, high);
    const title = shape("title", {});
    title.textContent = name;
    dot.append(title);
    group.append(dot);
  }
  return group;
}

const KINDS = { rectangle, ellipse, keypoint, polygon, brush, bitmask, pose };

/**
 * Whether the region is drawn on an image at all: choices and texts are not.
 * @param {{kind: string}} region
 * @returns {boolean}
 */
export function isDrawn(region) {
  return Object.hasOwn(KINDS, region.kind);
}

/**
 * The region's shape.
 * @param {{kind: string, geometry: any}} region
 * @param {number} wide the image's width in pixels
 * @param {number} high the image's height in pixels
 * @param {number[]} color red, green, blue
 * @returns {SVGElement | null} null for what cannot be drawn
 */
export function draw(region, wide, high, color) {
  try {
    return KINDS[region.kind](region.geometry ?? {}, wide, high, color);
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return null;
    throw error;
  }
}

/**
 * Where the region's name stands.
 * @param {{kind: string, geometry: any}} region
 * @returns {number[]} x and y in per cent of the image
 */
export function anchor({ kind, geometry }) {
  const { x, y, radiusX, radiusY, points } = geometry ?? {};
  if (kind === "ellipse") return [number(x) - number(radiusX), number(y) - number(radiusY)];
  if (kind === "polygon" && Array.isArray(points) && points.length > 0) {
    const tops = points.filter(Array.isArray).toSorted((one, two) => one[1] - two[1]);
    return tops.length > 0 ? [number(tops[0][0]), number(tops[0][1])] : [0, 0];
  }
  return [number(x), number(y)];
}
