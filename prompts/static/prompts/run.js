// The page of a run: draws what the server says of it, and asks again until it has ended.

import { element, pageData } from "../desk/safe.js";

const POLL_MS = 1000;
const MOST_MS = 15000;
const TONES = { Completed: "desk-good", Failed: "desk-bad", Canceled: "desk-warn" };

const page = pageData();
/**
 * @param {string} name of a part of the page
 * @returns {any} its element; null without
 */
const part = (name) => document.querySelector(`[data-run="${name}"]`);
const numbers = new Intl.NumberFormat("en");
let drawnFailures = null;
let drawnStatus = page.state.status;
let timer = null;

function draw(state) {
  const done = state.predicted + state.failed;
  const badge = part("status");
  badge.textContent = state.status_label;
  badge.className = `run-badge ${TONES[state.status] ?? ""}`;
  part("bar").value = state.progress;
  part("bar").dataset.status = state.status;
  part("bar").textContent = `${Math.floor(100 * state.progress)} %`;
  part("counts").textContent =
    `${numbers.format(done)} of ${numbers.format(state.total)} tasks: ` +
    `${numbers.format(state.predicted)} predicted, ${numbers.format(state.failed)} failed` +
    (state.left ? `; ${state.left}` : "");
  part("reason").textContent = state.reason;
  if (state.status !== drawnStatus) part("spoken").textContent = `The run is ${state.status_label}.`;
  drawnStatus = state.status;
  part("measures").replaceChildren(
    ...state.measures.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]),
  );
  drawFailures(state.failures);
  drawActions(state);
}

function drawActions(state) {
  if (part("cancel") === null) return;
  part("cancel").hidden = !state.is_open;
  part("repeat").hidden = state.is_open;
  part("retry").hidden = state.is_open || state.unpredicted === 0;
  const tasks = state.unpredicted === 1 ? "1 task" : `${numbers.format(state.unpredicted)} tasks`;
  part("retry-label").textContent = `Retry ${tasks} without a prediction`;
}

function drawFailures(failures) {
  const text = JSON.stringify(failures);
  if (text === drawnFailures) return;
  const unfolded = part("failures").querySelectorAll("details[open]");
  const open = new Set([...unfolded].map((details) => details.dataset.type));
  const isFirst = part("failures").childElementCount === 0;
  if (isFirst && failures.length > 0) open.add(failures[0].type);
  drawnFailures = text;
  part("no-failures").hidden = failures.length > 0;
  part("all-failures").hidden = failures.length === 0;
  part("failures").replaceChildren(...failures.map((group) => drawnGroup(group, open)));
}

function drawnGroup(group, open) {
  const examples = group.examples.map((example) =>
    element(
      "li",
      {},
      element("a", { class: "desk-link", href: example.url }, `Task ${example.task}`),
      element("pre", { class: "desk-json", tabindex: "0" }, example.message || "No message."),
    ),
  );
  const many = element("span", { class: "run-many" }, numbers.format(group.count));
  const summary = element("summary", {}, group.type || "No type", many);
  const advice = group.advice ? element("p", { class: "run-advice" }, group.advice) : null;
  const list = element("ul", {}, ...examples);
  const details = element("details", { open: open.has(group.type) }, summary, advice, list);
  details.dataset.type = group.type;
  return details;
}

function wait(ms) {
  clearTimeout(timer);
  timer = setTimeout(() => ask(ms), ms);
}

async function ask(waited) {
  if (document.hidden) return;
  try {
    const answer = await fetch(page.progress_url, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 403 || answer.status === 404) {
      part("reason").textContent = "This page can see the run no more. Reload it.";
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    const state = await answer.json();
    draw(state);
    if (state.is_open) wait(POLL_MS);
  } catch {
    part("reason").textContent = "The server does not answer. This page keeps asking.";
    wait(Math.min(Math.max(2 * waited, POLL_MS), MOST_MS));
  }
}

draw(page.state);
if (page.state.is_open) {
  wait(POLL_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && ["Pending", "InProgress"].includes(drawnStatus)) wait(0);
  });
}
