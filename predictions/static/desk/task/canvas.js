// The result under correction over its image: shapes that a pointer takes hold of, and new ones.

import { shape } from "../safe.js";
import { colorAt, css, draw } from "../shapes.js";
import { valueOf, withValues } from "./edits.js";
import { drawnFrom, handlesOf, kindOf, moved, resized } from "./geometry.js";

// Pixels of the screen.
const HANDLE = 6;
const LEAST = 4;

/** Shapes to take hold of, over the stage of a viewer. */
export class Canvas {
  /**
   * @param {import("../viewer.js").Viewer} viewer its image has been loaded
   * @param {import("./editor.js").Editor} editor
   * @param {import("./editor.js").Picture} picture one of the editor's
   * @param {string} title
   */
  constructor(viewer, editor, picture, title) {
    this.viewer = viewer;
    this.editor = editor;
    this.picture = picture;
    const [wide, high] = viewer.size;
    this.svg = shape("svg", {
      class: "task-canvas",
      viewBox: `0 0 ${wide} ${high}`,
      preserveAspectRatio: "none",
      tabindex: "0",
      role: "group",
      "aria-label": `Regions on ${title} under correction; ? lists the keys`,
    });
    viewer.stage.append(this.svg);
    /** Corners of a polygon that is not closed yet, in per cent. */
    this.corners = [];
    /** What a pointer does now. */
    this.drag = null;
    this.preview = null;
    this.svg.addEventListener("pointerdown", (event) => this.#down(event));
    this.svg.addEventListener("pointermove", (event) => this.#move(event));
    this.svg.addEventListener("pointerup", (event) => this.#up(event));
    this.svg.addEventListener("pointercancel", () => this.#drop());
    this.svg.addEventListener("dblclick", () => this.close());
    new ResizeObserver(() => this.draw()).observe(viewer.stage);
    editor.watch(() => {
      if (!this.#isDrawn || editor.tool.kind !== "polygon") this.corners = [];
      this.draw();
    });
    this.draw();
  }

  /**
   * @param {PointerEvent | MouseEvent} event
   * @returns {import("./geometry.js").Point} the place under the pointer, in per cent of the image
   */
  #at(event) {
    const box = this.svg.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * 100, ((event.clientY - box.top) / box.height) * 100];
  }

  #down(event) {
    if (event.button !== 0) return;
    const { editor } = this;
    const at = this.#at(event);
    const target = /** @type {SVGElement} */ (event.target);
    const { handle, item } = target.dataset;
    editor.picture = this.picture;
    if (editor.isDrawing ? !this.#isDrawn : handle === undefined && item === undefined) {
      // The viewer moves the image then.
      if (!editor.isDrawing) editor.choose(null);
      return;
    }
    event.stopPropagation();
    this.svg.setPointerCapture(event.pointerId);
    if (editor.isDrawing) {
      this.drag = { act: "draw", from: at };
      return;
    }
    if (handle !== undefined) {
      const isPoint = kindOf(valueOf(editor.item)) === "polygon";
      this.drag = { act: "resize", handle, key: editor.chosen, value: valueOf(editor.item) };
      if (isPoint) editor.choose(editor.chosen, { point: Number(handle) });
      return;
    }
    editor.choose(item);
    // A mask is only looked at.
    if (kindOf(valueOf(editor.item)) === null) return;
    this.drag = { act: "move", from: at, key: item, value: valueOf(editor.item) };
  }

  #move(event) {
    const { drag } = this;
    if (drag === null) return;
    const at = this.#at(event);
    if (drag.act === "draw") {
      drag.to = at;
      this.draw();
      return;
    }
    this.preview =
      drag.act === "resize"
        ? resized(drag.value, drag.handle, at, this.viewer.size)
        : moved(drag.value, at[0] - drag.from[0], at[1] - drag.from[1], this.viewer.size);
    this.draw();
  }

  #up(event) {
    const { drag, preview, editor } = this;
    this.drag = null;
    this.preview = null;
    if (drag === null) return;
    if (drag.act !== "draw") {
      if (preview !== null) editor.go(withValues(editor.items, drag.key, preview));
      return;
    }
    // A key may have laid down the tool meanwhile.
    if (!this.#isDrawn) return this.draw();
    const { kind } = editor.tool;
    const to = this.#at(event);
    if (kind === "polygon") this.#corner(to);
    else if (kind === "keypoint") editor.add(drawnFrom(kind, to, to), this.picture);
    else if (this.#isLarge(drag.from, to)) editor.add(drawnFrom(kind, drag.from, to), this.picture);
    else this.draw();
  }

  #drop() {
    this.drag = null;
    this.preview = null;
    this.draw();
  }

  #isLarge(from, to) {
    const box = this.svg.getBoundingClientRect();
    const wide = (Math.abs(to[0] - from[0]) * box.width) / 100;
    return Math.min(wide, (Math.abs(to[1] - from[1]) * box.height) / 100) >= LEAST;
  }

