// The images of the evaluation in the order and with the filters of the address, page by page.

import { writerOf } from "../desk/figures.js";
import { answer } from "./answers.js";
import { MOST, fetchCards, gallery, imagePage, isPictured, picture, predictionPage, scoresOf } from "./cards.js";
import { count, el, fill, share, table } from "./dom.js";
import { api } from "./server.js";
import { cellAt, config, page, read, settled, watch, write } from "./state.js";

const FILTERS = [
  "sort",
  "minFalsePositives",
  "minFalseNegatives",
  "class",
  "cell",
  "errorType",
  "cluster",
  "slice",
];
const STEP = 25;

// The headers that order by their column, and what each orders by.
const COLUMNS = [
  ["True positives", "truePositives"],
  ["False positives", "falsePositives"],
  ["Missed", "falseNegatives"],
  ["Precision", "precision"],
  ["Recall", "recall"],
  ["F1", "f1"],
  ...(config.measure ? [[config.measure.label, "measure"]] : []),
];

function asked() {
  const { split, confidence, get } = read();
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, get(name)]));
  return { split, confidence, ...chosen };
}

/**
 * The list of images, page by page.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function images(panel) {
  const show = () => {
    const offset = Number(read().get("offset") ?? 0);
    fill(
      panel,
      api("image-predictions", { ...asked(), limit: STEP, offset }).then(async (body) => {
        const ids = body.images.map((image) => image.imageId);
        const { confidence } = read();
        const cards = ids.length ? await fetchCards({ image: ids, confidence }) : new Map();
        return [pager(body), rows(body, cards), body.images.length ? pager(body) : null];
      }),
    );
  };
  watch(["split", "confidence", "offset", ...FILTERS], show);
  filters(document.querySelector("[data-filters]"));
  show();
}

function sortHead([label, name]) {
  const now = read().get("sort") ?? "";
  const is = now.replace("-", "") === name;
  const falling = now.startsWith("-");
  // Errors are wanted most first, scores lowest first.
  const first = name.startsWith("false") || name.startsWith("true") ? `-${name}` : name;
  const next = is ? (falling ? name : `-${name}`) : first;
  return el(
    "th",
    { scope: "col", "aria-sort": is ? (falling ? "descending" : "ascending") : "none" },
    el(
      "button",
      { type: "button", class: "ev-sort", onclick: () => order(next) },
      `${label}${is ? (falling ? " ↓" : " ↑") : ""}`,
    ),
  );
}

function order(sort) {
  /** @type {HTMLSelectElement | null} */
  const select = document.querySelector("[data-filters] [name=sort]");
  if (select) select.value = sort;
  write({ sort, offset: null });
}

function rows(body, cards) {
  if (!body.images.length) return el("p", {}, `No ${config.unit} is like that.`);
  const heads = [config.unit === "task" ? "Task" : "Image", "", "Split", ...COLUMNS.map(sortHead), "Prediction"];
  const cells = body.images.map((image) => {
    const card = cards.get(image.imageId);
    const prediction = predictionPage(card);
    const href = imagePage(image.imageId);
    const scores = scoresOf(image.stats);
    return [
      el("a", { href }, image.imageName, image.flagged ? " (flagged)" : ""),
      card?.answer || !isPictured(card)
        ? answer(card?.answer)
        : el("a", { href, tabindex: "-1", "aria-hidden": "true" }, picture(card)),
      image.split,
      count(image.stats.truePositives),
      count(image.stats.falsePositives),
      count(image.stats.falseNegatives),
      share(scores.precision),
      share(scores.recall),
      share(scores.f1),
      ...(config.measure ? [writerOf(config.measure.higherIsBetter)(image.metrics?.[config.measure.name])] : []),
      prediction && el("a", { href: prediction }, `#${card.predictionId}`),
    ];
  });
  return el(
    "div",
    { class: "ev-scroll ev-all", tabindex: "0", role: "region", "aria-label": `All ${config.unit}s` },
    table(`All ${config.unit}s`, heads, cells, { class: "ev-table ev-images ev-stacked" }),
  );
}

