// This evaluation against a baseline: how the numbers moved, and the images that were fixed or
// broken, the baseline left and this one right.

import { apart, probability, writerOf } from "../desk/figures.js";
import { change, errorChange, movedBy, plain, signed, verdict } from "./changes.js";
import { fetchCards, figure } from "./cards.js";
import { FIGURES, count, el, fill, share, table } from "./dom.js";
import { api, desk, pageOf } from "./server.js";
import { config, page, read, watch, write } from "./state.js";
import { baselineId, nameOf, versionOf } from "./versions.js";

const STEP = 12;
const UNITS = config.unit === "task" ? "Tasks" : "Images";
const MEASURES = [
  ["Precision", "precision"],
  ["Recall", "recall"],
  ["F1", "f1"],
];

/**
 * This evaluation against the baseline.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function diff(panel) {
  /** @type {HTMLSelectElement} */
  const select = document.querySelector("[data-baseline] select");
  /** @type {HTMLAnchorElement} */
  const swap = document.querySelector("[data-swap]");
  const others = config.versions.filter(({ evalId }) => evalId !== config.evalId);
  select.append(...others.map((one) => el("option", { value: one.evalId }, nameOf(one))));
  const asked = baselineId();
  // One of another kind, or older than those that are listed.
  if (asked && !versionOf(asked)) select.append(el("option", { value: asked }, asked));
  select.addEventListener("change", () => write({ baseline: select.value, offset: null }));
  const show = () => {
    const baseline = baselineId();
    select.value = baseline ?? "";
    select.closest("form").hidden = !baseline;
    const ways = /** @type {HTMLElement | null} */ (document.querySelector("[data-alone]"));
    if (ways) ways.hidden = baseline !== null;
    swap.hidden = !baseline;
    if (!baseline) {
      const none =
        "There is nothing to compare with yet: no other evaluation of this project, kind and " +
        "control is finished. Load the predictions of another version, or evaluate one.";
      fill(panel, Promise.resolve(el("p", {}, none)));
      return;
    }
    fill(panel, compared(baseline).then((shown) => {
      swap.href = swapped(baseline);
      return shown;
    }));
  };
  watch(["split", "confidence", "baseline", "offset", "slice"], show);
  show();
}

// The same page of the baseline, against this one.
function swapped(baseline) {
  const url = new URL(page("diff/", { baseline: config.evalId }), window.location.href);
  return url.href.replace(new URL(config.page, url).href, new URL(pageOf(baseline), url).href);
}

async function compared(baseline) {
  const { split, confidence, get } = read();
  const offset = Number(get("offset") ?? 0);
  const asked = { split, confidence };
  const slice = get("slice");
  const [before, after, body] = await Promise.all([
    desk("numbers", asked, baseline),
    desk("numbers", asked),
    api(`diff/${config.evalId}`, { ...asked, slice, limit: STEP, offset }, baseline),
  ]);
  const ids = body.images.map((image) => image.imageId);
  const [theirs, ours] = ids.length
    ? await Promise.all([
        fetchCards({ image: ids, confidence }, baseline),
        fetchCards({ image: ids, confidence }),
      ])
    : [new Map(), new Map()];
  return [
    ...sentences(before, after, body, slice, baseline),
    totals(body.totals),
    el("h3", {}, "More than chance?"),
    changes(body.significance),
    // Those are of all images.
    slice
      ? null
      : el("div", { class: "ev-columns ev-broad" }, [
          el("div", {}, el("h3", {}, "Headline"), headline(before, after)),
          el("div", {}, el("h3", {}, "Classes"), classes(before, after)),
        ]),
    el("h3", {}, `${UNITS} that changed, most first`),
    el(
      "div",
      { class: "ev-pairs" },
      body.images.map((image) => pair(image, theirs, ours, baseline)),
    ),
    body.images.length ? pager(body) : el("p", {}, `No ${config.unit} changed.`),
  ];
}

// What came of it, in words.
function sentences(before, after, body, slice, baseline) {
  const self = versionOf(config.evalId)?.name ?? config.evalId;
  const other = versionOf(baseline)?.name ?? baseline;
  const names = self === other ? ["This evaluation", "the baseline"] : [self, other];
  const said = [];
  const { label, higherIsBetter, value } = after.primary ?? {};
  const was = before.primary?.value;
  if (!slice && typeof value === "number" && typeof was === "number" && before.primary.label === label) {
    const moved = movedBy(was, value);
    const inUnit = writerOf(higherIsBetter);
    const [then, now] = apart([was, value], inUnit);
    const word = moved === 0 ? "the same" : moved > 0 === higherIsBetter ? "better" : "worse";
    const by = moved === 0 ? "" : ` by ${inUnit(Math.abs(moved))}`;
    said.push(el("span", { class: `ev-${word}` }, `${label} ${word}${by}`), ` (${then} to ${now}). `);
  }
  const f1 = body.significance?.f1;
  if (f1) {
    const word = f1.difference > 0 ? "better" : f1.difference < 0 ? "worse" : "the same";
    const chance = verdict(f1) === "may be chance" ? "which may be chance" : "more than chance";
    const by = f1.difference === 0 ? "" : ` by ${share(Math.abs(f1.difference))}, ${chance} (p ${probability(f1.pValue)})`;
    said.push(el("span", { class: `ev-${word}` }, `F1 ${word}${by}`), ".");
  }
  if (!said.length) said.push("nothing to measure in both.");
  const isOfTruth = (/** @type {string} */ term) =>
    ["newestGroundTruthAt", "groundTruths", "groundTruthDigest"].includes(term);
  const differing = body.differingTerms.filter((term) => !isOfTruth(term) && term !== "imageIds").join(", ");
  return [
    el("p", { class: "ev-said" }, el("strong", {}, `${names[0]} against ${names[1]}: `), said),
    differing && el("p", { class: "ev-problem" }, `The two measured otherwise: ${differing}. What changed may be of that.`),
    body.differingTerms.some(isOfTruth) &&
      el("p", { class: "ev-problem" }, "Ground truth was added, changed, removed or moved to another split between the two. What changed may be of that: re-evaluate the older one."),
    body.differingTerms.includes("imageIds") &&
      el("p", { class: "ev-problem" }, "Ids of images went to other tasks between the two, and images are paired by their ids: some are compared with another one. Re-evaluate the older one."),
  ];
}

