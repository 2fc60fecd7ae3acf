// The colours of charts and of points on the map.

/** Okabe and Ito's palette without its yellow: told apart with any colour vision, light or dark. */
export const PALETTE = [
  "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c6bb1", "#7f7f7f",
];

const GREY = PALETTE[PALETTE.length - 1];
const GROUPS = PALETTE.slice(0, -1);

/**
 * The colour of a group: the palette in turn, grey for noise.
 * @param {number} id negative for points in no group
 * @returns {string} `#rrggbb`
 */
export function groupColour(id) {
  return id < 0 ? GREY : GROUPS[id % GROUPS.length];
}

// From vermilion, all wrong, over yellow to blue, all right: told apart with any colour vision.
const STOPS = ["#d55e00", "#e69f00", "#56b4e9", "#0072b2"];

/**
 * @param {string} colour `#rrggbb`
 * @returns {number[]} red, green, blue
 */
const channels = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/**
 * The colour of a share such as F1.
 * @param {number} value 0 to 1; others are taken as the nearer end
 * @returns {string} `rgb(r g b)`
 */
export function shareColour(value) {
  const place = Math.min(Math.max(value, 0), 1) * (STOPS.length - 1);
  const below = Math.min(Math.floor(place), STOPS.length - 2);
  const [from, to] = [channels(STOPS[below]), channels(STOPS[below + 1])];
  const mixed = from.map((one, n) => Math.round(one + (to[n] - one) * (place - below)));
  return `rgb(${mixed.join(", ")})`;
}
