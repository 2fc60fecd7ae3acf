// The keys of a task's page, in one table: what they do, and the page that lists them.

import { element } from "../safe.js";

/**
 * @typedef {object} Key
 * @property {string[]} keys as `spelled` spells them; the first two are shown
 * @property {string} text what it does
 * @property {boolean} [isEdit] only while something is corrected
 * @property {string} act the name of what is done
 * @property {any[]} [with] what it is done with
 */

const ARROWS = [["ArrowLeft", -1, 0], ["ArrowRight", 1, 0], ["ArrowUp", 0, -1], ["ArrowDown", 0, 1]];

/** @type {Key[]} */
export const KEYS = [
  { keys: ["k", "ArrowLeft"], text: "previous task", act: "before" },
  { keys: ["j", "ArrowRight"], text: "next task", act: "after" },
  { keys: ["e"], text: "correct the first of the list", act: "correct" },
  { keys: ["n"], text: "a new annotation", act: "draw" },
  { keys: ["v"], text: "over each other, or side by side", act: "view" },
  { keys: ["?"], text: "this list", act: "help" },
  { keys: ["]", "."], text: "the next region", isEdit: true, act: "next", with: [1] },
  { keys: ["[", ","], text: "the region before", isEdit: true, act: "next", with: [-1] },
  { keys: ["t"], text: "take the next tool", isEdit: true, act: "tool" },
  { keys: ["d"], text: "draw with the tool", isEdit: true, act: "pen" },
  { keys: ["a"], text: "a new region in the middle, or at the next word", isEdit: true, act: "add" },
  { keys: ["Enter"], text: "close the polygon", isEdit: true, act: "close" },
  { keys: ["Escape"], text: "lay down the tool, choose nothing", isEdit: true, act: "leave" },
  { keys: ["Delete", "Backspace"], text: "delete the region, or the chosen point", isEdit: true, act: "remove" },
  ...ARROWS.flatMap(([key, x, y]) => [
    { keys: [String(key)], text: "move by a pixel, or where a passage begins by a character", isEdit: true, act: "nudge", with: [x, y] },
    { keys: [`Shift+${key}`], text: "move by ten", isEdit: true, act: "nudge", with: [Number(x) * 10, Number(y) * 10] },
    { keys: [`Ctrl+${key}`], text: "resize by a pixel, or where a passage ends by a character", isEdit: true, act: "stretch", with: [x, y] },
    { keys: [`Ctrl+Shift+${key}`], text: "resize by ten", isEdit: true, act: "stretch", with: [Number(x) * 10, Number(y) * 10] },
  ]),
  { keys: ["p"], text: "the next point of a polygon", isEdit: true, act: "point", with: [1] },
  { keys: ["Shift+P"], text: "the point before", isEdit: true, act: "point", with: [-1] },
  { keys: ["i"], text: "a point more, after the chosen one", isEdit: true, act: "insert" },
  { keys: ["Ctrl+z", "u"], text: "undo", isEdit: true, act: "undo" },
  { keys: ["Ctrl+Shift+Z", "Ctrl+y"], text: "redo", isEdit: true, act: "redo" },
  { keys: ["Ctrl+s", "s"], text: "save", isEdit: true, act: "save" },
  { keys: ["g"], text: "ground truth, or not", isEdit: true, act: "truth" },
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({ keys: [String(n)], text: "give this label", isEdit: true, act: "label", with: [n - 1] })),
];

/**
 * A key press as the table spells it. Shift counts where it makes no other character.
 * @param {KeyboardEvent} event
 * @returns {string}
 */
export function spelled({ key, ctrlKey, metaKey, shiftKey }) {
  const isNamed = key.length > 1 || /[a-z]/i.test(key);
  return (ctrlKey || metaKey ? "Ctrl+" : "") + (shiftKey && isNamed ? "Shift+" : "") + key;
}

/**
 * What a key press asks for.
 * @param {KeyboardEvent} event
 * @param {boolean} isEditing
 * @returns {Key | null}
 */
export function keyOf(event, isEditing) {
  if (event.altKey) return null;
  const text = spelled(event);
  const found = KEYS.filter(({ keys, isEdit }) => keys.includes(text) && (isEditing || !isEdit));
  return found.find(({ isEdit }) => isEdit) ?? found[0] ?? null;
}

const SHOWN = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓" };
const shownKey = (text) => text.replace(/Arrow\w+/, (name) => SHOWN[name]).replace("Shift+P", "Shift+p").replace("Shift+Z", "Shift+z");

/**
 * Fills the dialog that lists the keys.
 * @param {HTMLDialogElement} dialog
 * @param {boolean} isEditing
 */
export function fillHelp(dialog, isEditing) {
  /** @type {Map<string, string[]>} */
  const byText = new Map();
  for (const { keys, text, isEdit } of KEYS) {
    if (isEdit && !isEditing) continue;
    // While something is corrected, arrows move it.
    const own = isEdit || !isEditing ? keys : keys.filter((key) => !key.startsWith("Arrow"));
    byText.set(text, [...(byText.get(text) ?? []), ...own]);
  }
  const close = element("button", { type: "button", class: "desk-button" }, "Close");
  close.addEventListener("click", () => dialog.close());
  const rows = [...byText].map(([text, keys]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, ...keys.flatMap((key) => [element("kbd", {}, shownKey(key)), " "])),
      element("td", {}, text),
    ),
  );
  const zoom = element("tr", {}, element("th", { scope: "row" }, element("kbd", {}, "+"), " ", element("kbd", {}, "-"), " ", element("kbd", {}, "0")), element("td", {}, "zoom in, out, fit, in the image"));
  dialog.replaceChildren(
    element("h2", { id: "help-title" }, "Keys"),
    element("table", {}, element("tbody", {}, ...rows, zoom)),
    close,
  );
}
