// @ts-check
// A canvas for a volume that is turned, moved and enlarged with pointer, touch and keys; its box, axes and scale bar.
import { written } from "./colours.js";
import { placeIn } from "./panes.js";
import { HALF_HEIGHT, projected } from "./raycaster.js";
import { element, isShortcut, mark } from "./view.js";

/** Degrees per pixel, and per press of a key. */
const TURN = 0.5;
const KEY = 5;

/** Height of the names of axes, where the pane reaches from -1 to 1. */
const LETTERS = 0.075;

/**
 * @param {import("./view.js").Life} life
 * @param {import("./view.js").Model<any>} model  has the traits `rotation`, `zoom` and `pan`
 * @param {(values: Record<string, any>) => void} set
 * @param {(at: [number, number]) => void} choose  a place was clicked, in longest sides right and up of the middle
 */
export function cameraPane(life, model, set, choose) {
  const canvas = element("canvas", { "aria-hidden": "true" });
  const marks = /** @type {SVGSVGElement} */ (mark("svg", { viewBox: "-1 -1 2 2", "aria-hidden": "true" }));
  const bar = element("div", { class: "wam-scalebar", "aria-hidden": "true" });
  const pane = element("div", { class: "wam-camera", tabindex: 0, role: "application", "aria-roledescription": "volume" }, canvas, marks, bar);

  const reach = () => HALF_HEIGHT / model.get("zoom");
  const turn = (/** @type {number} */ right, /** @type {number} */ down) => {
    const [azimuth, elevation] = model.get("rotation");
    const turned = azimuth - right;
    set({ rotation: [turned - 360 * Math.round(turned / 360), Math.min(90, Math.max(-90, elevation + down))] });
  };
  const move = (/** @type {number} */ right, /** @type {number} */ up) =>
    set({ pan: [right, up].map((by, axis) => Math.min(2, Math.max(-2, model.get("pan")[axis] + by))) });
  const zoomBy = (/** @type {number} */ factor) => set({ zoom: Math.min(16, Math.max(0.2, model.get("zoom") * factor)) });
  const reset = () => set({ zoom: 1, pan: [0, 0], rotation: [35, 25] }); // as ROTATION in volume_view.py
  const drag = (/** @type {number} */ dx, /** @type {number} */ dy) => {
    const scale = (2 * reach()) / Math.max(1, pane.clientHeight);
    move(scale * dx, -scale * dy);
  };

  /** @type {Map<number, PointerEvent>} */
  const fingers = new Map();
  let moved = 0;
  life.listen(pane, "pointerdown", (event) => {
    if (event.button > 1) return;
    moved = fingers.size || event.button ? Infinity : 0; // one finger clicks, or the first button
    fingers.set(event.pointerId, event);
    pane.setPointerCapture(event.pointerId);
  });
  life.listen(pane, "pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const [dx, dy] = [event.clientX - before.clientX, event.clientY - before.clientY];
    const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
    moved += Math.abs(dx) + Math.abs(dy);
    if (other) {
      const apart = (/** @type {PointerEvent} */ a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
      if (apart(before) > 0) zoomBy(apart(event) / apart(before));
      drag(dx / 2, dy / 2); // the middle between the fingers
    } else if (event.shiftKey || event.buttons === 4) drag(dx, dy);
    else turn(dx * TURN, dy * TURN);
    fingers.set(event.pointerId, event);
  });
  life.listen(pane, "pointerup pointercancel", (event) => {
    if (!fingers.delete(event.pointerId) || event.type !== "pointerup" || moved >= 5) return;
    const [y, x] = placeIn(pane, event);
    const [right, up] = model.get("pan");
    choose([(2 * x - 1) * reach() - right, (1 - 2 * y) * reach() - up]);
  });
  life.listen(pane, "wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // a bare wheel scrolls the page, as everywhere
    event.preventDefault();
    zoomBy(2 ** (-event.deltaY / 200));
  }, { passive: false });
  const arrows = /** @type {Record<string, [number, number]>} */ ({
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  });
  life.listen(pane, "keydown", (event) => {
    if (isShortcut(event)) return;
    const arrow = arrows[event.key];
    if (arrow && event.shiftKey) move(arrow[0] * 0.05, -arrow[1] * 0.05);
    else if (arrow) turn(arrow[0] * KEY, arrow[1] * KEY);
    else if (event.key === "+" || event.key === "=") zoomBy(1.25);
    else if (event.key === "-") zoomBy(0.8);
    else if (event.key === "0") reset();
    else return;
    event.preventDefault();
  });

  const buttons = element("div", { class: "wam-zoom", role: "group", "aria-label": "camera" });
  for (const [name, sign, act] of /** @type {[string, string, () => void][]} */ ([
    ["zoom in", "+", () => zoomBy(1.25)], ["zoom out", "−", () => zoomBy(0.8)], ["first view", "reset", reset],
  ])) {
    const button = element("button", { type: "button", "aria-label": name, title: name }, sign);
    life.listen(button, "click", act);
    buttons.append(button);
  }

  return {
    canvas,
    pane,
    buttons,
    reach,
    /**
     * Draw the box of the volume, the names of its axes, and how long something is.
     * @param {import("./raycaster.js").Camera} camera
     * @param {import("./volumes.js").VolumeValues} values
     */
    annotate(camera, { half, grid, longest, size }) {
      const [panRight, panUp] = model.get("pan");
      const at = (/** @type {number[]} */ corner) => {
        const [x, y] = projected(camera, /** @type {any} */ (corner.map((each, axis) => (2 * each - 1) * half[axis])));
        return [(x + panRight) / reach(), -(y + panUp) / reach()];
      };
      marks.replaceChildren();
      for (let axis = 0; axis < 3; axis++) {
        for (const one of [0, 1]) {
          for (const two of [0, 1]) {
            const corner = [0, 0, 0];
            corner[(axis + 1) % 3] = one;
            corner[(axis + 2) % 3] = two;
            const [x1, y1] = at(corner);
            corner[axis] = 1;
            const [x2, y2] = at(corner);
            marks.append(mark("line", { x1, y1, x2, y2, class: one || two ? "wam-edge" : "wam-axis" }));
            if (one || two) continue;
            const far = corner.slice();
            far[axis] = 1.07;
            const [x, y] = at(far);
            marks.append(mark("text", { x, y, "font-size": LETTERS }, grid.axes[2 - axis]));
          }
        }
      }
      const units = grid.units;
      const same = units.every((/** @type {string} */ each) => each === units[0]);
      const across = longest * 2 * reach(); // what the pane shows, from top to bottom
      const power = 10 ** Math.floor(Math.log10(across / 4));
      const length = [5, 2, 1].map((each) => each * power).find((each) => each <= across / 4) ?? power;
      bar.textContent = same ? `${written(length)} ${units[0]}` : `${size.join(" × ")} voxels`;
      bar.classList.toggle("wam-lengthless", !same);
      bar.style.setProperty("--length", same ? `${(100 * length) / across}%` : "0%");
    },
    /** What the pane shows, on paper, as the address of a PNG. The canvas must have been drawn in this frame. */
    snapshot() {
      const side = canvas.width;
      const pixel = side / Math.max(1, pane.clientWidth);
      const sheet = element("canvas", { width: side, height: side });
      const pen = /** @type {CanvasRenderingContext2D} */ (sheet.getContext("2d"));
      const { backgroundColor, color, fontFamily } = getComputedStyle(pane);
      pen.fillStyle = backgroundColor;
      pen.fillRect(0, 0, side, side);
      pen.drawImage(canvas, 0, 0);
      /** @param {[x: number, y: number][]} corners @param {string} colour @param {number} width */
      const line = (corners, colour, width) => {
        pen.strokeStyle = colour;
        pen.lineWidth = width * pixel;
        pen.beginPath();
        for (const corner of corners) pen.lineTo(...corner);
        pen.stroke();
      };
      pen.fillStyle = color;
      pen.textBaseline = "middle";
      pen.textAlign = "center";
      pen.font = `${(LETTERS * side) / 2}px ${fontFamily}`;
      for (const each of marks.children) {
        const at = (/** @type {string} */ name) => ((1 + Number(each.getAttribute(name))) * side) / 2;
        const { stroke, strokeWidth } = getComputedStyle(each);
        if (each.tagName === "text") pen.fillText(each.textContent ?? "", at("x"), at("y"));
        else line([[at("x1"), at("y1")], [at("x2"), at("y2")]], stroke, parseFloat(strokeWidth));
      }
      const [left, low] = [10 * pixel, side - 24 * pixel];
      const right = left + (side * parseFloat(bar.style.getPropertyValue("--length"))) / 100;
      if (right > left) line([[left, low - 5 * pixel], [left, low], [right, low], [right, low - 5 * pixel]], color, 1.5);
      pen.textAlign = "left";
      pen.font = `${12 * pixel}px ${fontFamily}`;
      pen.fillText(bar.textContent ?? "", left, low + 10 * pixel);
      return sheet.toDataURL("image/png");
    },
  };
}
