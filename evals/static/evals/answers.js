// Answers about whole tasks, beside their picture or instead of it: texts with their edits, numbers, spans.

import { distance, exact, scored } from "../desk/figures.js";
import { el } from "./dom.js";
import { timeline } from "./timeline.js";
import { WORDS } from "./verdicts.js";

/**
 * How the said answer differs from the true one.
 * @param {any} found a card's `answer`
 * @returns {HTMLElement | null} null where there is none
 */
export function answer(found) {
  if (!found) return null;
  if (found.stretches) return timeline(found);
  if (found.marked) return spans(found);
  return el(
    "div",
    { class: "ev-answer" },
    found.edits ? el("p", { class: "ev-edits" }, found.edits.flatMap(stretch)) : numbers(found),
    el("p", { class: "ev-note" }, notes(found).join(" ")),
  );
}

// The spans of both sides, each in the text.
function spans({ marked, isCut }) {
  return el(
    "div",
    { class: "ev-answer" },
    side("Ground truth", marked.truth),
    side("Predictions", marked.said),
    isCut ? el("p", { class: "ev-note" }, "Only the beginning is shown.") : null,
  );
}

function side(title, { spans: marks, pieces }) {
  const begun = new Set();
  const called = ([name, verdict, score]) =>
    `${name}: ${WORDS[verdict]}${score === null ? "" : `, score ${scored(score)}`}`;
  const piece = ([text, places]) => {
    if (!places.length) return [text];
    const names = places.filter((place) => !begun.has(place)).map((place) => marks[place][0]);
    places.forEach((place) => begun.add(place));
    const wrong = places.some((place) => marks[place][1] !== "tp");
    return [
      el(
        "mark",
        { class: wrong ? "ev-wrong" : "ev-right", title: places.map((place) => called(marks[place])).join("; ") },
        text,
        names.length ? el("small", {}, ` ${names.join(", ")}`) : null,
      ),
    ];
  };
  const shown = pieces.flatMap(piece);
  // Those that have no place in the text.
  const rest = marks.filter((_, place) => !begun.has(place)).map(called);
  return el(
    "section",
    {},
    el("h4", {}, title),
    shown.length ? el("p", { class: "ev-edits" }, shown) : null,
    rest.length ? el("ul", {}, rest.map((text) => el("li", {}, text))) : null,
  );
}

// What is of the truth alone is struck out, what is of the answer alone is marked.
function stretch([operation, truth, said]) {
  if (operation === "equal") return [truth];
  return [truth && el("del", {}, visible(truth)), said && el("ins", {}, visible(said))];
}

// A changed space or line break would not be seen.
const visible = (text) => text.replaceAll("\n", "⏎\n").replaceAll(" ", "\u00a0");

function numbers({ truth, said }) {
  const shown = (number) => (number === null ? "nothing" : exact(number));
  const off = truth === null || said === null ? "" : `, off by ${distance(truth, said)}`;
  return el("p", {}, `ground truth ${shown(truth)}, predicted ${shown(said)}${off}`);
}

function notes({ truth, said, score, isKept, isCut }) {
  return [
    truth === null ? "There is no true answer." : "",
    said === null ? "Nothing was answered." : `Score ${scored(score)}${isKept ? "" : ", below the confidence"}.`,
    isCut ? "Only the beginning is shown." : "",
  ].filter(Boolean);
}