function pager(body) {
  const { totalImages, offset, images: shown } = body;
  const go = (to) => () => write({ offset: to || null });
  const step = (label, to, off) =>
    el("button", { type: "button", class: "desk-button", disabled: off, onclick: go(to) }, label);
  const range = shown.length
    ? `${count(offset + 1)} to ${count(offset + shown.length)} of ${count(totalImages)}`
    : `none of ${count(totalImages)}`;
  return el(
    "div",
    { class: "ev-pager" },
    step("Previous", Math.max(offset - STEP, 0), offset === 0),
    el("output", { "data-total": totalImages }, range),
    step("Next", offset + STEP, offset + STEP >= totalImages),
  );
}

// The form of filters shows the address and writes it.
function filters(form) {
  for (const select of form.querySelectorAll("[data-classes]")) {
    const names = select.dataset.classes ? [...config.classes, config.background] : config.classes;
    // Cells are told by number: a class may be called anything.
    const values = select.dataset.classes ? names.map((_, n) => n) : names;
    select.append(...names.map((name, n) => el("option", { value: values[n] }, name)));
  }
  const { get } = read();
  for (const name of FILTERS) if (form.elements[name]) form.elements[name].value = get(name) ?? "";
  const wanted = get("cell") ?? "";
  const numbers = /^\[(\d+), ?(\d+)\]$/.exec(wanted);
  const cell = wanted.split(",");
  if (numbers) {
    [, form.elements.actual.value, form.elements.predicted.value] = numbers;
  } else if (cell.length === 2) {
    const number = (text) => {
      const at = [...config.classes, config.background].indexOf(text);
      return /^\d+$/.test(text) && at < 0 ? text : at;
    };
    form.elements.actual.value = number(cell[0]);
    form.elements.predicted.value = number(cell[1]);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener(
    "input",
    settled(() => {
      const { actual, predicted } = form.elements;
      const both = actual.value !== "" && predicted.value !== "";
      const plain = FILTERS.filter((name) => form.elements[name]);
      const values = plain.map((name) => [name, form.elements[name].value]);
      write({
        ...Object.fromEntries(values),
        cell: both ? cellAt(actual.value, predicted.value) : null,
        offset: null,
      });
    }, 250),
  );
}

// Those that are furthest off where that is measured, else those with most errors.
const worstFirst = config.measure ? (config.measure.higherIsBetter ? "measure" : "-measure") : "-errors";

/**
 * The worst images, for the overview and the page of a class.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function worst(panel) {
  const show = () => {
    const { split, confidence, get } = read();
    const name = config.panel === "class" ? get("class") : null;
    const wanted = { split, confidence, class: name, sort: worstFirst, limit: 10, offset: 0 };
    fill(
      panel,
      api("image-predictions", wanted).then(async (body) => {
        const ids = body.images.map((image) => image.imageId);
        if (!ids.length) return el("p", {}, `There are no such ${config.unit}s in this split.`);
        const cards = await fetchCards({ image: ids, confidence });
        const all = page("images/", { class: name, sort: worstFirst });
        return [
          gallery(ids.map((id) => cards.get(id)).filter(Boolean)),
          el("p", { class: "ev-more" }, el("a", { href: all }, `All ${count(body.totalImages)}, the worst first`)),
        ];
      }),
    );
  };
  watch(["split", "confidence"], show);
  show();
}

/**
 * Images by their place in the evaluation or by id, `MOST` at a time.
 * @param {{position?: number[], image?: string[]}} wanted which images
 * @param {number} total how many there are in all
 * @param {number} confidence in per cent; that of the address unless given
 * @returns {Promise<Array<HTMLElement | null>>} what goes into the page
 */
export async function galleryOf(wanted, total, confidence = read().confidence) {
  const cards = await fetchCards({ ...wanted, confidence });
  const more = total > cards.size ? `The first ${cards.size} of ${count(total)} ${config.unit}s.` : null;
  return [more && el("p", { class: "ev-note" }, more), gallery([...cards.values()])];
}

export { MOST };
