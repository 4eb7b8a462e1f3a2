// @ts-check
// Curves over a common axis, with a cursor that pointer and keys move from step to step.
import { roundSteps } from "./sounds.js";
import { element, isShortcut, mark } from "./view.js";

/** Pixels: the least and the largest height of a chart, and what its labels need at each side. */
const CHART_HEIGHTS = [210, 340];
const ROOM = { left: 62, right: 12, top: 10, bottom: 40 };

/** Steps that Page Up and Page Down go. */
const PAGE = 10;

/**
 * @typedef {object} Line
 * @property {ArrayLike<number>} x  per step
 * @property {ArrayLike<number>} y
 * @property {[ArrayLike<number>, ArrayLike<number>] | null} band  low and high, per step
 * @property {string} look  "0", "1", … for colours, "random" or "magnitude" for greys
 * @property {boolean} chosen  whether the cursor follows it
 */

/**
 * @typedef {object} Chart
 * @property {Line[]} lines
 * @property {[low: number, high: number]} range  of the vertical axis
 * @property {(value: number) => string} write  values of the vertical axis
 * @property {(value: number) => string} writeAlong  values of the horizontal axis, from 0 to 1
 * @property {string} up  name of the vertical axis
 * @property {string} along  name of the horizontal axis
 */

/** A mark that tells lines apart without colour. @param {string} look @param {number} x @param {number} y @param {number} r */
export function markerOf(look, x, y, r) {
  const polygon = (/** @type {[number, number][]} */ ...corners) => `M ${corners.map(([right, down]) => `${x + r * right} ${y + r * down}`).join(" L ")} Z`;
  const shapes = /** @type {Record<string, () => string>} */ ({
    0: () => `M ${x - r} ${y} a ${r} ${r} 0 1 0 ${2 * r} 0 a ${r} ${r} 0 1 0 ${-2 * r} 0 Z`,
    1: () => polygon([-0.9, -0.9], [0.9, -0.9], [0.9, 0.9], [-0.9, 0.9]),
    2: () => polygon([0, -1.1], [1.1, 0.9], [-1.1, 0.9]),
    3: () => polygon([0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]),
    4: () => polygon([0, 1.1], [1.1, -0.9], [-1.1, -0.9]),
    5: () => polygon([-0.4, -1.1], [0.4, -1.1], [0.4, -0.4], [1.1, -0.4], [1.1, 0.4], [0.4, 0.4], [0.4, 1.1], [-0.4, 1.1], [-0.4, 0.4], [-1.1, 0.4], [-1.1, -0.4], [-0.4, -0.4]),
    random: () => `M ${x - r} ${y - r} L ${x + r} ${y + r} M ${x + r} ${y - r} L ${x - r} ${y + r}`,
    magnitude: () => `M ${x - r} ${y} H ${x + r} M ${x} ${y - r} V ${y + r}`,
  });
  return (shapes[look] ?? shapes[0])();
}

/**
 * @param {import("./view.js").Life} life
 * @param {object} told
 * @param {() => number} told.at  the step now, which may be ahead of what is drawn
 * @param {(step: number) => void} told.choose  a step was pointed at, or come to by a key
 */
