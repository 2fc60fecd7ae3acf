// Outlines drawn around points of the map: in the address, as Plotly reports and draws them.

/**
 * The corners of a closed outline, in the units of the map.
 * @typedef {{x: number[], y: number[]}} Outline
 */

// At most so many corners go into the address.
const CORNERS = 60;

/**
 * The outline in the text of an address: x and y of its corners, one after the other.
 * @param {string | null} text
 * @returns {Outline | null} null for fewer than three corners, and for anything but numbers
 */
export function parseOutline(text) {
  const numbers = (text ?? "").split(",").map(Number);
  if (numbers.length < 6 || numbers.some((n) => !Number.isFinite(n))) return null;
  const x = numbers.filter((_, at) => at % 2 === 0);
  return { x, y: numbers.filter((_, at) => at % 2 === 1).slice(0, x.length) };
}

/**
 * The text of an outline for the address: every n-th of its corners, five digits of each number.
 * @param {Outline} outline
 * @returns {string}
 */
export function outlineText({ x: xs, y: ys }) {
  const step = Math.max(1, Math.ceil(xs.length / CORNERS));
  const kept = xs.map((x, at) => [x, ys[at]]).filter((_, at) => at % step === 0);
  return kept.map(([x, y]) => `${Number(x.toPrecision(5))},${Number(y.toPrecision(5))}`).join(",");
}

/**
 * A box as an outline.
 * @param {number[]} x its left and right edge
 * @param {number[]} y its lower and upper edge
 * @returns {Outline}
 */
export function boxOutline([left, right], [low, high]) {
  return { x: [left, right, right, left], y: [low, low, high, high] };
}

/**
 * The outline as the path of an SVG or Plotly shape.
 * @param {Outline} outline
 * @returns {string}
 */
export function outlinePath({ x, y }) {
  return `M${x.map((one, at) => `${one},${y[at]}`).join("L")}Z`;
}

/**
 * Which points are inside an outline, by the even-odd rule.
 * @param {{x: ArrayLike<number>, y: ArrayLike<number>}} points
 * @param {Outline} outline
 * @returns {number[]} their indices, ascending
 */
export function pointsInside(points, { x, y }) {
  const chosen = [];
  for (let at = 0; at < points.x.length; at += 1) {
    const [px, py] = [points.x[at], points.y[at]];
    let is = false;
    for (let one = 0, other = x.length - 1; one < x.length; other = one, one += 1) {
      const crosses = y[one] > py !== y[other] > py;
      if (crosses && px < ((x[other] - x[one]) * (py - y[one])) / (y[other] - y[one]) + x[one]) {
        is = !is;
      }
    }
    if (is) chosen.push(at);
  }
  return chosen;
}
