// Answers about whole tasks, beside their picture or instead of it: texts with their edits, numbers.

import { el, share } from "./dom.js";

/**
 * How the said answer differs from the true one.
 * @param {any} found a card's `answer`
 * @returns {HTMLElement | null} null where there is none
 */
export function answer(found) {
  if (!found) return null;
  return el(
    "div",
    { class: "ev-answer" },
    found.edits ? el("p", { class: "ev-edits" }, found.edits.flatMap(stretch)) : numbers(found),
    el("p", { class: "ev-note" }, notes(found).join(" ")),
  );
}

// What is of the truth alone is struck out, what is of the answer alone is marked.
function stretch([operation, truth, said]) {
  if (operation === "equal") return [truth];
  return [truth && el("del", {}, visible(truth)), said && el("ins", {}, visible(said))];
}

// A changed space or line break would not be seen.
const visible = (text) => text.replaceAll("\n", "⏎\n").replaceAll(" ", "\u00a0");

const plain = (number) => Number(number.toPrecision(12)).toLocaleString("en", { maximumFractionDigits: 9 });

function numbers({ truth, said }) {
  const shown = (number) => (number === null ? "nothing" : plain(number));
  const off = truth === null || said === null ? "" : `, off by ${plain(Math.abs(said - truth))}`;
  return el("p", {}, `true ${shown(truth)}, said ${shown(said)}${off}`);
}

function notes({ truth, said, score, isKept, isCut }) {
  return [
    truth === null ? "There is no true answer." : "",
    said === null ? "Nothing was answered." : `Score ${share(score)}${isKept ? "" : ", below the confidence"}.`,
    isCut ? "Only the beginning is shown." : "",
  ].filter(Boolean);
}
