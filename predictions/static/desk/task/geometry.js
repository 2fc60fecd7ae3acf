// Shapes that are moved and resized, in per cent of the image as Label Studio writes them. Pure:
// each function gives only the keys of a value that change.

/** @typedef {[number, number]} Point x and y */

const HANDLES = [
  ["nw", 0, 0], ["n", 0.5, 0], ["ne", 1, 0], ["e", 1, 0.5],
  ["se", 1, 1], ["s", 0.5, 1], ["sw", 0, 1], ["w", 0, 0.5],
];

/**
 * What kind of shape a value is.
 * @param {any} value
 * @returns {string | null} rectangle, ellipse, polygon or keypoint; null for what cannot be changed
 */
export function kindOf(value) {
  const has = (...names) => names.every((name) => Number.isFinite(value?.[name]));
  if (value?.rle || value?.imageDataURL) return null;
  if (Array.isArray(value?.points) && value.points.length > 0) {
    const isPlain = value.points.every((point) => Array.isArray(point) && point.length >= 2 && point.every(Number.isFinite));
    return isPlain ? "polygon" : null;
  }
  if (has("x", "y", "radiusX", "radiusY")) return "ellipse";
  if (has("x", "y", "width", "height")) return "rectangle";
  return has("x", "y") ? "keypoint" : null;
}

// A vector turned by degrees.
function turned([x, y], degrees) {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return degrees ? [x * cos - y * sin, x * sin + y * cos] : [x, y];
}

// From a shape's own axes, in pixels from its origin, to the image's pixels; and back.
function outwards(value, [wide, high], point) {
  const [x, y] = turned(point, value.rotation ?? 0);
  return [(value.x * wide) / 100 + x, (value.y * high) / 100 + y];
}

function inwards(value, [wide, high], [x, y]) {
  return turned([x - (value.x * wide) / 100, y - (value.y * high) / 100], -(value.rotation ?? 0));
}

/**
 * Where a shape can be taken hold of.
 * @param {any} value
 * @param {Point} size of the image in pixels
 * @returns {Array<{name: string, x: number, y: number}>} in pixels; a polygon's are its points
 */
export function handlesOf(value, size) {
  const kind = kindOf(value);
  const [wide, high] = size;
  if (kind === "polygon") {
    return value.points.map(([x, y], at) => ({ name: String(at), x: (x * wide) / 100, y: (y * high) / 100 }));
  }
  if (kind === "ellipse") {
    const [rx, ry] = [(value.radiusX * wide) / 100, (value.radiusY * high) / 100];
    return [["e", rx, 0], ["s", 0, ry], ["w", -rx, 0], ["n", 0, -ry]].map(([name, dx, dy]) => {
      const [x, y] = outwards(value, size, [dx, dy]);
      return { name: String(name), x, y };
    });
  }
  if (kind !== "rectangle") return [];
  const [width, height] = [(value.width * wide) / 100, (value.height * high) / 100];
  return HANDLES.map(([name, across, down]) => {
    const [x, y] = outwards(value, size, [Number(across) * width, Number(down) * height]);
    return { name: String(name), x, y };
  });
}

/**
 * The least upright box around a shape.
 * @param {any} value
 * @param {Point} size of the image in pixels
 * @returns {{left: number, top: number, right: number, bottom: number}} in per cent
 */
export function boundsOf(value, size) {
  const [wide, high] = size;
  const kind = kindOf(value);
  let xs = [value.x];
  let ys = [value.y];
  if (kind === "polygon") {
    xs = value.points.map(([x]) => x);
    ys = value.points.map(([, y]) => y);
  } else if (kind === "rectangle") {
    const corners = handlesOf(value, size).filter(({ name }) => name.length === 2);
    xs = corners.map(({ x }) => (x * 100) / wide);
    ys = corners.map(({ y }) => (y * 100) / high);
  } else if (kind === "ellipse") {
    const angle = ((value.rotation ?? 0) * Math.PI) / 180;
    const [rx, ry] = [(value.radiusX * wide) / 100, (value.radiusY * high) / 100];
    const dx = (Math.hypot(rx * Math.cos(angle), ry * Math.sin(angle)) * 100) / wide;
    const dy = (Math.hypot(rx * Math.sin(angle), ry * Math.cos(angle)) * 100) / high;
    xs = [value.x - dx, value.x + dx];
    ys = [value.y - dy, value.y + dy];
  }
  return { left: Math.min(...xs), top: Math.min(...ys), right: Math.max(...xs), bottom: Math.max(...ys) };
}

// How far it may go without leaving the image; what is outside already may come back.
function within(step, least, most) {
  return Math.min(Math.max(step, Math.min(0, -least)), Math.max(0, 100 - most));
}

/**
 * The shape elsewhere, as far as it stays on the image.
 * @param {any} value
 * @param {number} dx to the right, in per cent of the image
 * @param {number} dy down, in per cent of the image
 * @param {Point} size of the image in pixels
 * @returns {Record<string, any>} `points`, or `x` and `y`
 */
