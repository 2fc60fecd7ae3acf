// The grid of a project's tasks: draws the thumbnails, and says how many tasks are chosen.
// A page is as many tasks as the server sent; the next page is another document.

import { labelsOf, thumbnail } from "./regions.js";
import { element, pageData, safeMedia } from "./safe.js";

const cards = pageData() ?? {};
const labels = labelsOf(Object.values(cards).flatMap((card) => card.regions));
for (const host of document.querySelectorAll("[data-thumbnail]")) {
  const card = cards[/** @type {HTMLElement} */ (host).dataset.thumbnail ?? ""];
  if (card) thumbnail(/** @type {HTMLElement} */ (host), { ...card, labels });
}
// An address that a task names is looked at before anything asks for it.
for (const media of document.querySelectorAll("[data-media]")) {
  const player = /** @type {HTMLMediaElement} */ (media);
  const source = safeMedia(player.dataset.media);
  if (source !== null) player.src = source;
  else player.replaceWith(element("p", { class: "grid-text" }, `No recording to play: ${player.dataset.media}`));
}

const form = document.getElementById("chosen");
if (form instanceof HTMLFormElement) choosing(form);

/**
 * Keeps the boxes of a grid together: one for all that are shown, one for all that match.
 * @param {HTMLFormElement} grid
 * @returns {void}
 */
function choosing(grid) {
  /** @type {HTMLInputElement[]} */
  const boxes = [...grid.querySelectorAll("input[name=task]")].filter(
    (box) => box instanceof HTMLInputElement,
  );
  const every = grid.querySelector("input[name=all]");
  const shown = grid.querySelector("[data-all-shown]");
  const box = shown?.querySelector("input");
  const status = grid.querySelector("[data-chosen]");
  if (!(every instanceof HTMLInputElement) || !(box instanceof HTMLInputElement)) return;
  if (shown instanceof HTMLElement) shown.hidden = false;
  const say = () => {
    const n = boxes.filter((one) => one.checked).length;
    box.checked = n > 0 && n === boxes.length;
    box.indeterminate = n > 0 && n < boxes.length;
    if (status) status.textContent = every.checked ? "All that match are chosen." : `${n} chosen.`;
  };
  box.addEventListener("change", () => {
    for (const one of boxes) one.checked = box.checked;
    say();
  });
  grid.addEventListener("change", ({ target }) => {
    if (target !== box) say();
  });
  say();
}
