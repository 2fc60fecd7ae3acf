// How far numbers moved: always with a sign, better and worse in two colours that everybody tells apart.

import { isSame, share, writerOf } from "../desk/figures.js";
import { count, el } from "./dom.js";

/** The probability below which a change is taken for more than chance. */
export const SIGNIFICANT = 0.05;

const MINUS = "−";

/**
 * How far a number moved.
 * @param {number} before
 * @param {number} after
 * @returns {number} 0 where only sums of binary fractions differ
 */
export const movedBy = (before, after) => (isSame(before, after) ? 0 : after - before);

/**
 * A number with its sign.
 * @param {number} moved
 * @param {(value: number) => string} write
 * @returns {string} ± for none
 */
export function signed(moved, write = share) {
  const sign = moved > 0 ? "+" : moved < 0 ? MINUS : "±";
  return `${sign}${write(Math.abs(moved))}`;
}

/**
 * A share, with a true minus.
 * @param {number} value
 * @returns {string}
 */
export const plain = (value) => share(value).replace("-", MINUS);

function coloured(text, moved, higherIsBetter) {
  const isBetter = moved > 0 === higherIsBetter;
  const kind = moved === 0 ? "" : isBetter ? "ev-better" : "ev-worse";
  const word = moved === 0 ? "the same" : isBetter ? "better" : "worse";
  return el("span", { class: kind, title: word }, text);
}

/**
 * From one score to another.
 * @param {unknown} before
 * @param {unknown} after
 * @param {boolean} higherIsBetter
 * @returns {HTMLElement | string} a dash where one of them is missing
 */
export function change(before, after, higherIsBetter = true) {
  if (typeof before !== "number" || typeof after !== "number") return "–";
  const moved = movedBy(before, after);
  return coloured(signed(moved, writerOf(higherIsBetter)), moved, higherIsBetter);
}

/**
 * From one count of errors to another: fewer is better.
 * @param {number} before
 * @param {number} after
 * @returns {HTMLElement}
 */
export function errorChange(before, after) {
  const moved = after - before;
  const sign = moved > 0 ? "+" : moved < 0 ? MINUS : "±";
  return coloured(`${sign}${count(Math.abs(moved))}`, moved, false);
}

/**
 * Whether a change is more than chance, in a word.
 * @param {{difference: number, pValue: number}} found
 * @returns {"better" | "worse" | "may be chance"}
 */
export function verdict({ difference, pValue }) {
  if (pValue >= SIGNIFICANT) return "may be chance";
  return difference > 0 ? "better" : "worse";
}
