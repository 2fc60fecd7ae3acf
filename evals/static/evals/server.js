// The API's routes of this evaluation, and the few of the desk beside them.

import { config } from "./state.js";

async function answer(address, parameters, method = "GET") {
  const url = new URL(address, window.location.href);
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") url.searchParams.append(name, one);
    }
  }
  const found = await fetch(url, {
    method,
    headers: { Accept: "application/json" },
    credentials: "same-origin",
  });
  if (found.ok) return found;
  const problem = await found.json().catch(() => ({}));
  throw new Error(problem.message ?? problem.detail ?? `The server answered ${found.status}.`);
}

// An id from the address becomes part of another one: nothing but letters and digits.
function checked(evaluation) {
  if (!/^[A-Za-z0-9]+$/.test(evaluation)) throw new Error("There is no such evaluation.");
  return evaluation;
}

/**
 * A JSON answer of one of the API's routes of an evaluation.
 * @param {string} route below the evaluation; "" for itself
 * @param {Record<string, any>} parameters null and "" are left out, a list repeats one
 * @param {string} evaluation its id, this page's unless given
 * @returns {Promise<any>}
 * @throws {Error} with the server's message
 */
export async function api(route, parameters = {}, evaluation = config.evalId) {
  const root = config.api.replace(/[^/]+$/, checked(evaluation));
  return (await answer(route ? `${root}/${route}` : root, parameters)).json();
}

/**
 * The overview of an evaluation.
 * @param {string} evaluation its id
 * @returns {string} its path, with a slash at the end
 * @throws {Error} where it is no id
 */
export const pageOf = (evaluation) => config.page.replace(/[^/]+\/$/, `${checked(evaluation)}/`);

/**
 * A JSON answer of one of the desk's own routes of an evaluation.
 * @param {string} route
 * @param {Record<string, any>} parameters
 * @param {string} evaluation its id, this page's unless given
 * @returns {Promise<any>}
 * @throws {Error} with the server's message
 */
export async function desk(route, parameters = {}, evaluation = config.evalId) {
  return (await answer(`${pageOf(evaluation)}data/${route}`, parameters)).json();
}

/**
 * A binary answer of one of the desk's own routes of this evaluation.
 * @param {string} route
 * @param {Record<string, any>} parameters
 * @returns {Promise<ArrayBuffer>}
 * @throws {Error} with the server's message
 */
export async function bytes(route, parameters = {}) {
  return (await answer(`${pageOf(config.evalId)}data/${route}`, parameters)).arrayBuffer();
}
