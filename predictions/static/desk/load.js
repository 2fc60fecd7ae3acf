// The page "Load files": takes files that are chosen or dropped, sends them, and shows what the
// server says of them. The form stays as it was filled in until the files are loaded.

import { element, safeAddress } from "./safe.js";

const LOGGED_OUT = "You are logged out, or the page is too old. Log in in another tab and load again.";
const UNREACHABLE = "The server cannot be reached. Nothing is known to be loaded.";

/**
 * @param {string} id
 * @returns {any} the element
 */
const find = (id) => document.getElementById(id);
const form = find("load");
const button = form.querySelector("button[type=submit]");
// The fields that are named after a file until a person types there.
const NAMED = { ground_truth: "title", predictions: "model_version" };
const suggested = new Map();
let isSending = false;
let wasLookedFor = false;

find("project").addEventListener("change", showTitle);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!isSending) send();
});
for (const area of form.querySelectorAll("[data-drop]")) takeDrops(area);
// Before the theme, which writes a file's name into the first text field it finds.
form.addEventListener(
  "change",
  (event) => {
    if (event.target.type !== "file") return;
    event.stopPropagation();
    nameAfter(event.target);
  },
  true,
);
// What is dropped beside an area would otherwise replace the page, and with it what was typed.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => event.preventDefault());
}
showTitle();

function showTitle() {
  find("of-title").hidden = find("project").value !== "";
}

// `detections-v2.json` is the version `detections-v2`, unless somebody has named it.
function nameAfter(input) {
  const field = find(NAMED[input.id]);
  if (field.value !== "" && field.value !== suggested.get(field)) return;
  field.value = (input.files[0]?.name ?? "").replace(/(\.[a-z0-9]{1,8}){1,2}$/i, "").slice(0, field.maxLength);
  suggested.set(field, field.value);
}

function takeDrops(area) {
  const input = area.querySelector("input");
  const lit = (isLit) => area.classList.toggle("desk-lit", isLit);
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    lit(true);
  });
  area.addEventListener("dragleave", () => lit(false));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    lit(false);
    if (event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

// The filled-in fields. An empty file is one that was not chosen; without anything of a version
// there is nothing to evaluate.
function filledIn() {
  const body = new FormData(form);
  body.delete("csrfmiddlewaretoken");
  for (const [name, value] of Array.from(body)) {
    if (value === "" || (value instanceof File && value.name === "")) body.delete(name);
  }
  if (body.has("project")) body.delete("title");
  if (!body.has("predictions") && !body.has("model_version")) body.delete("evaluate");
  return body;
}

function send() {
  const address = new URL(find("project").selectedOptions[0].dataset.address, location.href);
  wasLookedFor = find("format").value === "";
  if (!wasLookedFor) address.searchParams.set("format", find("format").value);
  const request = new XMLHttpRequest();
  request.open("POST", address);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.upload.addEventListener("progress", ({ loaded, total }) => {
    find("sent").value = total > 0 ? loaded / total : 0;
    if (loaded === total) say("Reading the files…");
  });
  request.addEventListener("load", () => answered(request));
  request.addEventListener("error", () => refused([[null, [UNREACHABLE]]]));
  wait(true);
  say("Sending…");
  showErrors([]);
  find("done").hidden = true;
  request.send(filledIn());
}

function answered(request) {
  let said = null;
  try {
    said = JSON.parse(request.responseText);
  } catch {
    // A page, not an answer: the session has ended.
  }
  if (said === null) refused([[null, [LOGGED_OUT]]]);
  else if (request.status === 201) showLoaded(said);
  else {
    const errors = Object.entries(said.validation_errors ?? {});
    refused(errors.length > 0 ? errors.map(([name, told]) => [name, [told].flat()]) : [[null, [said.detail]]]);
  }
}

function refused(errors) {
  wait(false);
  say("");
  showErrors(errors);
}

function wait(isWaiting) {
  isSending = isWaiting;
  find("sent").hidden = !isWaiting;
  find("sent").value = 0;
  if (isWaiting) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function say(text) {
  find("status").textContent = text;
}

function showErrors(errors) {
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  find("errors").hidden = errors.length === 0;
  if (errors.length === 0) return;
  const rows = errors.flatMap(([name, texts]) => {
    const field = name === null ? null : form.elements.namedItem(name);
    if (!(field instanceof HTMLElement)) return texts.map((text) => element("li", {}, text));
    field.setAttribute("aria-invalid", "true");
    const label = field.closest("label") ?? form.querySelector(`label[for="${field.id}"]`);
    return texts.map((text) => element("li", {}, `${label?.textContent.trim() ?? name}: ${text}`));
  });
  find("errors").replaceChildren(
    element("h2", {}, "Nothing is loaded"),
    element("ul", { class: "desk-list" }, ...rows),
  );
  find("errors").focus();
}

function showLoaded(said) {
  const project = `/admin/predictions/prediction/?project=${Number(said.project.id)}`;
  const page = said.evaluation ? safeAddress(said.evaluation.url) : project;
  const told = said.import;
  const { warnings } = told;
  // Where the format was looked for, the first one says which was recognised: alone it is none.
  if (warnings.length === (wasLookedFor ? 1 : 0)) {
    say("Loaded.");
    location.assign(page);
    return;
  }
  wait(false);
  say("Loaded, with warnings.");
  find("done").hidden = false;
  find("done").replaceChildren(
    element("h2", {}, `Loaded: ${told.task_count} new tasks, ${told.annotation_count} ground truths, ${told.prediction_count} predictions`),
    element("ul", { class: "desk-list" }, ...warnings.map((text) => element("li", {}, text))),
    element("p", {}, element("a", { class: "desk-link", href: page }, said.evaluation ? "To the evaluation" : "To the predictions")),
  );
  find("done").focus();
}
