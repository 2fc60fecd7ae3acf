// Around what is corrected: the tools, their labels, questions about the whole task, and a list of
// the regions, which the keyboard walks through.

import { element } from "../safe.js";
import { colorAt, css } from "../shapes.js";
import { chosenOf, valueOf, withChoices } from "./edits.js";

const NAMES = { rectangle: "Box", polygon: "Polygon", ellipse: "Ellipse", keypoint: "Key point", span: "Passage" };

/**
 * The tools and labels, in `host`.
 * @param {HTMLElement} host
 * @param {import("./editor.js").Editor} editor
 */
export function showTools(host, editor) {
  const places = editor.tools.filter(({ kind }) => kind !== "choices");
  const questions = editor.tools.filter(({ kind }) => kind === "choices");
  const tools = element("div", { class: "task-tools", role: "group", "aria-label": "Tools" });
  const labels = element("div", { class: "task-tools", role: "group", "aria-label": "Labels" });
  const asked = element("div", {}, ...questions.map((tool) => question(tool, editor)));
  host.replaceChildren(...(places.length > 0 ? [tools, labels] : []), ...(questions.length > 0 ? [asked] : []));
  if (editor.tools.length === 0) {
    host.replaceChildren(
      element("p", {}, "The labelling config has no control that can be used here. Regions can be deleted, and moved where they are shapes."),
    );
  }
  const show = () => {
    tools.replaceChildren(
      element("span", {}, "Tool"),
      ...places.map((tool) => {
        const isHeld = tool === editor.tool && editor.isDrawing;
        const button = element("button", { type: "button", class: "desk-button", "aria-pressed": String(isHeld) }, `${NAMES[tool.kind]}: ${tool.name}`);
        button.addEventListener("click", () => editor.take(isHeld ? null : tool));
        return button;
      }),
    );
    const tool = editor.item ? editor.toolOf(editor.item) : editor.tool;
    const given = editor.item && tool?.key ? valueOf(editor.item)[tool.key]?.[0] : editor.label;
    labels.replaceChildren(
      element("span", {}, "Label"),
      ...editor.labels.map(([stored, shown], at) => {
        const number = at < 9 ? element("kbd", {}, String(at + 1)) : null;
        const swatch = element("span", { class: "desk-swatch desk-filled", "aria-hidden": "true" });
        swatch.style.setProperty("--color", css(colorAt(at)));
        const button = element("button", { type: "button", class: "desk-button", "aria-pressed": String(stored === given) }, swatch, shown, number);
        button.addEventListener("click", () => editor.giveLabel(stored));
        return button;
      }),
    );
  };
  editor.watch(show);
  show();
}

// One question about the whole task: a radio button or a checkbox for each choice.
function question(tool, editor) {
  const group = element("fieldset", { class: "desk-choices" }, element("legend", {}, tool.name));
  const boxes = tool.labels.map(([stored, shown]) => {
    const box = element("input", { type: tool.multiple ? "checkbox" : "radio", name: `choices-${tool.name}`, value: stored });
    box.addEventListener("change", () => {
      const chosen = boxes.filter(({ checked }) => checked).map(({ value }) => value);
      editor.go(withChoices(editor.items, tool, chosen, crypto.randomUUID().slice(0, 8)));
    });
    group.append(element("label", {}, box, element("span", {}, shown)));
    return box;
  });
  const show = () => {
    const chosen = chosenOf(editor.items, tool);
    for (const box of boxes) box.checked = chosen.includes(box.value);
  };
  editor.watch(show);
  show();
  return group;
}

function nameOf(item, editor) {
  const tool = editor.toolOf(item);
  const value = valueOf(item);
  const kind = item.region?.type;
  const listed = tool?.key ? value[tool.key] : value[kind];
  const label = Array.isArray(listed) ? listed.map(String).join(", ") : "";
  return [label || String(item.region?.from_name ?? ""), typeof value.text === "string" ? `“${value.text.slice(0, 40)}”` : kind];
}

/**
 * The list of regions, in `host`: each is a button that chooses it.
 * @param {HTMLElement} host
 * @param {import("./editor.js").Editor} editor
 */
export function listItems(host, editor) {
  const show = () => {
    const hadFocus = host.contains(document.activeElement);
    if (editor.items.length === 0) {
      host.replaceChildren(element("p", {}, "None yet."));
      return;
    }
    const rows = editor.items.map((item) => {
      const [name, more] = nameOf(item, editor);
      const state = item.from === null ? " new" : item.changed === null ? "" : " changed";
      const isChosen = item.key === editor.chosen;
      const button = element("button", { type: "button", class: "desk-button", "aria-pressed": String(isChosen) }, element("strong", {}, name), element("span", {}, `${more}${state}`));
      button.addEventListener("click", () => editor.choose(isChosen ? null : item.key));
      return element("li", {}, button);
    });
    host.replaceChildren(element("ul", { class: "task-regions" }, ...rows));
    if (hadFocus) /** @type {HTMLElement | null} */ (host.querySelector("[aria-pressed='true']"))?.focus();
  };
  editor.watch(show);
  show();
}
