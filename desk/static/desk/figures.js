// How numbers are written for people: short, but nothing that is there reads as nothing, what is not
// all does not read as all, and people's own numbers stay as they are. `predictions_api/wording.py`
// has the same rules for what the server writes.

// Parts of a number that sums of binary fractions are off by.
const OFF_BY = 1e-12;
const DASH = "–";

/**
 * Whether two numbers are one, but for what sums of binary fractions are off by.
 * @param {number} one
 * @param {number} other
 * @returns {boolean}
 */
export function isSame(one, other) {
  return Math.abs(one - other) <= OFF_BY * Math.max(Math.abs(one), Math.abs(other));
}

// With so many digits after the point; what is too large or too small for them by its powers of ten.
function written(value, digits) {
  const size = Math.abs(value);
  if (size > 0 && (size < 1e-9 || size >= 1e15)) return value.toExponential(Math.min(digits, 16));
  return value.toFixed(Math.min(digits, 16));
}

// The digits after the point that a number takes: those asked for, and more where its text would be
// one of the steps (of 1: whole numbers, of 100: whole per cent) though the number is not.
function digitsOf(value, least, steps) {
  const isStep = (number) => isSame(number * steps, Math.round(number * steps));
  if (isStep(value)) return least;
  let digits = least;
  while (digits < 16 && isStep(Number(written(value, digits)))) digits += 1;
  return digits;
}

// Digits after the point; none of what is written by its powers of ten.
const places = (text) => (/[.]\d+$/.exec(text)?.[0].length ?? 1) - 1;

function short(text, least) {
  return text.replace(new RegExp(`(\\.\\d{${least}}\\d*?)0+$`), "$1");
}

/**
 * A share, 0 to 1, with three digits after the point; more where they would say 0 or 1 of what is not.
 * @param {unknown} value
 * @returns {string} a dash for nothing
 */
export function share(value) {
  return typeof value === "number" ? written(value, digitsOf(value, 3, 1)) : DASH;
}

/**
 * A score of a prediction: thresholds are whole per cent, so that none reads as one that it is not.
 * @param {unknown} value
 * @param {number} least digits after the point
 * @returns {string} a dash for nothing
 */
export function scored(value, least = 3) {
  return typeof value === "number" ? written(value, digitsOf(value, least, 100)) : DASH;
}

// Four significant digits, three after the point.
function significant(value) {
  const size = Math.abs(value);
  if (size === 0 || size < 1e-9 || size >= 1e15) return 3;
  return digitsOf(value, Math.max(3, 3 - Math.floor(Math.log10(size))), 1);
}

/**
 * What is measured in a unit of its own, such as an error: four significant digits, and at least
 * three after the point.
 * @param {unknown} value
 * @returns {string} a dash for nothing
 */
export function measured(value) {
  return typeof value === "number" ? short(written(value, significant(value)), 3) : DASH;
}

/**
 * Numbers that stand beside each other to be compared: those that differ read differently, and where
 * one takes more digits the others have them, too, so that their difference can be read.
 * @param {unknown[]} values
 * @param {(value: unknown) => string} write how each is written where that tells them apart
 * @returns {string[]}
 */
export function apart(values, write = share) {
  const known = values.filter((value) => typeof value === "number");
  const isTold = (texts) =>
    known.every((one, n) => known.every((other, m) => isSame(one, other) || texts[n] !== texts[m]));
  const longer = (digits) => (value) => {
    const [text, more] = [write(value), short(written(value, digits), 3)];
    return text.length > more.length || text.includes("e") !== more.includes("e") ? text : more;
  };
  let shown = write;
  for (let digits = 4; digits < 17 && !isTold(known.map(shown)); digits += 1) shown = longer(digits);
  const most = Math.max(...known.map((value) => places(shown(value))));
  if (most > 3) shown = longer(most);
  return values.map((value) => (typeof value === "number" ? shown(value) : DASH));
}

/**
 * Somebody's own number, such as a barcode: all its digits, as it was given.
 * @param {number} value
 * @returns {string} by powers of ten where there are more digits than numbers here hold
 */
export function exact(value) {
  const isHeld = !Number.isInteger(value) || Number.isSafeInteger(value);
  return isHeld ? String(value) : value.toExponential();
}

/**
 * How far two of somebody's own numbers are apart, with as many digits as these have.
 * @param {number} one
 * @param {number} other
 * @returns {string}
 */
export function distance(one, other) {
  const far = Math.abs(one - other);
  const [first, second] = [exact(one), exact(other)];
  if (/e/.test(first + second)) return exact(Number(far.toPrecision(15)));
  const rounded = Number(far.toFixed(Math.max(places(first), places(second))));
  return exact(rounded === 0 ? far : rounded);
}

/**
 * The way a metric is written: where less is better it is an error, in a unit of its own.
 * @param {boolean} higherIsBetter
 * @returns {(value: unknown) => string}
 */
export const writerOf = (higherIsBetter) => (higherIsBetter ? share : measured);

/**
 * A probability with four digits after the point, and with more where they would say none, or 0.05
 * of one that is below it.
 * @param {number} value
 * @returns {string}
 */
export const probability = (value) => written(value, digitsOf(value, 4, 20));
