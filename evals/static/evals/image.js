// One image: what is there, what was said, what became of each.

import { scored } from "../desk/figures.js";
import { Viewer } from "../desk/viewer.js";
import { answer } from "./answers.js";
import { fetchCards, isPictured, predictionPage, scoresOf, taskPage, withIds } from "./cards.js";
import { count, el, fill, share, table } from "./dom.js";
import { api } from "./server.js";
import { config, read, watch } from "./state.js";
import { WORDS } from "./verdicts.js";

/**
 * One image with its objects.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function image(panel) {
  const show = () => {
    const { confidence } = read();
    const id = config.imageId;
    fill(
      panel,
      fetchCards({ image: [id], confidence }).then(async (cards) => {
        const card = cards.get(id);
        const route = `image-predictions/${encodeURIComponent(id)}`;
        const found = await api(route, { confidence }).catch((error) => ({ problem: error }));
        return [
          facts(card),
          el("div", { class: "ev-columns" }, [
            isPictured(card) ? large(card) : null,
            answer(card.answer),
            found.problem
              ? el("p", { class: "ev-problem", role: "alert" }, found.problem.message)
              : el("div", {}, sides(found)),
          ]),
        ];
      }),
    );
  };
  watch(["confidence"], show);
  show();
}

function facts(card) {
  const { stats } = card;
  const [prediction, task] = [predictionPage(card), taskPage(card)];
  return el(
    "p",
    { class: "ev-facts" },
    el("strong", {}, card.imageName),
    el("span", {}, card.split),
    el("span", {}, `${count(stats.truePositives)} right`),
    el("span", {}, `${count(stats.falsePositives)} false positives`),
    el("span", {}, `${count(stats.falseNegatives)} missed`),
    el("span", {}, `F1 ${share(scoresOf(stats).f1)}`),
    prediction && el("a", { href: prediction }, "To the prediction"),
    task && el("a", { href: task }, "Correct it on the task's page"),
  );
}

// The viewer of the desk; moving the slider keeps what a person chose to hide.
let hidden = {};
let score = 0;

function large(card) {
  const host = el("div", { class: "ev-viewer" });
  new Viewer(host, {
    image: card.image,
    alt: card.imageName,
    regions: withIds(card.regions ?? []),
    hidden,
    score,
    changed: (choice) => {
      ({ hidden, score } = choice);
    },
  });
  return host;
}

function sides(found) {
  const match = (object, others) =>
    object.matched === null ? "–" : `${others[object.matched]?.class} (#${object.matched + 1})`;
  const verdict = (object) =>
    object.crowd ? WORDS.crowd : (WORDS[object.verdict] ?? object.verdict ?? "–");
  const truths = found.groundTruth.map((one) => [
    `#${one.index + 1}`,
    one.class,
    verdict(one),
    match(one, found.predictions),
    scored(one.iou),
  ]);
  const said = found.predictions.map((one) => [
    `#${one.index + 1}`,
    one.class,
    scored(one.score),
    one.verdict === null && !one.crowd ? "below the confidence" : verdict(one),
    match(one, found.groundTruth),
    scored(one.iou),
  ]);
  return [
    el("h3", {}, "Ground truth"),
    truths.length
      ? scroll("Ground truth", ["", "Class", "Verdict", "Matched", "IoU"], truths)
      : el("p", {}, "Nothing is there."),
    el("h3", {}, "Predictions"),
    said.length
      ? scroll("Predictions", ["", "Class", "Score", "Verdict", "Matched", "IoU"], said)
      : el("p", {}, "Nothing was predicted."),
  ];
}

function scroll(name, heads, rows) {
  const region = { class: "ev-scroll ev-all", tabindex: "0", role: "region", "aria-label": name };
  const named = heads.map((head) => head || el("th", { scope: "col" }, "#"));
  return el("div", region, table(name, named, rows, { class: "ev-table ev-objects ev-stacked" }));
}
