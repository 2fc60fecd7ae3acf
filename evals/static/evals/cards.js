// Images with what is drawn on them: thumbnails of a list, and one large.

import { thumbnail } from "../desk/regions.js";
import { answer } from "./answers.js";
import { count, el, share } from "./dom.js";
import { desk } from "./server.js";
import { config, page, read } from "./state.js";

/** How many cards the server gives at a time. */
export const MOST = 50;

/**
 * Cards by image id, as many at a time as the server answers.
 * @param {{position?: number[], image?: string[], confidence?: number}} wanted which images
 * @param {string} evaluation its id, this page's unless given
 * @returns {Promise<Map<string, any>>} with `regions` one by one; null where they are not known
 */
export async function fetchCards(wanted, evaluation = config.evalId) {
  const body = await desk("cards", wanted, evaluation);
  return new Map(body.cards.map((card) => [card.imageId, { ...card, regions: unpack(card) }]));
}

// What is drawn, which comes in columns, one by one; null where it is not known.
function unpack({ regions }) {
  if (regions === null) return null;
  const one = (side, { verdicts, scores, boxes, shapes }) => (label, at) => {
    const [x, y, width, height] = boxes.slice(4 * at, 4 * at + 4);
    const box = { kind: "rectangle", geometry: { x, y, width, height } };
    const said = { label, side, verdict: verdicts[at], score: scores?.[at] ?? null };
    return { ...box, ...shapes[at], ...said };
  };
  const { groundTruth, predictions } = regions;
  return [
    ...groundTruth.labels.map(one("ground_truth", groundTruth)),
    ...predictions.labels.map(one("prediction", predictions)),
  ];
}

/**
 * The address of an image's page.
 * @param {string} imageId
 * @param {string | null} evaluation its id, this page's unless given
 * @returns {string}
 */
export function imagePage(imageId, evaluation = null) {
  const path = page(`images/${encodeURIComponent(imageId)}/`);
  return evaluation ? path.replace(config.evalId, evaluation) : path;
}

/**
 * The address of the prediction behind a card.
 * @param {{predictionId: number | null} | undefined} card
 * @param {string} evaluation its id, this page's unless given
 * @returns {string | null} null if there is none
 */
export function predictionPage(card, evaluation = config.evalId) {
  if (card?.predictionId === null || card?.predictionId === undefined) return null;
  return `/admin/predictions/prediction/${card.predictionId}/review/?${shown(evaluation)}`;
}

/**
 * The address of the task behind a card, where its annotations are corrected.
 * @param {{taskId: number | null} | undefined} card
 * @param {string} evaluation its id, this page's unless given
 * @returns {string | null} null if there is none
 */
export function taskPage(card, evaluation = config.evalId) {
  if (card?.taskId === null || card?.taskId === undefined) return null;
  return `/admin/predictions/task/${card.taskId}/review/?${shown(evaluation)}`;
}

const shown = (evaluation) =>
  new URLSearchParams({ evaluation, confidence: String(read().confidence) });

/**
 * The picture with its regions. Labels have the order of the classes, so that their colours stay.
 * @param {any} card
 * @param {string} description for a screen reader
 * @returns {HTMLElement}
 */
export function picture(card, description = "") {
  const host = el("span", { class: "ev-picture" });
  const regions = card?.regions ?? [];
  thumbnail(host, {
    image: card?.image ?? null,
    alt: description,
    regions: withIds(regions),
    labels: config.classes,
  });
  return host;
}

/**
 * Whether there is a picture to show, or one that is missing: not of a task that is no image.
 * @param {any} card
 * @returns {boolean}
 */
export function isPictured(card) {
  return Boolean(card?.image) || (!card?.answer && config.unit !== "task");
}

/**
 * The regions, numbered.
 * @param {object[]} regions
 * @returns {object[]}
 */
export function withIds(regions) {
  return regions.map((region, id) => ({ ...region, id }));
}

/**
 * Precision, recall and F1 of one image. The API rounds them to three decimals: what is 0 or 1 by
 * that alone is that of the counts.
 * @param {any} stats as the API has them
 * @returns {{precision: number, recall: number, f1: number}}
 */
export function scoresOf(stats) {
  const { truePositives: right, falsePositives: wrong, falseNegatives: missed } = stats;
  const counted = {
    precision: right / (right + wrong),
    recall: right / (right + missed),
    f1: (2 * right) / (2 * right + wrong + missed),
  };
  // Nothing at all scores 1; what an imported file says of an image may be of other counts.
  const told = (name) => {
    const isRounded = Math.abs(counted[name] - stats[name]) <= 0.0005 && [0, 1].includes(stats[name]);
    return isRounded ? counted[name] : stats[name];
  };
  return { precision: told("precision"), recall: told("recall"), f1: told("f1") };
}

// What was said of whole images, where labels are compared: `cat, called dog`.
function called(card) {
  const name = (label) => config.classes[label] ?? "nothing";
  return card.confusion
    .map(([actual, predicted]) =>
      actual === predicted ? `${name(actual)}, right` : `${name(actual)}, called ${name(predicted)}`,
    )
    .join("; ");
}

/**
 * A figure: thumbnail, name, counts, and the ways on from here.
 * @param {any} card
 * @param {{evaluation?: string | null, note?: string | null}} options the card's evaluation if it is
 *   another one; a text in place of the counts
 * @returns {HTMLElement}
 */
export function figure(card, { evaluation = null, note = null } = {}) {
  const { stats } = card;
  const counted =
    `${count(stats.truePositives)} right, ${count(stats.falsePositives)} false positives, ` +
    `${count(stats.falseNegatives)} missed, F1 ${share(scoresOf(stats).f1)}`;
  const text = ["classes", "tree"].includes(config.drawing) ? called(card) : counted;
  const prediction = predictionPage(card, evaluation ?? config.evalId);
  return el(
    "figure",
    { class: "ev-card" },
    !isPictured(card)
      ? null
      : el("a", { href: imagePage(card.imageId, evaluation) }, picture(card, card.imageName)),
    answer(card.answer),
    el(
      "figcaption",
      {},
      !isPictured(card)
        ? el("a", { href: imagePage(card.imageId, evaluation) }, card.imageName)
        : el("strong", {}, card.imageName),
      el("span", {}, note ?? text),
      prediction && el("a", { href: prediction }, "Prediction"),
    ),
  );
}

/**
 * Figures side by side.
 * @param {any[]} cards
 * @returns {HTMLElement}
 */
export function gallery(cards) {
  return el("div", { class: "ev-gallery" }, cards.map((card) => figure(card)));
}
