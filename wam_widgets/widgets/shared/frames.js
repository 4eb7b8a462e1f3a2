// @ts-check
// What a model saw, step by step: frames as the kernel packs them (see explorers/curves.py), and how they are drawn.
import { outline } from "./sounds.js";
import { element, mark } from "./view.js";

/** Columns of the drawing of a waveform. */
const WAVE_COLUMNS = 600;

/** The value of a sample of 16 bits that stands for the largest. */
const LOUDEST = 2 ** 15 - 1;

/** @typedef {{packed: DataView, ends: DataView, full: number}} Packed */
/** @typedef {Uint8Array | Int16Array} Numbers */

/**
 * Unpack the frames of a curve: each is the sum of what was sent up to it.
 * @param {Packed} sent
 * @param {number} count  numbers of a frame
 * @param {boolean} wide  whether they have 16 bits
 * @returns {Promise<Numbers>}
 */
export async function unpackFrames({ packed }, count, wide) {
  if (typeof DecompressionStream === "undefined") throw new Error("This browser can't unpack what the model saw: it is too old.");
  const stream = new Blob([/** @type {any} */ (packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bytes = await new Response(stream).arrayBuffer();
  const frames = wide ? new Int16Array(bytes) : new Uint8Array(bytes);
  for (let i = count; i < frames.length; i++) frames[i] += frames[i - count]; // modulo the range of the type
  return frames;
}

/**
 * Where frames are drawn: an image, the three slices of a volume, or a waveform.
 * @param {{panels: [number, number][], names: string[], sides: number[], time: [number, string] | []}} report
 */
export function framePane({ panels, names, sides, time }) {
  const wave = time.length > 0;
  const path = mark("path", { class: "wam-seen-wave" });
  const drawing = mark("svg", { viewBox: `0 0 ${WAVE_COLUMNS} 2`, preserveAspectRatio: "none", class: "wam-seen-waves", "aria-hidden": "true" });
  drawing.append(path);
  const canvases = wave ? [] : panels.map(([height, width], at) => {
    const canvas = element("canvas", { width, height, "aria-hidden": "true" });
    canvas.style.aspectRatio = String(sides[at]);
    if (panels.length > 1 && at > 0) canvas.classList.add("wam-seen-upwards"); // z grows upwards, as in VolumeViewer
    return canvas;
  });
  const parts = canvases.map((canvas, at) => element("div", {}, canvas, element("div", { class: "wam-fine" }, names[at] ?? "")));
  const pane = element("div", { class: `wam-seen${panels.length > 1 ? " wam-seen-slices" : ""}`, role: "img" }, ...parts);
  if (wave) pane.append(drawing, element("div", { class: "wam-fine wam-seen-time" }, element("span", {}, "0"), element("span", {}, `${Number(Number(time[0]).toPrecision(3))} ${time[1]}`)));
  return {
    element: pane,
    /** @param {Numbers} frame  (channel, pixel of all panels) @param {number} channels */
    paint(frame, channels) {
      const count = frame.length / channels;
      let begin = 0;
      for (const [at, canvas] of canvases.entries()) {
        const [height, width] = panels[at];
        const context = canvas.getContext("2d");
        if (!context) throw new Error("This browser draws no 2-D canvas.");
        const image = context.createImageData(width, height);
        for (let i = 0, p = 0; i < height * width; i++, p += 4) {
          for (let c = 0; c < 3; c++) image.data[p + c] = frame[(c % channels) * count + begin + i];
          image.data[p + 3] = 255;
        }
        context.putImageData(image, 0, 0);
        begin += height * width;
      }
    },
    /** @param {Float32Array[]} outputs @param {number} peak  the largest value of all frames */
    paintWave(outputs, peak) {
      path.setAttribute("d", outline(outputs, outputs[0].length, [0, 1], WAVE_COLUMNS, peak));
    },
  };
}

/** The samples of a frame, per channel. @param {Numbers} frame @param {number} channels @param {number} full */
export function samplesOf(frame, channels, full) {
  const count = frame.length / channels;
  return Array.from({ length: channels }, (_, c) => Float32Array.from(frame.subarray(c * count, (c + 1) * count), (each) => (each / LOUDEST) * full));
}
