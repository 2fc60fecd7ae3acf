// A text with its passages: to look at, and to correct.

import { element } from "../safe.js";
import { colorAt, css } from "../shapes.js";
import { valueOf } from "./edits.js";
import { charactersOf, passageOf, piecesOf, trimmed } from "./spans.js";

const LONGEST = 200_000;

/**
 * The text in pieces, those inside passages as <mark>.
 * @param {string} text
 * @param {Array<{start: number, end: number, name: string, color: number[], key?: string, isChosen?: boolean}>} passages
 * @returns {HTMLElement}
 */
export function markedText(text, passages) {
  const characters = charactersOf(text);
  const shown = characters.slice(0, LONGEST);
  const pieces = piecesOf(shown, passages).map(({ start, end, inside }) => {
    const piece = shown.slice(start, end).join("");
    if (inside.length === 0) return piece;
    const said = inside.map((at) => passages[at]);
    const mark = element("mark", { title: said.map(({ name }) => name).join(", ") }, piece);
    const top = said.find(({ isChosen }) => isChosen) ?? said.at(-1);
    mark.style.setProperty("--color", css(top.color));
    mark.classList.toggle("task-chosen", Boolean(top.isChosen));
    if (top.key !== undefined) mark.dataset.item = top.key;
    return mark;
  });
  return element("p", { class: "task-text" }, ...pieces, characters.length > LONGEST ? " …" : null);
}

// The places of the selection within the text; null where nothing of it is selected.
function selected(host) {
  const selection = getSelection();
  if (!selection || selection.isCollapsed || selection.rangeCount === 0) return null;
  const range = selection.getRangeAt(0);
  if (!host.contains(range.startContainer) || !host.contains(range.endContainer)) return null;
  const before = document.createRange();
  before.selectNodeContents(host);
  before.setEnd(range.startContainer, range.startOffset);
  const start = charactersOf(before.toString()).length;
  return [start, start + charactersOf(range.toString()).length];
}

/**
 * The text under correction: what is selected becomes a passage of the tool in hand.
 * @param {HTMLElement} host
 * @param {string} text
 * @param {import("./editor.js").Editor} editor
 * @param {string} name of the object in the config
 * @param {() => any[]} others passages that are shown beside those under correction
 * @returns {() => void} shows it anew
 */
export function editText(host, text, editor, name, others) {
  const show = () => {
    const mine = editor.items.flatMap((item) => {
      const { start, end } = valueOf(item);
      const tool = editor.toolOf(item);
      if (item.region?.to_name !== name || tool?.kind !== "span" || !Number.isInteger(start)) return [];
      const label = valueOf(item)[tool.key]?.[0] ?? "";
      const place = tool.labels.findIndex(([stored]) => stored === label);
      return [{ start, end, name: label, color: colorAt(Math.max(0, place)), key: item.key, isChosen: item.key === editor.chosen }];
    });
    host.replaceChildren(markedText(text, [...others(), ...mine]));
  };
  host.addEventListener("click", ({ target }) => {
    const key = target instanceof HTMLElement ? target.dataset.item : undefined;
    if (key !== undefined && getSelection()?.isCollapsed) editor.choose(key);
  });
  document.addEventListener("pointerup", () => {
    // The browser ends its selection after the event.
    setTimeout(() => {
      const places = selected(host);
      const spans = editor.tools.filter((tool) => tool.kind === "span" && tool.to.includes(name));
      // The one in hand, of several.
      const span = spans.includes(editor.tool) ? editor.tool : spans[0];
      const found = places && trimmed(text, places[0], places[1]);
      if (!found || !span) return;
      getSelection().removeAllRanges();
      if (editor.tool !== span) editor.take(span);
      editor.add(passageOf(text, ...found), { name });
    });
  });
  editor.watch(show);
  show();
  return show;
}