  #corner(at) {
    const [first] = this.corners;
    const box = this.svg.getBoundingClientRect();
    const isNear =
      first && Math.hypot(((at[0] - first[0]) * box.width) / 100, ((at[1] - first[1]) * box.height) / 100) < 2 * HANDLE;
    if (isNear) this.close();
    else {
      this.corners = [...this.corners, at.map((x) => Math.min(Math.max(x, 0), 100))];
      this.draw();
    }
  }

  /**
   * Ends the polygon that is being drawn.
   * @returns {boolean} whether there was one of three corners at least
   */
  close() {
    // A double click has put its last corner twice.
    const corners = this.corners.filter((one, n) => n === 0 || Math.hypot(one[0] - this.corners[n - 1][0], one[1] - this.corners[n - 1][1]) > 0.1);
    if (corners.length < 3) return false;
    this.corners = [];
    this.editor.add({ points: corners, closed: true }, this.picture);
    return true;
  }

  // Whether the tool in hand draws here.
  get #isDrawn() {
    return this.editor.isDrawing && this.editor.fits(this.picture);
  }

  /** Everything anew. */
  draw() {
    const { editor, svg } = this;
    const [wide, high] = this.viewer.size;
    svg.classList.toggle("task-drawing", this.#isDrawn);
    const labels = editor.labels.map(([stored]) => stored);
    const shapes = editor.items.filter((item) => editor.pictureOf(item) === this.picture).flatMap((item) => {
      const value = this.preview && item.key === this.drag?.key ? { ...valueOf(item), ...this.preview } : valueOf(item);
      const kind = kindOf(value) ?? (value.rle ? "brush" : value.imageDataURL ? "bitmask" : null);
      if (kind === null) return [];
      const tool = editor.toolOf(item);
      const known = (tool?.labels ?? []).map(([stored]) => stored);
      const label = tool?.key ? value[tool.key]?.[0] : null;
      const color = colorAt(Math.max(0, (known.length > 0 ? known : labels).indexOf(label)));
      const size = kind === "brush" ? { width: item.region.original_width, height: item.region.original_height } : {};
      const drawn = draw({ kind, geometry: { ...value, ...size } }, wide, high, color);
      if (drawn === null) return [];
      drawn.classList.add("task-shape");
      drawn.classList.toggle("task-chosen", item.key === editor.chosen);
      drawn.style.setProperty("--color", css(color));
      drawn.dataset.item = item.key;
      return [drawn, ...(item.key === editor.chosen && !editor.isDrawing ? this.#handles(value) : [])];
    });
    svg.replaceChildren(...shapes, ...this.#draft());
  }

  #handles(value) {
    const scale = this.viewer.size[0] / Math.max(1, this.svg.clientWidth);
    return handlesOf(value, this.viewer.size).map(({ name, x, y }) => {
      const handle = shape("circle", { cx: x, cy: y, r: HANDLE * scale, class: "task-handle" });
      handle.classList.toggle("task-chosen", this.editor.point !== null && name === String(this.editor.point));
      handle.dataset.handle = name;
      return handle;
    });
  }

  // What is being drawn.
  #draft() {
    const { drag, editor } = this;
    const [wide, high] = this.viewer.size;
    const kind = editor.tool?.kind;
    if (this.corners.length > 0) {
      const points = this.corners.map(([x, y]) => `${(x * wide) / 100},${(y * high) / 100}`).join(" ");
      const [x, y] = this.corners[0];
      const scale = wide / Math.max(1, this.svg.clientWidth);
      return [
        shape("polyline", { points, class: "task-draft" }),
        shape("circle", { cx: (x * wide) / 100, cy: (y * high) / 100, r: HANDLE * scale, class: "task-draft" }),
      ];
    }
    if (drag?.act !== "draw" || !drag.to || !["rectangle", "ellipse"].includes(kind)) return [];
    const drawn = draw({ kind, geometry: drawnFrom(kind, drag.from, drag.to) }, wide, high, [0, 0, 0]);
    drawn.classList.add("task-draft");
    return [drawn];
  }
}
