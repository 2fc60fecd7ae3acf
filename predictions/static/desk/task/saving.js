// Sends a correction to be stored, and says what became of it.

import { element } from "../safe.js";
import { entriesOf, wholeEntries } from "./edits.js";

const UNREACHABLE = "The server cannot be reached. Nothing is stored: try again.";
const LOGGED_OUT = "Nothing is stored. Log in again in another tab, and save then.";

// The problem in the server's words.
function problemOf(said) {
  const errors = Object.values(said?.validation_errors ?? {}).flat();
  return errors.length > 0 ? errors.join(" ") : String(said?.detail ?? LOGGED_OUT);
}

/** Where a correction goes. */
export class Saving {
  /**
   * @param {import("./editor.js").Editor} editor
   * @param {{form: HTMLFormElement, truth: HTMLInputElement, status: HTMLElement, conflict: HTMLElement}} page
   * @param {number | null} known the newest ground truth that the page knows
   */
  constructor(editor, { form, truth, status, conflict }, known) {
    this.editor = editor;
    this.form = form;
    this.truth = truth;
    this.status = status;
    this.conflict = conflict;
    this.known = known;
    this.isSending = false;
    this.isSaved = false;
  }

  /**
   * What the page started from must be as it was.
   * @returns {Promise<void>} once the server has answered
   */
  save() {
    const { kind, id, updatedAt } = this.editor.source;
    const isSame = !this.editor.isChanged && this.truth.checked === this.truth.defaultChecked;
    if (kind === "annotation" && isSame) {
      this.status.textContent = "Nothing has changed, so there is nothing to save.";
      return Promise.resolve();
    }
    return this.#send({
      ...(kind === null ? {} : { [kind]: id, updated_at: updatedAt }),
      regions: entriesOf(this.editor.items),
      ground_truth: this.truth.checked,
      instead_of: this.known,
    });
  }

  // Whatever it was made of: every region goes along, and no other ground truth is passed over.
  #saveAnew() {
    const { kind, id } = this.editor.source;
    return this.#send({
      ...(kind === null ? {} : { [kind]: id }),
      regions: wholeEntries(this.editor.items),
      as_new: true,
      ground_truth: false,
    });
  }

  async #send(body) {
    if (this.isSending) return;
    this.isSending = true;
    this.status.textContent = "Saving…";
    this.conflict.hidden = true;
    try {
      const token = /** @type {HTMLInputElement} */ (this.form.elements.namedItem("csrfmiddlewaretoken"));
      const answer = await fetch(this.form.dataset.address, {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token.value },
        body: JSON.stringify(body),
      });
      const said = await answer.json().catch(() => null);
      if (answer.ok && said !== null) this.#saved();
      else if (answer.status === 409) this.#ask(problemOf(said));
      else this.status.textContent = problemOf(said);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      this.status.textContent = UNREACHABLE;
    } finally {
      this.isSending = false;
    }
  }

  #saved() {
    this.isSaved = true;
    this.status.textContent = "Saved.";
    const query = new URLSearchParams(location.search);
    query.delete("edit");
    const text = query.toString();
    location.assign(location.pathname + (text ? `?${text}` : ""));
  }

  // Somebody else was quicker.
  #ask(problem) {
    this.status.textContent = "";
    const anew = element("button", { type: "button", class: "desk-button" }, "Save mine as another annotation");
    anew.addEventListener("click", () => this.#saveAnew());
    this.conflict.replaceChildren(
      element("p", {}, problem, " Open the page anew to see what is there now, and lose what you changed; or save yours as another annotation, which is no ground truth."),
      element("div", { class: "desk-actions" }, anew, element("a", { class: "desk-button", href: location.pathname + location.search }, "Open anew")),
    );
    this.conflict.hidden = false;
    this.conflict.focus();
  }
}