export function curveChart(life, { at, choose }) {
  const drawing = /** @type {SVGSVGElement} */ (mark("svg", { "aria-hidden": "true" }));
  const pane = element("div", { class: "wam-chart", tabindex: 0, role: "slider", "aria-orientation": "horizontal" }, drawing);
  /** @type {Chart | null} */
  let chart = null;
  const chosen = () => chart?.lines.find((line) => line.chosen) ?? chart?.lines[0];
  const last = () => (chosen()?.x.length ?? 1) - 1;
  const now = () => Math.min(at(), last());
  const width = () => Math.max(ROOM.left + ROOM.right + 40, pane.clientWidth || 480);
  const height = () => Math.min(CHART_HEIGHTS[1], Math.max(CHART_HEIGHTS[0], Math.round(width() / 2)));
  const placeX = (/** @type {number} */ x) => ROOM.left + Math.min(1, Math.max(0, x)) * (width() - ROOM.left - ROOM.right);
  const placeY = (/** @type {number} */ y) => {
    const [low, high] = /** @type {Chart} */ (chart).range;
    return height() - ROOM.bottom - ((y - low) / (high - low || 1)) * (height() - ROOM.top - ROOM.bottom);
  };
  /** Intervals may reach beyond what is possible. @param {number} y */
  const inRange = (y) => Math.min(/** @type {Chart} */ (chart).range[1], Math.max(/** @type {Chart} */ (chart).range[0], y));
  const cursor = mark("g", {});

  const drawLine = (/** @type {Line} */ { x, y, look, chosen: thick }, /** @type {number} */ number) => {
    const points = Array.from(x, (each, i) => `${placeX(each).toFixed(1)} ${placeY(y[i]).toFixed(1)}`);
    const every = Math.max(1, Math.floor(x.length / 8));
    const marks = points.map((_, i) => i).filter((i) => i % every === (2 * number) % every);
    const strong = thick ? " wam-curve-chosen" : "";
    return [
      mark("path", { class: `wam-curve wam-curve-${look}${strong}`, d: `M ${points.join(" L ")}` }),
      mark("path", { class: `wam-dots wam-curve-${look}`, d: marks.map((i) => markerOf(look, placeX(x[i]), placeY(y[i]), 3)).join(" ") }),
    ];
  };
  const drawBand = (/** @type {Line} */ { x, band, look }) => {
    if (!band) return [];
    const edge = (/** @type {ArrayLike<number>} */ ends) => Array.from(x, (each, i) => `${placeX(each).toFixed(1)} ${placeY(inRange(ends[i])).toFixed(1)}`);
    return [mark("path", { class: `wam-band wam-curve-${look}`, d: `M ${edge(band[0]).join(" L ")} L ${edge(band[1]).reverse().join(" L ")} Z` })];
  };
  const drawAxes = (/** @type {Chart} */ { range, write, writeAlong, up, along }) => {
    const [right, bottom] = [width() - ROOM.right, height() - ROOM.bottom];
    const made = [mark("path", { class: "wam-frame", d: `M ${ROOM.left} ${ROOM.top} V ${bottom} H ${right}` })];
    for (const value of roundSteps(range, 5)) {
      made.push(mark("path", { class: "wam-grid", d: `M ${ROOM.left} ${placeY(value)} H ${right}` }));
      made.push(mark("text", { x: ROOM.left - 5, y: placeY(value) + 4, "text-anchor": "end" }, write(value)));
    }
    for (const value of roundSteps([0, 1], width() < 380 ? 3 : 5)) {
      made.push(mark("text", { x: placeX(value), y: bottom + 15, "text-anchor": value > 0.99 ? "end" : value > 0 ? "middle" : "start" }, writeAlong(value)));
    }
    made.push(mark("text", { x: (ROOM.left + right) / 2, y: height() - 6, "text-anchor": "middle", class: "wam-axis-name" }, along));
    made.push(mark("text", { x: 0, y: 0, "text-anchor": "middle", class: "wam-axis-name", transform: `translate(11 ${(ROOM.top + bottom) / 2}) rotate(-90)` }, up));
    return made;
  };
  const drawCursor = () => {
    const line = chosen();
    if (!chart || !line) return;
    const step = now();
    const x = placeX(line.x[step]);
    const others = chart.lines.filter((each) => each !== line);
    cursor.replaceChildren(
      mark("path", { class: "wam-cursor", d: `M ${x} ${ROOM.top} V ${height() - ROOM.bottom}` }),
      ...others.map((each) => mark("circle", { class: `wam-at wam-curve-${each.look}`, cx: placeX(each.x[step]), cy: placeY(each.y[step]), r: 3 })),
      mark("circle", { class: `wam-at wam-at-chosen wam-curve-${line.look}`, cx: x, cy: placeY(line.y[step]), r: 6 }),
    );
  };
  const draw = () => {
    if (!chart) return;
    drawing.setAttribute("viewBox", `0 0 ${width()} ${height()}`);
    drawing.setAttribute("height", String(height()));
    const { lines } = chart;
    const order = [...lines.filter((line) => !line.chosen), ...lines.filter((line) => line.chosen)]; // that one on top
    drawing.replaceChildren(
      ...drawAxes(chart), ...order.flatMap(drawBand), ...order.flatMap((line) => drawLine(line, lines.indexOf(line))), cursor,
    );
    drawCursor();
  };

  const go = (/** @type {number} */ wanted) => choose(Math.min(last(), Math.max(0, wanted)));
  const point = (/** @type {PointerEvent} */ event) => {
    const line = chosen();
    if (!line) return;
    const pointed = ((event.clientX - drawing.getBoundingClientRect().left) / Math.max(1, pane.clientWidth)) * width();
    let best = now(); // of steps at one place, the nearest to where the cursor is
    for (let i = 0; i < line.x.length; i++) {
      const [distance, least] = [i, best].map((each) => Math.abs(placeX(line.x[each]) - pointed));
      if (distance < least - 1e-6) best = i;
    }
    go(best);
  };
  life.listen(pane, "pointerdown", (event) => {
    if (event.button) return;
    pane.setPointerCapture(event.pointerId);
    point(event);
  });
  life.listen(pane, "pointermove", (event) => event.buttons === 1 && point(event));
  const keys = /** @type {Record<string, () => number>} */ ({
    ArrowLeft: () => now() - 1, ArrowDown: () => now() - 1, ArrowRight: () => now() + 1, ArrowUp: () => now() + 1,
    PageDown: () => now() - PAGE, PageUp: () => now() + PAGE, Home: () => 0, End: last,
  });
  life.listen(pane, "keydown", (event) => {
    if (isShortcut(event) || !keys[event.key]) return;
    event.preventDefault();
    go(keys[event.key]());
  });
  const resized = new ResizeObserver(life.everyFrame(draw));
  resized.observe(pane);
  life.endings.push(() => resized.disconnect());

  return {
    element: pane,
    /** @param {Chart} wanted @param {string} name  for those who can't see it */
    show(wanted, name) {
      chart = wanted;
      pane.setAttribute("aria-label", name);
      pane.setAttribute("aria-valuemin", "0");
      pane.setAttribute("aria-valuemax", String(last()));
      draw();
    },
    /** The step has changed. @param {string} words  what is there */
    move(words) {
      pane.setAttribute("aria-valuenow", String(now()));
      pane.setAttribute("aria-valuetext", words);
      drawCursor();
    },
  };
}
