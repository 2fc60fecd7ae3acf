// Stretches of time, ground truth above detections, each in the colour of what became of it.

import { exact, scored } from "../desk/figures.js";
import { el } from "./dom.js";
import { WORDS } from "./verdicts.js";

const SIDES = [
  ["ground_truth", "Ground truth"],
  ["prediction", "Predictions"],
];

/**
 * The stretches of one task.
 * @param {{stretches: [any, any, any, any, any, any][], isCut: boolean}} found [side, class, start, end, verdict, score]
 * @returns {HTMLElement}
 */
export function timeline({ stretches, isCut }) {
  const first = Math.min(...stretches.map(([, , start]) => start));
  const last = Math.max(...stretches.map(([, , , end]) => end));
  const length = last - first || 1;
  const lanes = SIDES.map(([side, name]) => {
    const mine = stretches.filter(([of]) => of === side);
    const lane = el("div", { class: "ev-lane", role: "list", "aria-label": name });
    lane.append(...mine.map((one) => bar(one, first, length)));
    return el("div", {}, el("span", { class: "ev-note" }, name), lane);
  });
  const ends = stretches.length ? [exact(first), exact(last)] : ["No ground truth and no detection."];
  return el(
    "div",
    { class: "ev-answer" },
    lanes,
    el("p", { class: "ev-note ev-ends" }, ends.map((end) => el("span", {}, end))),
    isCut ? el("p", { class: "ev-note" }, "Only the first are shown.") : null,
  );
}

function bar([, name, start, end, verdict, score], first, length) {
  const word = verdict === null ? "" : `, ${WORDS[verdict]}`;
  const sure = score === null ? "" : `, score ${scored(score)}`;
  const text = `${name} ${exact(start)} to ${exact(end)}${word}${sure}`;
  const one = el("span", { class: `ev-stretch ev-${verdict}`, role: "listitem", title: text }, name);
  one.style.left = `${(100 * (start - first)) / length}%`;
  one.style.width = `${(100 * (end - start)) / length}%`;
  return one;
}
