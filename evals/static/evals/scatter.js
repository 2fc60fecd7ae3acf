// Many points on a canvas: drawn by the graphics card, or by hand where there is none. Drawing
// around points, a box, or what is in view selects; everything works with the keyboard, too.

import { el } from "./dom.js";

const VERTEX = `
attribute vec2 place;
attribute vec4 color;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
varying vec4 paint;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  paint = color;
}`;
const FRAGMENT = `
precision mediump float;
varying vec4 paint;
void main() {
  if (length(gl_PointCoord - 0.5) > 0.5) discard;
  gl_FragColor = vec4(paint.rgb * paint.a, paint.a);
}`;

// Of points that are not selected while others are.
const FAINT = 30;
const SOLID = 220;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, text] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  return gl.getProgramParameter(made, gl.LINK_STATUS) ? made : null;
}

class Card {
  // Draws with WebGL; null where the browser has none.
  static on(canvas, places) {
    const gl = canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    const made = gl && program(gl);
    return made ? new Card(gl, made, places) : null;
  }

  constructor(gl, made, places) {
    this.gl = gl;
    this.uniform = (name) => gl.getUniformLocation(made, name);
    gl.useProgram(made);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.n = places.length / 2;
    this.#buffer(made, "place", 2, gl.FLOAT, false, places);
    this.colors = this.#buffer(made, "color", 4, gl.UNSIGNED_BYTE, true, null);
  }

  #buffer(made, name, size, type, normalized, values) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    if (values) gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    const at = gl.getAttribLocation(made, name);
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, size, type, normalized, 0, 0);
    return buffer;
  }

  paint(colors) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.colors);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, colors, this.gl.DYNAMIC_DRAW);
  }

  draw({ scale, shift }, size) {
    const { gl } = this;
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.uniform2f(this.uniform("scale"), ...scale);
    gl.uniform2f(this.uniform("shift"), ...shift);
    gl.uniform1f(this.uniform("size"), size);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.drawArrays(gl.POINTS, 0, this.n);
  }
}

// The same by hand, a pixel of the picture at a time.
class Paper {
  constructor(canvas, places) {
    this.context = canvas.getContext("2d");
    this.places = places;
  }

  paint(colors) {
    this.colors = colors;
  }

  draw({ scale, shift }, size) {
    const { context, places } = this;
    const { width, height } = context.canvas;
    const image = context.createImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const colors = new Uint32Array(this.colors.buffer);
    const side = Math.max(1, Math.round(size));
    for (let at = 0; at < colors.length; at += 1) {
      const x = ((places[2 * at] * scale[0] + shift[0] + 1) / 2) * width - side / 2;
      const y = ((1 - places[2 * at + 1] * scale[1] - shift[1]) / 2) * height - side / 2;
      const [left, top] = [Math.round(x), Math.round(y)];
      for (let row = Math.max(top, 0); row < Math.min(top + side, height); row += 1) {
        const end = row * width + Math.min(left + side, width);
        pixels.fill(colors[at], row * width + Math.max(left, 0), end);
      }
    }
    context.putImageData(image, 0, 0);
  }
}

const TOOLS = [
  ["lasso", "Draw around"],
  ["box", "Box"],
  ["move", "Move"],
];

