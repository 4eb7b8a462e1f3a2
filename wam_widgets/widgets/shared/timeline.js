// @ts-check
// A picture of time and frequency with its axes, the waveform below it, and a cursor that runs over both.
import { element, isShortcut, mark } from "./view.js";

/** Pixels that a pointer moves before it drags. */
const STILL = 4;

/**
 * @param {import("./view.js").Life} life
 * @param {[rows: number, columns: number]} size  of the picture
 * @param {object} told
 * @param {() => [number, number]} told.span  what is drawn, in seconds
 * @param {(at: number) => void} told.seek  a moment was clicked
 * @param {(begin: number, end: number) => void} told.choose  a stretch was dragged over
 * @param {(at: [time: number, height: number] | null) => void} told.hover  under the pointer; height from 0 to 1
 * @param {(steps: number) => void} told.step  arrow keys
 * @param {(end: boolean) => void} told.edge  Home and End
 * @param {() => void} told.toggle  space
 * @param {() => void} told.leave  Escape
 */
export function timeline(life, [height, width], { span, seek, choose, hover, step, edge, toggle, leave }) {
  const canvas = element("canvas", { width, height, class: "wam-spectrogram", "aria-hidden": "true" });
  const lines = /** @type {SVGSVGElement} */ (mark("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", class: "wam-octaves", "aria-hidden": "true" }));
  const waves = /** @type {SVGSVGElement} */ (mark("svg", { viewBox: `0 0 ${width} 2`, preserveAspectRatio: "none", class: "wam-waves", "aria-hidden": "true" }));
  const [faint, strong] = ["wam-wave-all", "wam-wave-heard"].map((name) => mark("path", { class: name }));
  waves.append(faint, strong);
  const moment = element("div", { class: "wam-moment", "aria-hidden": "true" });
  const region = element("div", { class: "wam-region", "aria-hidden": "true", hidden: true });
  const pane = element(
    "div", { class: "wam-time", tabindex: 0, role: "application", "aria-roledescription": "spectrogram" },
    element("div", { class: "wam-over-time" }, canvas, lines), waves, region, moment,
  );
  const up = element("div", { class: "wam-up", "aria-hidden": "true" });
  const along = element("div", { class: "wam-along", "aria-hidden": "true" });
  const upName = element("div", { class: "wam-up-name wam-fine" });
  const alongName = element("div", { class: "wam-along-name wam-fine" });
  const made = element("div", { class: "wam-timeline" }, upName, up, pane, along, alongName);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no 2-D canvas.");

  /** Where an event is. @returns {[fraction: number, height: number]} */
  const place = (/** @type {PointerEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    const clip = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
    return [clip((event.clientX - box.left) / Math.max(1, box.width)), clip(1 - (event.clientY - box.top) / Math.max(1, box.height))];
  };
  const seconds = (/** @type {number} */ fraction) => span()[0] + fraction * (span()[1] - span()[0]);
  const showRegion = (/** @type {number[] | null} */ ends) => {
    region.hidden = !ends;
    if (!ends) return;
    const [left, right] = [Math.min(...ends), Math.max(...ends)].map((each) => Math.min(1, Math.max(0, each)));
    region.style.left = `${100 * left}%`;
    region.style.width = `${100 * (right - left)}%`;
  };

  /** @type {{x: number, at: number, dragged: boolean} | null} */
  let pressed = null;
  /** @type {number[] | null} */
  let loop = null;
  life.listen(pane, "pointerdown", (event) => {
    if (event.button) return;
    pressed = { x: event.clientX, at: place(event)[0], dragged: false };
    pane.setPointerCapture(event.pointerId);
  });
  life.listen(pane, "pointermove", (event) => {
    const [fraction, high] = place(event);
    if (pressed) {
      pressed.dragged ||= Math.abs(event.clientX - pressed.x) > STILL;
      if (pressed.dragged) showRegion([pressed.at, fraction]);
    }
    if (event.pointerType !== "touch") hover([seconds(fraction), high]);
  });
  life.listen(pane, "pointerup", (event) => {
    if (!pressed) return;
    const { at, dragged } = pressed;
    pressed = null;
    showRegion(loop);
    const ends = [seconds(at), seconds(place(event)[0])].sort((a, b) => a - b);
    if (dragged && ends[1] - ends[0] >= 0.02) choose(ends[0], ends[1]); // as SHORTEST_LOOP in spectrogram_view.py
    else seek(ends[0]);
  });
  life.listen(pane, "pointercancel", () => {
    pressed = null;
    showRegion(loop);
  });
  life.listen(pane, "pointerleave", () => hover(null));
  const keys = /** @type {Record<string, (event: KeyboardEvent) => void>} */ ({
    " ": () => toggle(),
    ArrowLeft: (event) => step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => step(event.shiftKey ? 10 : 1),
    Home: () => edge(false),
    End: () => edge(true),
  });
  life.listen(pane, "keydown", (event) => {
    if (event.key === "Escape") leave();
    if (isShortcut(event) || !keys[event.key]) return;
    event.preventDefault();
    if (event.key !== " " || !event.repeat) keys[event.key](event); // held down, it would start and stop and start
  });

  return {
    element: made,
    context,
    picture: context.createImageData(width, height),
    /** @param {string} text */
    describe: (text) => pane.setAttribute("aria-label", text),
    /** @param {string} vertical @param {string} horizontal */
    showNames(vertical, horizontal) {
      upName.textContent = vertical;
      alongName.textContent = horizontal;
    },
    /**
     * @param {[place: number, text: string][]} vertical  from the bottom, as fractions
     * @param {[place: number, text: string][]} horizontal
     * @param {number[]} octaves  where scales meet
     */
    showAxes(vertical, horizontal, octaves) {
      const tick = (/** @type {string} */ side) => (/** @type {[number, string]} */ [at, text]) => {
        const label = element("span", {}, text);
        label.style.setProperty(side, `${100 * at}%`);
        return label;
      };
      let last = -1; // labels that would touch are left out
      up.replaceChildren(...vertical.filter(([at]) => at - last > 0.055 && (last = at) >= 0).map(tick("bottom")));
      along.replaceChildren(...horizontal.map(tick("left")));
      lines.replaceChildren(...octaves.flatMap((at) =>
        ["wam-under", "wam-over"].map((name) => mark("line", { class: name, x1: 0, x2: 1, y1: 1 - at, y2: 1 - at }))));
    },
    /** @param {string} all  paths, as `outline` makes them @param {string} heard */
    showWaves(all, heard) {
      faint.setAttribute("d", all);
      strong.setAttribute("d", heard);
    },
    /** @param {number} fraction */
    showMoment(fraction) {
      moment.hidden = fraction < 0 || fraction > 1;
      moment.style.left = `${100 * fraction}%`;
    },
    /** @param {number[] | null} ends  as fractions */
    showLoop(ends) {
      loop = ends;
      showRegion(ends);
    },
  };
}
