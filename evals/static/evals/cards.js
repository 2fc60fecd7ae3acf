// Images with what is drawn on them: thumbnails of a list, and one large.

import { count, el, share, svg } from "./dom.js";
import { desk } from "./server.js";
import { config, page } from "./state.js";

const COLOURS = { tp: "ev-tp", fp: "ev-fp", fn: "ev-fn", wrong_class: "ev-wc" };
export const WORDS = {
  tp: "right",
  fp: "false positive",
  fn: "missed",
  wrong_class: "wrong class",
};
export const MOST = 50;

// Cards by image id, as many at a time as the server answers.
export async function fetchCards(wanted, evaluation = config.evalId) {
  const body = await desk("cards", wanted, evaluation);
  return new Map(body.cards.map((card) => [card.imageId, card]));
}

export function imagePage(imageId, evaluation = null) {
  const path = page(`images/${encodeURIComponent(imageId)}/`);
  return evaluation ? path.replace(config.evalId, evaluation) : path;
}

export function predictionPage(card, evaluation = config.evalId) {
  if (card?.predictionId === null || card?.predictionId === undefined) return null;
  return `/admin/predictions/prediction/${card.predictionId}/change/?evaluation=${evaluation}`;
}

// The outlines of one side, in percent of the image, whatever size it is shown at.
function outline(object, side) {
  const kind = `ev-shape ${side} ${COLOURS[object.verdict] ?? "ev-plain"}`;
  if (object.polygon) {
    const points = object.polygon.map((point) => point.join(",")).join(" ");
    return svg("polygon", { class: kind, points });
  }
  const [x, y, width, height] = object.box;
  return svg("rect", { class: kind, x, y, width, height });
}

export function overlay(card, { hides = () => false } = {}) {
  const picture = svg("svg", {
    class: "ev-overlay",
    viewBox: "0 0 100 100",
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  const sides = [
    ["ev-truth", card.objects?.groundTruth ?? []],
    ["ev-said", card.objects?.predictions ?? []],
  ];
  for (const [side, objects] of sides) {
    for (const object of objects) {
      // A prediction without a verdict is below the confidence.
      const isKept = side === "ev-truth" || object.verdict !== null;
      if (object.box && isKept && !hides(object)) picture.append(outline(object, side));
    }
  }
  return picture;
}

export function thumbnail(card, description) {
  const frame = el("span", { class: "ev-thumbnail" });
  if (card?.size) frame.style.aspectRatio = `${card.size[0]} / ${card.size[1]}`;
  if (card?.image) {
    frame.append(el("img", { src: card.image, alt: description, loading: "lazy" }));
  } else {
    frame.append(el("span", { class: "ev-blank" }, "no image"));
  }
  if (card?.objects) frame.append(overlay(card));
  return frame;
}

// A figure: thumbnail, name, counts, and the ways on from here.
export function figure(card, { evaluation = null, note = null } = {}) {
  const { stats } = card;
  const text =
    `${count(stats.truePositives)} right, ${count(stats.falsePositives)} false positives, ` +
    `${count(stats.falseNegatives)} missed`;
  const prediction = predictionPage(card, evaluation ?? config.evalId);
  return el(
    "figure",
    { class: "ev-card" },
    el("a", { href: imagePage(card.imageId, evaluation) }, thumbnail(card, card.imageName)),
    el(
      "figcaption",
      {},
      el("strong", {}, card.imageName),
      el("span", {}, note ?? `${text}, F1 ${share(stats.f1)}`),
      prediction && el("a", { href: prediction }, "Prediction"),
    ),
  );
}

export function gallery(cards) {
  return el("div", { class: "ev-gallery" }, cards.map((card) => figure(card)));
}
