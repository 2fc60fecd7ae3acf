// The page of a task: shows it with everything that was said about it, and lets one result be
// corrected. What is shown is in the address.

import { pageData } from "../safe.js";
import { colorAt, css } from "../shapes.js";
import { Canvas } from "./canvas.js";
import { valueOf } from "./edits.js";
import { Editor } from "./editor.js";
import { fillHelp, keyOf } from "./keys.js";
import { listItems, showTools } from "./panel.js";
import { Saving } from "./saving.js";
import { editText } from "./texts.js";
import { Things, showAnswers } from "./things.js";

const data = pageData();
const asked = new URLSearchParams(location.search);
/**
 * @param {string} id
 * @returns {any} the element; null without
 */
const find = (id) => document.getElementById(id);
const isEditing = data.edit !== null;
const keys = data.sources.map(({ key }) => key);
// While something is corrected, the others are out of the way until somebody asks for them.
const hidden = new Set(isEditing ? keys : asked.getAll("hide").filter((key) => keys.includes(key)));

const lowest = Number(asked.get("min"));
const things = new Things(find("things"), data, {
  isSide: asked.get("layout") === "side" && !isEditing,
  hidden,
  labels: asked.getAll("hide_label"),
  score: lowest > 0 && lowest <= 1 ? lowest : 0,
  changed: ({ hidden: { labels }, score }) => remember({ hide_label: labels, min: score > 0 ? [String(score)] : [] }),
});
listSources();
answers();
const editor = isEditing ? startEditing() : null;
const saving = editor && new Saving(
  editor,
  { form: find("token"), truth: find("truth"), status: find("editor-status"), conflict: find("conflict") },
  data.truth,
);
if (editor) wire();
fillHelp(find("help"), isEditing);
find("keys").addEventListener("click", () => find("help").showModal());
document.addEventListener("keydown", press);

function answers() {
  showAnswers(find("answers"), data.sources.filter(({ key }) => !hidden.has(key)));
}

// Writes into the address, and into the links that stay with this way of looking.
function remember(changes) {
  if (isEditing) return;
  const query = new URLSearchParams(location.search);
  for (const [name, values] of Object.entries(changes)) {
    query.delete(name);
    for (const value of values) query.append(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", text ? `?${text}` : location.pathname);
  for (const id of ["before", "after"]) {
    const link = find(id);
    if (!link) continue;
    // What is hidden is of this task; labels and scores are of all.
    query.delete("hide");
    link.search = query.toString();
  }
}

function listSources() {
  for (const { key, color } of data.sources) {
    const row = document.querySelector(`[data-source="${key}"]`);
    /** @type {HTMLElement} */ (row.querySelector(".desk-swatch")).style.setProperty("--color", css(colorAt(color)));
    const box = /** @type {HTMLInputElement} */ (row.querySelector("input[data-toggle]"));
    box.checked = !hidden.has(key);
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(key);
      else hidden.add(key);
      things.hide(hidden);
      answers();
      remember({ hide: [...hidden] });
    });
  }
}

function startEditing() {
  const made = new Editor(data.edit, data.tools);
  made.names = things.names;
  for (const { viewer, name, page } of things.pictures) {
    const picture = { name, page, size: null };
    made.pictures.push(picture);
    viewer.ready.then(() => {
      if (viewer.isMeasured) picture.size = viewer.size;
      new Canvas(viewer, made, picture, page === null ? name : `${name}, page ${page + 1}`);
    });
  }
  for (const { kind, name, value } of data.things) {
    const isMarked = kind === "text" && data.tools.some((tool) => tool.kind === "span" && tool.to.includes(name));
    if (!isMarked) continue;
    made.texts.set(name, value);
    things.texts.set(name, editText(things.places.get(name), value, made, name, () => things.passagesIn(name)));
  }
  return made;
}

function wire() {
  showTools(find("editor-bar"), editor, data.lookedAt);
  listItems(find("regions"), editor);
  find("undo").addEventListener("click", () => editor.undo());
  find("redo").addEventListener("click", () => editor.redo());
  find("save").addEventListener("click", () => saving.save());
  const show = () => {
    find("undo").disabled = !editor.history.canUndo;
    find("redo").disabled = !editor.history.canRedo;
    const { item } = editor;
    const chosen = item ? `Chosen: ${[valueOf(item)[editor.toolOf(item)?.key]].flat().join(", ") || item.region?.from_name}.` : "";
    const drawing = editor.isDrawing ? `Drawing with ${editor.tool.name}.` : "";
    find("editor-status").textContent = [chosen, drawing, editor.isChanged ? "Not saved yet." : ""].filter(Boolean).join(" ");
  };
  editor.watch(show);
  show();
  addEventListener("beforeunload", (event) => {
    if (editor.isChanged && !saving.isSaved) event.preventDefault();
  });
  // Back here from what was saved: the page as it is now, not as it was kept.
  addEventListener("pageshow", ({ persisted }) => {
    if (persisted && saving.isSaved) location.reload();
  });
}

const ACTS = {
  before: () => find("before")?.click(),
  after: () => find("after")?.click(),
  correct: () => /** @type {HTMLElement | null} */ (document.querySelector("[data-correct]"))?.click(),
  draw: () => find("draw")?.click(),
  view: () =>
    /** @type {HTMLElement | null} */ (
      document.querySelector(".desk-actions a.desk-button:not(.desk-lit, [id], [rel])")
    )?.click(),
  help: () => find("help").showModal(),
  next: (step) => editor.chooseNext(step),
  tool: () => {
    const places = editor.drawn;
    if (places.length > 0) editor.take(places[(places.indexOf(editor.tool) + 1) % places.length]);
  },
  pen: () => editor.take(editor.isDrawing ? null : editor.tool),
  add: () => editor.addByKey(),
  close: () => {
    for (const canvas of document.querySelectorAll(".task-canvas")) canvas.dispatchEvent(new MouseEvent("dblclick"));
  },
  leave: () => {
    editor.isDrawing = false;
    editor.choose(null);
  },
  remove: () => editor.remove(),
  nudge: (x, y) => editor.nudge(x, y),
  stretch: (x, y) => editor.stretch(x, y),
  point: (step) => editor.choosePoint(step),
  insert: () => editor.addPoint(),
  undo: () => editor.undo(),
  redo: () => editor.redo(),
  save: () => saving.save(),
  truth: () => find("truth").click(),
  label: (at) => {
    const label = editor.labels[at];
    if (label) editor.giveLabel(label[0]);
  },
};

// Keys belong to what is typed in, and to what uses them itself.
function isTaken({ key, target, ctrlKey, metaKey }) {
  if (!(target instanceof Element)) return true;
  if (find("help").open) return true;
  const isChord = ctrlKey || metaKey;
  if (target.closest("textarea, select, input:not([type='checkbox'], [type='radio'], [type='range'])")) {
    if (!(isChord && key === "s")) return true;
    // What is typed counts when the field is left.
    if (target instanceof HTMLElement) target.blur();
    return false;
  }
  if (key === "Enter") return target.closest("button, a, summary, input") !== null;
  if (key.startsWith("Arrow")) {
    const own = target.closest("input[type='radio'], input[type='range'], .desk-scroll, .desk-json, audio, video");
    if (own !== null) return true;
    return isEditing ? editor.item === null : target.closest(".desk-window") !== null;
  }
  return false;
}

function press(event) {
  const found = keyOf(event, isEditing);
  if (found === null || event.defaultPrevented || isTaken(event)) return;
  event.preventDefault();
  ACTS[found.act](...(found.with ?? []));
}

// The first region is chosen: the keys work at once.
editor?.chooseNext(1);
