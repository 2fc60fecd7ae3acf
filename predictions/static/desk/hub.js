// A project's page: exact counts where the page has bounded ones, intervals that nobody has asked for
// yet, and what is in progress again and again until nothing is.

import { share } from "./figures.js";
import { element, pageData } from "./safe.js";

const POLL_MS = 3000;

async function showExact() {
  const answer = await fetch(pageData().held, { headers: { Accept: "application/json" } });
  if (!answer.ok || answer.redirected) return;
  const { counts, versions, held, bytes } = await answer.json();
  for (const [attribute, texts] of Object.entries({ count: counts, version: versions })) {
    for (const shown of /** @type {NodeListOf<HTMLElement>} */ (
      document.querySelectorAll(`[data-${attribute}]`)
    )) {
      const name = shown.dataset[attribute];
      if (Object.hasOwn(texts, name)) shown.textContent = texts[name];
    }
  }
  const card = document.querySelector("[data-held]");
  const rows = [...held, { name: "all together", rows: "", bytes }];
  card.querySelector("tbody").replaceChildren(
    ...rows.map((row) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, row.name),
        element("td", { class: "desk-number" }, row.rows),
        element("td", { class: "desk-number" }, row.bytes),
      ),
    ),
  );
  card.removeAttribute("hidden");
}

/**
 * One evaluation after the other: each takes the server some time.
 * @param {HTMLElement[]} places
 */
async function showIntervals(places) {
  if (places.length === 0) return;
  const { asked } = places[0].dataset;
  const headers = { Accept: "application/json" };
  const answer = await fetch(asked, { headers });
  const found = answer.ok && !answer.redirected ? await answer.json() : {};
  for (const place of places.filter((one) => one.dataset.asked === asked)) {
    const bounds = found[place.dataset.interval];
    if (bounds) place.textContent = `(${share(bounds.low)} to ${share(bounds.high)})`;
  }
  await showIntervals(places.filter((one) => one.dataset.asked !== asked));
}

// What ends changes the whole page.
async function follow() {
  const jobs = document.querySelector("[data-jobs]");
  if (jobs === null) return;
  if (!document.hidden) {
    const answer = await fetch(location.href).catch(() => null);
    if (answer?.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.querySelector("[data-jobs]");
      if (fresh?.querySelectorAll("li").length !== jobs.querySelectorAll("li").length) {
        location.reload();
        return;
      }
      if (!jobs.contains(document.activeElement)) jobs.replaceWith(fresh);
    }
  }
  setTimeout(follow, POLL_MS);
}

showExact().catch(() => {});
/** @type {NodeListOf<HTMLElement>} */
const unknown = document.querySelectorAll("[data-interval]");
showIntervals([...unknown]).catch(() => {});
setTimeout(follow, POLL_MS);
