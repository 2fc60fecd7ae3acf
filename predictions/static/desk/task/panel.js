// Around what is corrected: the tools, their labels, questions about the whole task, what is only
// looked at, and a list of the regions, which the keyboard walks through.

import { element } from "../safe.js";
import { colorAt, css } from "../shapes.js";
import { valueOf } from "./edits.js";
import { isQuestion, question } from "./questions.js";

const NAMES = { rectangle: "Box", polygon: "Polygon", ellipse: "Ellipse", keypoint: "Key point", span: "Passage" };

/**
 * Shows the buttons of a list anew, and leaves the focus on the one that had it, or took its place.
 * @param {HTMLElement} host
 * @param {...Node} shown
 */
function keepFocus(host, ...shown) {
  const before = [...host.querySelectorAll("button")];
  const at = before.findIndex((one) => one === document.activeElement);
  host.replaceChildren(...shown);
  if (at < 0) return;
  const after = host.querySelectorAll("button");
  after[Math.min(at, after.length - 1)]?.focus();
}

/**
 * The tools and labels, in `host`.
 * @param {HTMLElement} host
 * @param {import("./editor.js").Editor} editor
 * @param {string[]} lookedAt controls without a tool
 */
export function showTools(host, editor, lookedAt) {
  const places = editor.drawn;
  const hasLabels = editor.tools.some((tool) => !isQuestion(tool));
  const questions = editor.tools.filter(isQuestion);
  const tools = element("div", { class: "task-tools", role: "group", "aria-label": "Tools" });
  const labels = element("div", { class: "task-tools", role: "group", "aria-label": "Labels" });
  const asked = element("div", {}, ...questions.map((tool) => question(tool, editor)));
  host.replaceChildren(
    ...(places.length > 0 ? [tools] : []),
    ...(hasLabels ? [labels] : []),
    ...(questions.length > 0 ? [asked] : []),
  );
  if (editor.tools.length === 0) {
    host.append(element("p", {}, "The labelling config has no control that can be used here. Regions can be deleted, and moved where they are shapes."));
  }
  const onlyLabelled = editor.tools.filter(({ kind }) => kind === "labels").map(({ name }) => name);
  if (onlyLabelled.length > 0) {
    host.append(element("p", {}, `Regions of ${onlyLabelled.join(", ")} can be given another label or deleted, but not drawn here.`));
  }
  if (lookedAt.length > 0) host.append(element("p", {}, `Only shown here, or deleted: ${lookedAt.join(", ")}.`));
  const show = () => {
    keepFocus(
      tools,
      element("span", {}, "Tool"),
      ...places.map((tool) => {
        const isHeld = tool === editor.tool && editor.isDrawing;
        const button = element("button", { type: "button", class: "desk-button", "aria-pressed": String(isHeld) }, `${NAMES[tool.kind]}: ${tool.name}`);
        button.addEventListener("click", () => editor.take(isHeld ? null : tool));
        return button;
      }),
    );
    const tool = editor.item ? editor.toolOf(editor.item) : editor.tool;
    labels.hidden = editor.labels.length === 0;
    const given = editor.item && tool?.key ? valueOf(editor.item)[tool.key]?.[0] : editor.label;
    keepFocus(
      labels,
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

function nameOf(item, editor) {
  const tool = editor.toolOf(item);
  const value = valueOf(item);
  const kind = item.region?.type;
  const listed = tool?.key ? value[tool.key] : value[kind];
  const said = [listed ?? []].flat().map((one) => (Array.isArray(one) ? one.join(" / ") : String(one)));
  const label = said.join(", ").slice(0, 80);
  return [label || String(item.region?.from_name ?? ""), typeof value.text === "string" ? `“${value.text.slice(0, 40)}”` : (NAMES[tool?.kind] ?? kind)];
}

/**
 * The list of regions, in `host`: each is a button that chooses it.
 * @param {HTMLElement} host
 * @param {import("./editor.js").Editor} editor
 */
export function listItems(host, editor) {
  const show = () => {
    if (editor.items.length === 0) {
      keepFocus(host, element("p", {}, "None yet."));
      return;
    }
    const rows = editor.items.map((item) => {
      const [name, more] = nameOf(item, editor);
      const state = item.from === null ? " new" : item.changed === null ? "" : " changed";
      const isChosen = item.key === editor.chosen;
      const button = element("button", { type: "button", class: "desk-button", "aria-pressed": String(isChosen) }, element("strong", {}, name), element("span", {}, `${more}${state}`));
      button.addEventListener("click", () => editor.choose(item.key));
      return element("li", {}, button);
    });
    keepFocus(host, element("ul", { class: "task-regions" }, ...rows));
  };
  editor.watch(show);
  show();
}
