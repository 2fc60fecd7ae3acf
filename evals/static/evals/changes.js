// How far numbers moved: always with a sign, better and worse in two colours that everybody tells apart.

import { count, el } from "./dom.js";

/** The probability below which a change is taken for more than chance. */
export const SIGNIFICANT = 0.05;

const MINUS = "−";

/**
 * A number with its sign, three decimals.
 * @param {number} moved
 * @returns {string} ± for none
 */
export function signed(moved) {
  const sign = moved > 0 ? "+" : moved < 0 ? MINUS : "±";
  return `${sign}${Math.abs(moved).toFixed(3)}`;
}

/**
 * Three decimals, a true minus.
 * @param {number} value
 * @returns {string}
 */
export const plain = (value) => value.toFixed(3).replace("-", MINUS);

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
  const moved = Number((after - before).toFixed(6));
  return coloured(signed(moved), moved, higherIsBetter);
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
