// Two evaluations: how the numbers moved, and the images that were fixed or broken, side by side.

import { fetchCards, figure } from "./cards.js";
import { count, el, fill, share, table } from "./dom.js";
import { api, desk } from "./server.js";
import { config, read, watch, write } from "./state.js";

const STEP = 12;
// The probability below which a change is taken for more than chance.
const SIGNIFICANT = 0.05;
const MEASURES = [
  ["Precision", "precision"],
  ["Recall", "recall"],
  ["F1", "f1"],
];

/**
 * Another evaluation beside this one.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function diff(panel) {
  /** @type {HTMLSelectElement} */
  const select = document.querySelector("[data-other] select");
  select.append(...(config.others ?? []).map(([id, name]) => el("option", { value: id }, name)));
  const other = () => read().get("other") ?? "";
  select.value = other();
  select.addEventListener("change", () => write({ other: select.value, offset: null }));
  const show = () => {
    if (!other()) {
      const none = "There is no other finished evaluation of this project.";
      const text = config.others?.length ? "Choose the evaluation to compare with." : none;
      fill(panel, Promise.resolve(el("p", {}, text)));
      return;
    }
    fill(panel, compared(other()));
  };
  watch(["split", "confidence", "other", "offset", "slice"], show);
  show();
}

async function compared(other) {
  const { split, confidence, get } = read();
  const offset = Number(get("offset") ?? 0);
  const asked = { split, confidence };
  const slice = get("slice");
  const [before, after, body] = await Promise.all([
    desk("numbers", asked),
    desk("numbers", asked, other),
    api(`diff/${encodeURIComponent(other)}`, { ...asked, slice, limit: STEP, offset }),
  ]);
  const ids = body.images.map((image) => image.imageId);
  const [ours, theirs] = ids.length
    ? await Promise.all([
        fetchCards({ image: ids, confidence }),
        fetchCards({ image: ids, confidence }, other),
      ])
    : [new Map(), new Map()];
  return [
    totals(body.totals),
    el("h3", {}, "More than chance?"),
    changes(body.significance),
    // Those are of all images.
    slice
      ? null
      : el("div", { class: "ev-columns" }, [
          el("div", {}, el("h3", {}, "Headline"), headline(before, after)),
          el("div", {}, el("h3", {}, "Classes"), classes(before, after)),
        ]),
    el("h3", {}, "Images that changed, most first"),
    el(
      "div",
      { class: "ev-pairs" },
      body.images.map((image) => pair(image, ours, theirs, other)),
    ),
    body.images.length ? pager(body) : el("p", {}, "No image changed."),
  ];
}

function totals(found) {
  const tile = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, count(value)));
  return el(
    "dl",
    { class: "ev-tiles" },
    tile("Images in both", found.images),
    tile("Better images", found.fixedImages),
    tile("Worse images", found.brokenImages),
    tile("Unchanged images", found.unchangedImages),
    tile("Errors fixed", found.fixed),
    tile("Errors new", found.broken),
    tile("Only in this one", found.onlyInBase),
    tile("Only in the other", found.onlyInOther),
  );
}

// What changed over the images of both, and whether chance alone changes as much.
function changes(found) {
  if (!found) {
    return el("p", {}, "Said of images that both have, of one to 100,000.");
  }
  const rows = MEASURES.map(([name, of]) => {
    const { difference, low, high, pValue } = found[of];
    const verdict = pValue >= SIGNIFICANT ? "may be chance" : difference > 0 ? "better" : "worse";
    const kind = { better: "ev-better", worse: "ev-worse" }[verdict];
    const cells = [signed(difference), `${plain(low)} to ${plain(high)}`, pValue.toFixed(4)];
    return [name, ...cells, el("span", { class: kind ?? "" }, verdict)];
  });
  const heads = ["", "Change", "95 % interval", "p", "Verdict"];
  const note =
    "Over the images that both have. p is how often as much comes of swapping the two " +
    "evaluations' counts of images at random; below 0.05 is taken for more than chance.";
  const shown = table("Significance", named(heads), rows);
  return el("div", {}, shown, el("p", { class: "ev-note" }, note));
}

const plain = (moved) => moved.toFixed(3).replace("-", "−");

function change(before, after) {
  if (typeof before !== "number" || typeof after !== "number") return "–";
  return signed(after - before);
}

function signed(moved) {
  const sign = moved > 0 ? "+" : moved < 0 ? "−" : "±";
  const kind = moved > 0 ? "ev-better" : moved < 0 ? "ev-worse" : "";
  return el("span", { class: kind }, `${sign}${Math.abs(moved).toFixed(3)}`);
}

function headline(before, after) {
  const rows = [
    ["mAP", before.averagePrecision.map50, after.averagePrecision.map50],
    ...MEASURES.map(([name, of]) => [name, before[of], after[of]]),
  ].map(([name, one, other]) => [name, share(one), share(other), change(one, other)]);
  const counted = ["falsePositives", "falseNegatives"].map((of) => [
    of === "falsePositives" ? "False positives" : "Missed",
    count(before[of]),
    count(after[of]),
    count(after[of] - before[of]),
  ]);
  const heads = ["", "This", "Other", "Change"];
  return table("Headline of both", named(heads), [...rows, ...counted]);
}

const named = (heads) => heads.map((head) => head || el("th", { scope: "col" }, "Measure"));

function classes(before, after) {
  const others = new Map(after.classes.map((one) => [one.className, one]));
  const rows = before.classes.map((one) => {
    const other = others.get(one.className);
    return [
      one.className,
      share(one.f1),
      share(other?.f1),
      change(one.f1, other?.f1),
      change(one.precision, other?.precision),
      change(one.recall, other?.recall),
    ];
  });
  const heads = ["Class", "F1, this", "F1, other", "F1", "Precision", "Recall"];
  const region = { class: "ev-scroll", tabindex: "0", role: "region", "aria-label": "Classes" };
  return el("div", region, table("Classes of both", heads, rows));
}

function pair(image, ours, theirs, other) {
  const kind = image.fixed > image.broken ? "better" : image.broken > image.fixed ? "worse" : "other";
  const text =
    `${image.imageName}: ${count(image.fixed)} errors fixed, ${count(image.broken)} new`;
  const sides = [
    [ours.get(image.imageId), null, "This"],
    [theirs.get(image.imageId), other, "Other"],
  ];
  return el(
    "article",
    { class: `ev-pair ev-is-${kind}` },
    el("h4", {}, text),
    el(
      "div",
      { class: "ev-sides" },
      sides.map(([card, evaluation, name]) =>
        card
          ? figure(card, { evaluation, note: `${name}: ${errors(card)}` })
          : el("p", {}, `${name}: not there any more`),
      ),
    ),
  );
}

function errors({ stats }) {
  return `${count(stats.falsePositives)} false positives, ${count(stats.falseNegatives)} missed`;
}

function pager({ offset, totalImages, images }) {
  const step = (label, to, off) =>
    el(
      "button",
      { type: "button", class: "desk-button", disabled: off, onclick: () => write({ offset: to || null }) },
      label,
    );
  return el(
    "div",
    { class: "ev-pager" },
    step("Previous", Math.max(offset - STEP, 0), offset === 0),
    el("output", {}, `${offset + 1} to ${offset + images.length} of ${count(totalImages)}`),
    step("Next", offset + STEP, offset + STEP >= totalImages),
  );
}
