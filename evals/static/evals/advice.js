// Recommendations, each with images that show it.

import { el, fill } from "./dom.js";
import { galleryOf } from "./images.js";
import { api } from "./server.js";
import { config, page } from "./state.js";

const SHOWN = 6;

/**
 * Recommendations, each with images that show it.
 * @param {HTMLElement} panel the element that shows it
 * @returns {void}
 */
export function recommendations(panel) {
  fill(
    panel,
    api("recommendations").then(async (body) => {
      const found = body.recommendations;
      if (!found?.items?.length) return el("p", {}, "Nothing stands out.");
      const { confidenceThreshold: confidence, split } = found.summary ?? {};
      const note = `From the ${split} split at ${confidence} %, where its F1 is highest.`;
      const items = await Promise.all(found.items.map((item) => advice(item, found.summary ?? {})));
      return [el("p", { class: "ev-note" }, note), ...items];
    }),
  );
}

async function advice(item, { confidenceThreshold: confidence, split }) {
  const ids = (item.imageIds ?? []).slice(0, SHOWN);
  const shown = ids.length ? await galleryOf({ image: ids }, ids.length, confidence) : [];
  const all = { class: item.className, confidence, split };
  const name = [item.className, item.otherClassName].filter(Boolean).join(" and ");
  return el(
    "article",
    { class: "ev-advice" },
    el(
      "h3",
      {},
      el("span", { class: `ev-status ev-${item.severity}` }, item.severity),
      ` ${String(item.type).replaceAll("_", " ")}${name ? `: ${name}` : ""}`,
    ),
    el("p", {}, item.message ?? ""),
    item.className &&
      el("p", {}, el("a", { href: page("images/", all) }, `All its ${config.unit}s`)),
    ...shown.filter(Boolean),
  );
}
