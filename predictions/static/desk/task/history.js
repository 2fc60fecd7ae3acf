// What was there before each step, to go back to and forth again. Pure.

/** Steps that are remembered. */
export const MOST_STEPS = 500;

/** States, of which one is the present one; none of them may be changed from outside. */
export class History {
  /** @param {any} state the first one */
  constructor(state) {
    this.past = [];
    this.present = state;
    this.future = [];
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /**
   * Goes on to another state; what was undone is given up. The same state is no step.
   * @param {any} state
   */
  go(state) {
    if (state === this.present) return;
    this.past = [...this.past, this.present].slice(-MOST_STEPS);
    this.present = state;
    this.future = [];
  }

  /**
   * Back to the state before, if there is one.
   * @returns {boolean} whether there was
   */
  undo() {
    if (!this.canUndo) return false;
    this.future = [this.present, ...this.future];
    this.present = this.past.at(-1);
    this.past = this.past.slice(0, -1);
    return true;
  }

  /**
   * Forth again to what was undone last.
   * @returns {boolean} whether there was something
   */
  redo() {
    if (!this.canRedo) return false;
    this.past = [...this.past, this.present];
    [this.present, ...this.future] = this.future;
    return true;
  }
}