export function moved(value, dx, dy, size) {
  const { left, top, right, bottom } = boundsOf(value, size);
  const [across, down] = [within(dx, left, right), within(dy, top, bottom)];
  if (kindOf(value) === "polygon") {
    return { points: value.points.map(([x, y, ...more]) => [x + across, y + down, ...more]) };
  }
  return { x: value.x + across, y: value.y + down };
}

function clamped([x, y]) {
  return [Math.min(Math.max(x, 0), 100), Math.min(Math.max(y, 0), 100)];
}

function resizedBox(value, handle, at, size) {
  const [wide, high] = size;
  const [x, y] = inwards(value, size, [(at[0] * wide) / 100, (at[1] * high) / 100]);
  let [left, top, right, bottom] = [0, 0, (value.width * wide) / 100, (value.height * high) / 100];
  if (handle.includes("w")) left = x;
  if (handle.includes("e")) right = x;
  if (handle.includes("n")) top = y;
  if (handle.includes("s")) bottom = y;
  // Dragged over to the other side.
  [left, right] = [Math.min(left, right), Math.max(left, right)];
  [top, bottom] = [Math.min(top, bottom), Math.max(top, bottom)];
  const changed = {};
  if (left !== 0 || top !== 0) {
    const [originX, originY] = outwards(value, size, [left, top]);
    // Upright, an edge that nobody holds stays exactly where it is.
    if (left !== 0 || value.rotation) changed.x = (originX * 100) / wide;
    if (top !== 0 || value.rotation) changed.y = (originY * 100) / high;
  }
  if (/[ew]/.test(handle)) changed.width = ((right - left) * 100) / wide;
  if (/[ns]/.test(handle)) changed.height = ((bottom - top) * 100) / high;
  return changed;
}

function resizedEllipse(value, handle, at, size) {
  const [wide, high] = size;
  const [x, y] = inwards(value, size, [(at[0] * wide) / 100, (at[1] * high) / 100]);
  return /[ew]/.test(handle) ? { radiusX: (Math.abs(x) * 100) / wide } : { radiusY: (Math.abs(y) * 100) / high };
}

/**
 * The shape with one of its handles at another place.
 * @param {any} value
 * @param {string} handle as `handlesOf` names it
 * @param {Point} at in per cent of the image; what is outside is taken to its edge
 * @param {Point} size of the image in pixels
 * @returns {Record<string, any>} empty for a handle that it does not have
 */
export function resized(value, handle, at, size) {
  const kind = kindOf(value);
  const place = clamped(at);
  if (kind === "rectangle") return resizedBox(value, handle, place, size);
  if (kind === "ellipse") return resizedEllipse(value, handle, place, size);
  if (kind !== "polygon" || !(Number(handle) in value.points)) return {};
  return {
    points: value.points.map((point, n) => (n === Number(handle) ? [...place, ...point.slice(2)] : point)),
  };
}

/**
 * The polygon with a point more, half way to the next one.
 * @param {any} value
 * @param {number} after the place of a point
 * @returns {Record<string, any>}
 */
export function withPoint(value, after) {
  const { points } = value;
  const [one, two] = [points[after], points[(after + 1) % points.length]];
  return { points: points.toSpliced(after + 1, 0, [(one[0] + two[0]) / 2, (one[1] + two[1]) / 2]) };
}

/**
 * The polygon without one of its points.
 * @param {any} value
 * @param {number} at the place of the point
 * @returns {Record<string, any>} empty where only three are left
 */
export function withoutPoint(value, at) {
  return value.points.length > 3 ? { points: value.points.toSpliced(at, 1) } : {};
}

/**
 * The geometry of a new shape that was drawn from one place to another.
 * @param {string} kind rectangle, ellipse or keypoint
 * @param {Point} from in per cent of the image
 * @param {Point} to in per cent of the image
 * @returns {Record<string, number>}
 */
export function drawnFrom(kind, from, to) {
  const [[x1, y1], [x2, y2]] = [clamped(from), clamped(to)];
  const box = { x: Math.min(x1, x2), y: Math.min(y1, y2), width: Math.abs(x2 - x1), height: Math.abs(y2 - y1) };
  if (kind === "keypoint") return { x: x2, y: y2, width: 0.5 };
  if (kind === "rectangle") return { ...box, rotation: 0 };
  return {
    x: box.x + box.width / 2,
    y: box.y + box.height / 2,
    radiusX: box.width / 2,
    radiusY: box.height / 2,
    rotation: 0,
  };
}

/**
 * The geometry of a shape in the middle of an image, for who draws without a pointer.
 * @param {string} kind rectangle, ellipse, polygon or keypoint
 * @returns {Record<string, any>}
 */
export function inTheMiddle(kind) {
  if (kind === "polygon") return { points: [[50, 40], [60, 50], [50, 60], [40, 50]], closed: true };
  return kind === "keypoint" ? drawnFrom(kind, [50, 50], [50, 50]) : drawnFrom(kind, [40, 40], [60, 60]);
}
