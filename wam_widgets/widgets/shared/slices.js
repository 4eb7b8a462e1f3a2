// @ts-check
// Three slices of a volume, linked by a cross-hair.
import { placeIn } from "./panes.js";
import { element, isShortcut, mark } from "./view.js";
import { axesOf, coordinateOf, inWords } from "./volumes.js";

/**
 * @param {import("./view.js").Life} life
 * @param {import("./view.js").Model<any>} model  has the traits `cursor`, indices along the axes, and `up`, the axis
 *   that grows upwards in a slice, where the others grow downwards and to the right
 * @param {(values: Record<string, any>) => void} set
 * @param {() => import("./volumes.js").VolumeValues} values
 */
export function slicePanes(life, model, set, values) {
  const clip = (/** @type {number} */ at, /** @type {number} */ axis) => Math.min(values().size[axis] - 1, Math.max(0, at));
  const put = (/** @type {[axis: number, at: number][]} */ ...places) => {
    const cursor = [...model.get("cursor")];
    for (const [axis, at] of places) cursor[axis] = clip(at, axis);
    set({ cursor });
  };
  const panes = [0, 1, 2].map((across) => {
    const [down, right] = axesOf(across);
    const canvas = element("canvas", { "aria-hidden": "true" });
    const marks = /** @type {SVGSVGElement} */ (mark("svg", { preserveAspectRatio: "none", "aria-hidden": "true" }));
    const pane = element("div", { class: "wam-slice", tabindex: 0, role: "application", "aria-roledescription": "slice" }, canvas, marks);
    const range = element("input", { type: "range", min: 0, step: 1 });
    const name = element("div", { class: "wam-fine" });
    const upwards = () => model.get("up") === down;
    const point = (/** @type {PointerEvent} */ event) => {
      const [low, along] = placeIn(pane, event);
      const place = (/** @type {number} */ fraction, /** @type {number} */ axis) => Math.floor(fraction * values().size[axis]);
      put([down, place(upwards() ? 1 - low : low, down)], [right, place(along, right)]);
    };
    life.listen(pane, "pointerdown", (event) => {
      if (event.button) return;
      pane.setPointerCapture(event.pointerId);
      point(event);
    });
    life.listen(pane, "pointermove", (event) => event.buttons === 1 && point(event));
    const keys = /** @type {Record<string, [axis: number, by: number]>} */ ({
      ArrowUp: [down, -1], ArrowDown: [down, 1], ArrowLeft: [right, -1], ArrowRight: [right, 1], PageUp: [across, 1], PageDown: [across, -1],
    });
    life.listen(pane, "keydown", (event) => {
      const key = keys[event.key];
      if (isShortcut(event) || !key) return;
      event.preventDefault();
      const turned = upwards() && key[0] === down ? -1 : 1;
      put([key[0], model.get("cursor")[key[0]] + turned * key[1] * (event.shiftKey ? 10 : 1)]);
    });
    life.listen(range, "input", () => put([across, Number(range.value)]));
    return { across, down, right, canvas, marks, pane, range, name, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")) };
  });
  const markAll = () => {
    const cursor = model.get("cursor");
    const { size, grid } = values();
    for (const { across, down, right, marks, range, name } of panes) {
      const [y, x, tall, wide] = [cursor[down], cursor[right], size[down], size[right]];
      const d = `M ${x + 0.5} 0 V ${y} M ${x + 0.5} ${y + 1} V ${tall} M 0 ${y + 0.5} H ${x} M ${x + 1} ${y + 0.5} H ${wide}`;
      marks.replaceChildren(...["wam-under", "wam-over"].map((each) => mark("path", { d, class: each })));
      range.value = String(cursor[across]);
      const text = inWords(coordinateOf(grid, cursor, across));
      range.setAttribute("aria-valuetext", text);
      name.textContent = text;
    }
  };
  return {
    element: element("div", { class: "wam-slices" }, ...panes.map(({ pane, range, name }) => element("div", {}, pane, range, name))),
    mark: markAll,
    /** Fit the panes to another volume. */
    build() {
      const { size, grid, half } = values();
      const up = model.get("up");
      for (const { across, down, right, pane, marks, range } of panes) {
        pane.classList.toggle("wam-upwards", up === down);
        pane.style.setProperty("--ratio", String(half[2 - right] / half[2 - down]));
        pane.setAttribute("aria-label", `slice across ${grid.axes[across]}: ${grid.axes[down]} ${up === down ? "up" : "down"}, ${grid.axes[right]} to the right. Arrow keys move the cross-hair, Page Up and Page Down the slice.`);
        marks.setAttribute("viewBox", `0 0 ${size[right]} ${size[down]}`);
        range.max = String(size[across] - 1);
        range.setAttribute("aria-label", `slice along ${grid.axes[across]}`);
      }
      markAll();
    },
    /** @param {number} across @param {number} rows @param {number} columns */
    resize(across, rows, columns) {
      const { canvas, context } = panes[across];
      if (canvas.width !== columns || canvas.height !== rows) [canvas.width, canvas.height] = [columns, rows];
      return context.createImageData(columns, rows);
    },
    /** @param {number} across @param {ImageData} image */
    paint: (across, image) => panes[across].context.putImageData(image, 0, 0),
  };
}
