// What is not drawn on an image: a task's own texts, and choices, texts and passages about them.

import { scored } from "./figures.js";
import { element } from "./safe.js";
import { charactersOf } from "./task/spans.js";

const SIDES = { prediction: "Predicted", ground_truth: "Ground truth" };
const LONGEST = 20_000;

/**
 * The task's texts, with the passages that either side marks in the first one.
 * @param {HTMLElement} host
 * @param {Array<[string, string]>} texts name and text of each
 * @param {any[]} regions those with a `passage`, [start, end], are marked
 * @returns {void}
 */
export function showTexts(host, texts, regions) {
  host.replaceChildren(
    ...texts.map(([name, text], at) => {
      const passages = at === 0 ? regions.filter((region) => region.passage) : [];
      const characters = charactersOf(text);
      const shown = characters.slice(0, LONGEST);
      return element(
        "div",
        { class: "desk-text" },
        element("h3", {}, name),
        element("p", {}, ...marked(shown, passages), characters.length > LONGEST ? " …" : null),
      );
    }),
  );
}

// The text, given as its characters, in pieces, those inside passages as <mark>.
function marked(text, passages) {
  const cuts = new Set([0, text.length]);
  for (const { passage } of passages) {
    for (const at of passage) if (at > 0 && at < text.length) cuts.add(at);
  }
  const places = [...cuts].toSorted((one, two) => one - two);
  return places.slice(0, -1).map((from, n) => {
    const to = places[n + 1];
    const inside = passages.filter(({ passage: [start, end] }) => start <= from && to <= end);
    const piece = text.slice(from, to).join("");
    if (inside.length === 0) return piece;
    const names = inside.map(({ side, label }) => `${SIDES[side]}: ${label}`).join(", ");
    const truth = inside.every(({ side }) => side === "ground_truth");
    const kind = truth ? "desk-mark desk-ground_truth" : "desk-mark";
    return element("mark", { class: kind, title: names }, piece);
  });
}

/**
 * A table of choices, texts and numbers by control: what either side says.
 * @param {HTMLElement} host
 * @param {any[]} regions those with `values` are shown
 * @returns {void}
 */
export function showAnswers(host, regions) {
  const said = regions.filter((region) => region.values && region.values.length + region.label.length > 0);
  const plain = said.filter((region) => !region.passage);
  if (plain.length === 0) return host.replaceChildren();
  const names = [...new Set(plain.map((region) => region.name))];
  const cell = (name, side) => {
    const mine = plain.filter((region) => region.name === name && region.side === side);
    const texts = mine.map(({ values, label, score }) => {
      const words = values.length > 0 ? values.join(", ") : label;
      return score === null || side === "ground_truth" ? words : `${words} (${scored(score, 2)})`;
    });
    return element("td", {}, texts.join("; ") || "-");
  };
  const agree = (name) => {
    const of = (side) =>
      plain
        .filter((region) => region.name === name && region.side === side)
        .flatMap((region) => (region.values.length > 0 ? region.values : [region.label]))
        .toSorted();
    const [one, two] = [of("prediction"), of("ground_truth")];
    if (one.length === 0 || two.length === 0) return element("td", {}, "-");
    const same = JSON.stringify(one) === JSON.stringify(two);
    return element("td", { class: same ? "desk-good" : "desk-bad" }, same ? "the same" : "differs");
  };
  const head = ["Answer", SIDES.prediction, SIDES.ground_truth, ""].map((text) =>
    element("th", text ? { scope: "col" } : {}, text || element("span", { class: "sr-only" }, "Agreement")),
  );
  host.replaceChildren(
    element(
      "table",
      { class: "desk-table" },
      element("thead", {}, element("tr", {}, ...head)),
      element(
        "tbody",
        {},
        ...names.map((name) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, name || "-"),
            cell(name, "prediction"),
            cell(name, "ground_truth"),
            agree(name),
          ),
        ),
      ),
    ),
  );
}
