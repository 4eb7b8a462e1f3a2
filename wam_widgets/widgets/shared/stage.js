// @ts-check
// A canvas that can be zoomed, panned and read with pointer, touch and keys, with marks drawn over it.
import { placeIn } from "./panes.js";
import { element, isShortcut, mark } from "./view.js";

const MOST_ZOOM = 32;

/**
 * @param {import("./view.js").Life} life
 * @param {import("./view.js").Model<any>} model  has the traits `zoom`, from 1, and `centre`, [y, x] as fractions
 * @param {(values: Record<string, any>) => void} set
 * @param {object} told
 * @param {(at: [number, number] | null) => void} told.hover  pixel under the pointer, or null
 * @param {(at: [number, number]) => void} told.choose  pixel that was clicked
 * @param {(down: number, right: number) => void} told.step  arrow keys, in pixels
 * @param {() => void} told.leave  Escape
 */
export function stage(life, model, set, { hover, choose, step, leave }) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const marks = /** @type {SVGSVGElement} */ (mark("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }));
  const sheet = element("div", { class: "wam-sheet" }, canvas, marks);
  const pane = element("div", { class: "wam-pane", tabindex: 0, role: "application", "aria-roledescription": "picture" }, sheet);
  const buttons = element("div", { class: "wam-zoom", role: "group", "aria-label": "zoom" });
  for (const [name, sign, act] of /** @type {[string, string, () => void][]} */ ([
    ["zoom in", "+", () => zoomBy(2)],
    ["zoom out", "−", () => zoomBy(0.5)],
    ["whole picture", "fit", () => set({ zoom: 1, centre: [0.5, 0.5] })],
  ])) {
    const button = element("button", { type: "button", "aria-label": name, title: name }, sign);
    life.listen(button, "click", act);
    buttons.append(button);
  }
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no 2-D canvas.");

  const bounded = (/** @type {number} */ value, /** @type {number} */ zoom) =>
    Math.min(1 - 0.5 / zoom, Math.max(0.5 / zoom, value));
  /** What is in the middle: nothing beyond the picture is ever shown. @returns {[number, number]} */
  const centre = () => {
    const [y, x] = model.get("centre");
    return [bounded(y, model.get("zoom")), bounded(x, model.get("zoom"))];
  };
  const moveTo = (/** @type {number} */ zoom, /** @type {number} */ y, /** @type {number} */ x) => {
    const kept = Math.min(MOST_ZOOM, Math.max(1, zoom));
    set({ zoom: kept, centre: [bounded(y, kept), bounded(x, kept)] });
  };
  /** Zoom about a point, given as fractions of the pane. */
  const zoomBy = (/** @type {number} */ factor, /** @type {[number, number]} */ [v, u] = [0.5, 0.5]) => {
    const old = model.get("zoom");
    const zoom = Math.min(MOST_ZOOM, Math.max(1, old * factor));
    const [y, x] = centre();
    const shift = 1 / old - 1 / zoom;
    moveTo(zoom, y + (v - 0.5) * shift, x + (u - 0.5) * shift);
  };
  const place = (/** @type {{clientX: number, clientY: number}} */ event) => placeIn(pane, event);
  /** The pixel of the canvas at a place of the pane. @returns {[number, number]} */
  const pixel = (/** @type {[number, number]} */ [v, u]) => {
    const zoom = model.get("zoom");
    const [y, x] = centre();
    const clip = (/** @type {number} */ at, /** @type {number} */ size) => Math.min(size - 1, Math.max(0, Math.floor(at * size)));
    return [clip(y + (v - 0.5) / zoom, canvas.height), clip(x + (u - 0.5) / zoom, canvas.width)];
  };

  life.follow(model, ["zoom", "centre"], () => {
    const zoom = model.get("zoom");
    const [y, x] = centre();
    sheet.style.transform = `scale(${zoom}) translate(${100 * (0.5 / zoom - x)}%, ${100 * (0.5 / zoom - y)}%)`;
    sheet.style.setProperty("--zoom", String(zoom)); // lines stay thin
    pane.style.touchAction = zoom > 1 ? "none" : "pan-x pan-y";
    pane.classList.toggle("wam-zoomed", zoom > 1);
  });

  /** @type {Map<number, PointerEvent>} */
  const fingers = new Map();
  let moved = 0;
  life.listen(pane, "pointerdown", (event) => {
    if (event.button) return;
    fingers.set(event.pointerId, event);
    moved = 0;
    if (model.get("zoom") > 1) pane.setPointerCapture(event.pointerId);
  });
  life.listen(pane, "pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") hover(pixel(place(event)));
      return;
    }
    const box = pane.getBoundingClientRect();
    const zoom = model.get("zoom");
    const [y, x] = centre();
    const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
    moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
    if (other) {
      const apart = (/** @type {PointerEvent} */ a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
      if (apart(before) > 0) zoomBy(apart(event) / apart(before), place(event));
    } else if (zoom > 1) {
      moveTo(zoom, y - (event.clientY - before.clientY) / box.height / zoom, x - (event.clientX - before.clientX) / box.width / zoom);
    }
    fingers.set(event.pointerId, event);
  });
  life.listen(pane, "pointerup pointercancel", (event) => {
    if (fingers.delete(event.pointerId) && event.type === "pointerup" && moved < 5) choose(pixel(place(event)));
  });
  life.listen(pane, "pointerleave", (event) => {
    if (!pane.hasPointerCapture(event.pointerId)) fingers.delete(event.pointerId);
    hover(null);
  });
  life.listen(pane, "dblclick", (event) => zoomBy(2, place(event)));
  // A bare wheel scrolls the page, as everywhere.
  life.listen(pane, "wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoomBy(2 ** (-event.deltaY / 200), place(event));
  }, { passive: false });
  const keys = /** @type {Record<string, [number, number]>} */ ({
    ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1],
  });
  life.listen(pane, "keydown", (event) => {
    if (event.key === "Escape") leave();
    if (isShortcut(event)) return;
    const arrow = keys[event.key];
    if (arrow) step(arrow[0] * (event.shiftKey ? 10 : 1), arrow[1] * (event.shiftKey ? 10 : 1));
    else if (event.key === "+" || event.key === "=") zoomBy(2);
    else if (event.key === "-") zoomBy(0.5);
    else if (event.key === "0") set({ zoom: 1, centre: [0.5, 0.5] });
    else return;
    event.preventDefault();
  });

  return {
    pane,
    marks,
    buttons,
    context,
    /** Give the canvas a size in pixels. @param {number} height @param {number} width @returns {ImageData} to draw in */
    resize(height, width) {
      if (canvas.width !== width || canvas.height !== height) {
        canvas.width = width;
        canvas.height = height;
        marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
        pane.style.aspectRatio = `${width} / ${height}`;
        pane.style.setProperty("--tall", String(height / width));
      }
      return /** @type {CanvasRenderingContext2D} */ (context).createImageData(width, height);
    },
  };
}