export class Scatter {
  // `selected` is called with {x, y}, the outline's corners, or null.
  constructor({ n, x, y }, selected) {
    this.n = n;
    this.selected = selected;
    this.places = new Float32Array(2 * n);
    for (let at = 0; at < n; at += 1) {
      this.places[2 * at] = x[at];
      this.places[2 * at + 1] = y[at];
    }
    this.bounds = [extent(x), extent(y)];
    this.canvas = el("canvas", { class: "ev-points" });
    this.lines = el("canvas", { class: "ev-points ev-lines" });
    this.stage = el(
      "div",
      { class: "ev-map", tabindex: "0", role: "application" },
      this.canvas,
      this.lines,
    );
    this.tool = "lasso";
    this.element = el("div", {}, this.#tools(), this.stage);
    this.painter = Card.on(this.canvas, this.places) ?? new Paper(this.canvas, this.places);
    this.fit();
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(this.stage);
  }

  label(text) {
    const keys = "Arrows move, plus and minus zoom, Enter selects what is in view";
    this.stage.setAttribute("aria-label", `${text}. ${keys}`);
  }

  // `rgb` has three bytes a point; `chosen` the places of the selected ones, or null for all.
  paint(rgb, chosen) {
    const colors = new Uint8Array(4 * this.n);
    const alpha = new Uint8Array(this.n).fill(chosen ? FAINT : SOLID);
    for (const at of chosen ?? []) alpha[at] = 255;
    for (let at = 0; at < this.n; at += 1) {
      for (let part = 0; part < 3; part += 1) colors[4 * at + part] = rgb[3 * at + part];
      colors[4 * at + 3] = alpha[at];
    }
    this.painter.paint(colors);
    this.redraw();
  }

  outline(corners) {
    this.corners = corners;
    this.redraw();
  }

  fit() {
    const [[left, right], [low, high]] = this.bounds;
    const part = (from, to) => 1.9 / Math.max(to - from, 1e-6);
    const scale = [part(left, right), part(low, high)];
    const middle = [(left + right) / 2, (low + high) / 2];
    this.view = { scale, shift: middle.map((at, n) => -at * scale[n]) };
    this.redraw();
  }

  // Around the middle of what is seen, or around a place on the stage from -1 to 1.
  zoom(factor, at = [0, 0]) {
    const { scale, shift } = this.view;
    this.view = {
      scale: scale.map((one) => one * factor),
      shift: shift.map((one, n) => at[n] + (one - at[n]) * factor),
    };
    this.redraw();
  }

  move(right, up) {
    const { scale, shift } = this.view;
    this.view = { scale, shift: [shift[0] + right, shift[1] + up] };
    this.redraw();
  }

  // Once before the next frame, however often it is asked for.
  redraw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.#draw();
    });
  }

  #draw() {
    const ratio = window.devicePixelRatio || 1;
    if (this.canvas.width === 0) return;
    const large = Math.min(1.6, Math.max(1, Math.sqrt(this.view.scale[0] * 0.2)));
    this.painter.draw(this.view, (this.n > 5000 ? 3 : 7) * ratio * large);
    this.stage.dataset.drawn = String(Number(this.stage.dataset.drawn ?? 0) + 1);
    const context = this.lines.getContext("2d");
    context.clearRect(0, 0, this.lines.width, this.lines.height);
    const path = this.dragged ?? this.corners;
    if (!path || path.x.length < 2) return;
    context.beginPath();
    path.x.forEach((x, at) => context.lineTo(...this.#onStage(x, path.y[at])));
    context.closePath();
    context.lineWidth = 2 * ratio;
    context.strokeStyle = getComputedStyle(this.stage).color;
    context.setLineDash([6 * ratio, 4 * ratio]);
    context.stroke();
  }

  // From data to pixels of the canvas, and from the pointer to data.
  #onStage(x, y) {
    const { scale, shift } = this.view;
    const across = (x * scale[0] + shift[0] + 1) / 2;
    const down = (1 - y * scale[1] - shift[1]) / 2;
    return [across * this.lines.width, down * this.lines.height];
  }

  #place(event) {
    const box = this.stage.getBoundingClientRect();
    return [
      (2 * (event.clientX - box.left)) / box.width - 1,
      1 - (2 * (event.clientY - box.top)) / box.height,
    ];
  }

  #data([across, up]) {
    const { scale, shift } = this.view;
    return [(across - shift[0]) / scale[0], (up - shift[1]) / scale[1]];
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.lines]) {
      canvas.width = Math.round(this.stage.clientWidth * ratio);
      canvas.height = Math.round(this.stage.clientHeight * ratio);
    }
    this.redraw();
  }

  #tools() {
    const choices = TOOLS.map(([tool, name]) => {
      const press = () => {
        this.tool = tool;
        for (const one of choices) one.setAttribute("aria-pressed", String(one === button));
      };
      const button = el(
        "button",
        { type: "button", class: "desk-button", "aria-pressed": tool === "lasso", onclick: press },
        name,
      );
      button.setAttribute("aria-pressed", String(tool === "lasso"));
      return button;
    });
    const button = (text, name, onclick) =>
      el("button", { type: "button", class: "desk-button", "aria-label": name, onclick }, text);
    return el(
      "div",
      { class: "desk-actions ev-tools", role: "group", "aria-label": "Map" },
      choices,
      button("+", "Zoom in", () => this.zoom(1.4)),
      button("−", "Zoom out", () => this.zoom(1 / 1.4)),
      button("Fit", "Show all points", () => this.fit()),
      button("Select what is in view", "Select what is in view", () => this.#selectView()),
    );
  }

  #selectView() {
    this.#select(box([-1, -1], [1, 1]));
  }

  // Corners on the stage, from -1 to 1.
  #select(corners) {
    const places = corners.map((corner) => this.#data(corner));
    this.selected({ x: places.map(([x]) => x), y: places.map(([, y]) => y) });
  }

  #listen() {
    const { stage } = this;
    let corners = null;
    stage.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      corners = [this.#place(event)];
    });
    stage.addEventListener("pointermove", (event) => {
      if (!corners) return;
      const here = this.#place(event);
      const last = corners.at(-1);
      if (this.tool === "move") {
        this.move(here[0] - last[0], here[1] - last[1]);
        corners = [here];
        return;
      }
      if (Math.hypot(here[0] - last[0], here[1] - last[1]) > 0.005) corners.push(here);
      this.#drag(this.tool === "box" ? box(corners[0], here) : corners);
    });
    stage.addEventListener("pointerup", (event) => {
      if (!corners) return;
      const path = this.tool === "box" ? box(corners[0], this.#place(event)) : corners;
      const moved = corners.length > 2;
      corners = null;
      this.#drag(null);
      if (this.tool === "move") return;
      if (moved) this.#select(path);
      else this.selected(null);
    });
    stage.addEventListener("pointercancel", () => {
      corners = null;
      this.#drag(null);
    });
    stage.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2, this.#place(event));
      },
      { passive: false },
    );
    const keys = {
      ArrowLeft: () => this.move(0.15, 0),
      ArrowRight: () => this.move(-0.15, 0),
      ArrowUp: () => this.move(0, -0.15),
      ArrowDown: () => this.move(0, 0.15),
      "+": () => this.zoom(1.2),
      "=": () => this.zoom(1.2),
      "-": () => this.zoom(1 / 1.2),
      0: () => this.fit(),
      Enter: () => this.#selectView(),
      Escape: () => this.selected(null),
    };
    stage.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  #drag(corners) {
    const places = corners?.map((corner) => this.#data(corner));
    this.dragged = places ? { x: places.map(([x]) => x), y: places.map(([, y]) => y) } : null;
    this.redraw();
  }
}

function extent(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function box([left, low], [right, high]) {
  return [
    [left, low],
    [right, low],
    [right, high],
    [left, high],
  ];
}