function totals(found) {
  const tile = (name, value, kind = "") =>
    el("div", {}, el("dt", {}, name), el("dd", { class: value ? kind : "" }, count(value)));
  return el(
    "dl",
    { class: "ev-tiles" },
    tile(`${UNITS} in both`, found.images),
    tile(`Better ${config.unit}s`, found.fixedImages, "ev-better"),
    tile(`Worse ${config.unit}s`, found.brokenImages, "ev-worse"),
    tile(`Unchanged ${config.unit}s`, found.unchangedImages),
    tile("Errors fixed", found.fixed, "ev-better"),
    tile("Errors new", found.broken, "ev-worse"),
    tile("Only in this one", found.onlyInOther),
    tile("Only in the baseline", found.onlyInBase),
  );
}

// What changed over the images of both, and whether chance alone changes as much.
function changes(found) {
  if (!found) {
    return el("p", {}, `Said of ${config.unit}s that both have, of one to 100,000.`);
  }
  const rows = MEASURES.map(([name, of]) => {
    const { difference, low, high, pValue } = found[of];
    const word = verdict(found[of]);
    const kind = { better: "ev-better", worse: "ev-worse" }[word] ?? "";
    const moved = el("span", { class: kind }, signed(difference));
    const cells = [moved, `${plain(low)} to ${plain(high)}`, probability(pValue)];
    return [name, ...cells, el("span", { class: kind }, word)];
  });
  const heads = ["", "Change", "95 % interval", "p", "Verdict"];
  const note =
    `Over the ${config.unit}s that both have. p is how often as much comes of swapping the two ` +
    `evaluations' counts of ${config.unit}s at random; below 0.05 is taken for more than chance.`;
  const shown = table("Significance", named(heads), rows, { class: "ev-table ev-stacked" });
  const region = { class: "ev-scroll ev-all", tabindex: "0", role: "region", "aria-label": "More than chance?" };
  return el("div", {}, el("div", region, shown), el("p", { class: "ev-note" }, note));
}

function headline(before, after) {
  const { label, value, higherIsBetter } = after.primary ?? {};
  const precise = config.hasPrecision
    ? [["mAP50", "map50"], ["mAP75", "map75"]].map(([name, of]) => [name, before.averagePrecision[of], after.averagePrecision[of]])
    : [];
  const rows = [
    ...(label ? [[label, before.primary?.value, value, higherIsBetter]] : []),
    ...precise,
    ...MEASURES.map(([name, of]) => [name, before[of], after[of]]),
  ].map(([name, one, other, isHigh = true]) => [name, ...apart([one, other], writerOf(isHigh)), change(one, other, isHigh)]);
  const counted = [["False positives", "falsePositives"], ["Missed", "falseNegatives"]].map(([name, of]) => [
    name,
    count(before[of]),
    count(after[of]),
    errorChange(before[of], after[of]),
  ]);
  const heads = ["", "Baseline", "This", "Change"];
  return table("Headline of both", named(heads), [...rows, ...counted]);
}

const named = (heads) => heads.map((head) => head || el("th", { scope: "col" }, "Measure"));

function classes(before, after) {
  const olds = new Map(before.classes.map((one) => [one.className, one]));
  const ap = (one) => one?.averagePrecision.map50_95 ?? one?.averagePrecision.iou;
  const rows = after.classes.map((one) => {
    const old = olds.get(one.className);
    return [
      el("a", { href: page("class/", { class: one.className }) }, one.className),
      ...apart([old?.f1, one.f1]),
      change(old?.f1, one.f1),
      ...(config.hasPrecision ? [change(ap(old), ap(one))] : []),
      change(old?.precision, one.precision),
      change(old?.recall, one.recall),
    ];
  });
  const heads = [
    "Class",
    "F1, baseline",
    "F1, this",
    "F1, change",
    ...(config.hasPrecision ? ["AP50-95, change"] : []),
    "Precision, change",
    "Recall, change",
  ];
  const region = { class: "ev-scroll", tabindex: "0", role: "region", "aria-label": "Classes" };
  return el("div", region, table("Classes of both", heads, rows, FIGURES));
}

function pair(image, theirs, ours, baseline) {
  const kind = image.fixed > image.broken ? "better" : image.broken > image.fixed ? "worse" : "other";
  const text =
    `${image.imageName}: ${count(image.fixed)} errors fixed, ${count(image.broken)} new`;
  const sides = [
    [theirs.get(image.imageId), baseline, "Baseline"],
    [ours.get(image.imageId), null, "This"],
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
