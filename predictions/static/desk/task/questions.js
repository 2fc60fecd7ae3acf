// Questions about the whole task: choices, classes of a tree, ratings, numbers and texts.

import { element } from "../safe.js";
import { answerOf, withAnswer } from "./edits.js";
import { newId } from "./editor.js";

/** Answers of the editor's tools that are asked about the whole task, by kind. */
const FORMS = { choices: chooses, paths: chooses, rating: rates, number: counts, text: writes };

/**
 * Whether a tool asks about the whole task.
 * @param {{kind: string}} tool
 * @returns {boolean}
 */
export function isQuestion({ kind }) {
  return Object.hasOwn(FORMS, kind);
}

/**
 * One question: what can be answered, and what is.
 * @param {any} tool
 * @param {import("./editor.js").Editor} editor
 * @returns {HTMLElement}
 */
export function question(tool, editor) {
  const group = element("fieldset", { class: "desk-choices" }, element("legend", {}, tool.name));
  const answer = (value) => editor.go(withAnswer(editor.items, tool, value, newId()));
  const show = FORMS[tool.kind](group, tool, answer);
  const showNow = () => show(answerOf(editor.items, tool));
  editor.watch(showNow);
  showNow();
  return group;
}

const steps = (one) => JSON.stringify([one].flat());

// A radio button or a checkbox for each choice. What has no such button stays as it is stored.
function chooses(group, tool, answer) {
  let given = [];
  const isOne = !tool.multiple;
  const boxes = tool.labels.map(([stored, shown, path], at) => {
    const value = tool.kind === "paths" ? path : stored;
    const box = element("input", { type: isOne ? "radio" : "checkbox", name: `answer-${tool.name}`, value: at });
    box.addEventListener("change", () => {
      const others = isOne ? [] : given.filter((one) => steps(one) !== steps(value));
      answer(box.checked ? [...others, value] : others);
    });
    group.append(element("label", {}, box, element("span", {}, shown)));
    return { box, value };
  });
  const none = isOne ? noAnswer(group, tool, answer) : null;
  return (stored) => {
    given = [stored ?? []].flat();
    const chosen = new Set(given.map(steps));
    for (const { box, value } of boxes) box.checked = chosen.has(steps(value));
    if (none) none.checked = given.length === 0;
  };
}

function noAnswer(group, tool, answer) {
  const box = element("input", { type: "radio", name: `answer-${tool.name}`, value: "" });
  box.addEventListener("change", () => answer(null));
  group.append(element("label", {}, box, element("span", {}, "none")));
  return box;
}

function rates(group, tool, answer) {
  const boxes = Array.from({ length: tool.most }, (_, at) => {
    const box = element("input", { type: "radio", name: `answer-${tool.name}`, value: at + 1 });
    box.addEventListener("change", () => answer(at + 1));
    group.append(element("label", {}, box, element("span", {}, String(at + 1))));
    return box;
  });
  const none = noAnswer(group, tool, answer);
  return (stored) => {
    boxes.forEach((box, at) => {
      box.checked = stored === at + 1;
    });
    none.checked = stored === null;
  };
}

function counts(group, tool, answer) {
  const field = element("input", { type: "number", step: "any", class: "task-answer", "aria-label": tool.name });
  field.addEventListener("change", () => {
    // What is no number is shown as wrong by the browser, and not taken.
    if (!field.validity.badInput) answer(field.value === "" ? null : field.valueAsNumber);
  });
  group.append(field);
  return (stored) => {
    const text = stored === null ? "" : String(stored);
    if (field.value !== text) field.value = text;
  };
}

// A field for each text, and an empty one for another where there may be several.
function writes(group, tool, answer) {
  const place = element("div", { class: "task-texts" });
  group.append(place);
  const texts = () => Array.from(place.querySelectorAll("textarea"), ({ value }) => value);
  const add = (text) => {
    const field = element("textarea", { rows: 3, "aria-label": `${tool.name}, text ${place.children.length + 1}` });
    field.value = text;
    field.addEventListener("change", () => answer(texts().filter((one) => one.trim() !== "")));
    place.append(field);
  };
  return (stored) => {
    const given = [stored ?? []].flat().map(String);
    const wanted = [...given, ...(given.length < tool.most ? [""] : [])];
    if (JSON.stringify(texts()) === JSON.stringify(wanted)) return;
    const at = [...place.children].indexOf(document.activeElement);
    place.replaceChildren();
    wanted.forEach(add);
    if (at >= 0) /** @type {HTMLElement | undefined} */ (place.children[Math.min(at, wanted.length - 1)])?.focus();
  };
}
