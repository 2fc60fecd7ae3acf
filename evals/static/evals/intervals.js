// How far precision, recall, F1 and mAP50-95 may be off because there are no more images.

import { share } from "./dom.js";
import { api } from "./server.js";
import { read, settled, watch } from "./state.js";

/**
 * The ends of an interval.
 * @param {unknown} low
 * @param {unknown} high
 * @returns {string} a dash where there is none
 */
export function between(low, high) {
  return typeof low === "number" ? `${share(low)} to ${share(high)}` : "–";
}

/**
 * The intervals beside the headline numbers.
 * @param {HTMLElement} panel the element that holds them
 * @returns {void}
 */
export function intervals(panel) {
  /** @type {NodeListOf<HTMLElement>} */
  const places = panel.querySelectorAll("[data-interval]");
  const clear = () => places.forEach((place) => (place.textContent = ""));
  const show = async () => {
    const { split, confidence } = read();
    const body = await api("intervals", { split, confidence }).catch(() => ({}));
    const now = read();
    // Somebody moved on meanwhile.
    if (now.split !== split || now.confidence !== confidence) return;
    for (const place of places) {
      const found = body[place.dataset.interval];
      place.textContent = found ? between(found.low, found.high) : "";
    }
  };
  // Each takes the server some time: a moving slider waits until it rests.
  watch(["split", "confidence"], clear);
  watch(["split", "confidence"], settled(show, 300));
  show();
}
