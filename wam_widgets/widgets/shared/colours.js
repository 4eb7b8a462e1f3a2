// @ts-check
// From numbers to colours, and to words.
import { element } from "./view.js";

/** Below this part of its colour scale, a picture is pale. */
const FAINT = 0.4;

/** The largest magnitude of all arrays. @param {Float32Array[]} arrays */
export function peakOf(arrays) {
  let peak = 0;
  for (const array of arrays) for (let i = 0; i < array.length; i++) peak = Math.max(peak, Math.abs(array[i]));
  return peak;
}

/** Entries of a colour table: so many that neighbours differ by less than the eye and eight bits can tell. */
export const STEPS = 1024;

/** Percentile of the magnitudes at which a colour scale ends, as in plots: a few outliers would leave the rest dark. */
const CLIP = 0.995;

/**
 * @typedef {object} Scale  a colour scale
 * @property {Uint8Array} table  STEPS colours, red, green, blue and opacity each
 * @property {number} limit  the value at its upper end
 * @property {boolean} signed  from -limit rather than from 0
 */

/** Where all arrays are to be compared, the scale ends at the largest of their percentiles. @param {Float32Array[]} arrays */
export function limitOf(arrays) {
  const ends = arrays.map((array) => {
    const sorted = array.map(Math.abs).sort();
    const place = CLIP * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]) || sorted[sorted.length - 1];
  });
  return Math.max(0, ...ends);
}

/** The place of a value's colour in the table. @param {Scale} scale @returns {(value: number) => number} */
export function placer({ limit, signed }) {
  const top = STEPS - 1;
  const factor = limit > 0 ? (signed ? top / (2 * limit) : top / limit) : 0;
  const zero = signed ? top / 2 : 0;
  return (value) => 4 * Math.round(Math.min(top, Math.max(0, value * factor + zero)));
}

/** What is left of a photo under strong colours: pale grey, per pixel. As in plots. @param {Uint8Array} photo */
export function paleOf(photo) {
  const pale = new Float32Array(photo.length / 4);
  for (let i = 0, p = 0; i < pale.length; i++, p += 4) pale[i] = 89.25 + (0.65 * (photo[p] + photo[p + 1] + photo[p + 2])) / 3;
  return pale;
}

/**
 * Paint a map over a photo: the stronger `opacity`, the paler the photo and the stronger the colours.
 * @param {Float32Array} map
 * @param {Uint8Array} photo  red, green, blue and a fourth that is ignored, per pixel
 * @param {Float32Array} pale  what is left of it at full opacity, grey, per pixel
 * @param {Scale} scale
 * @param {number} opacity  from 0 to 1
 * @param {Uint8ClampedArray} pixels  of the canvas
 */
export function paintOver(map, photo, pale, scale, opacity, pixels) {
  const place = placer(scale);
  const { table } = scale;
  for (let i = 0, p = 0; i < map.length; i++, p += 4) {
    const at = place(map[i]);
    const alpha = (opacity * table[at + 3]) / 255;
    for (let c = 0; c < 3; c++) {
      const base = (1 - opacity) * photo[p + c] + opacity * pale[i];
      pixels[p + c] = base + alpha * (table[at + c] - base);
    }
    pixels[p + 3] = 255;
  }
}

/**
 * Paint a block of opaque colours.
 * @param {Float32Array} values
 * @param {number} columns
 * @param {[number, number]} corner  its first row and column
 * @param {Scale} scale
 * @param {number} weight  what the values are multiplied with
 * @param {ImageData} picture
 */
export function paintBlock(values, columns, [top, left], scale, weight, picture) {
  const place = placer(scale);
  for (let i = 0; i < values.length; i++) {
    const at = place(values[i] * weight);
    const p = 4 * ((top + Math.floor(i / columns)) * picture.width + left + (i % columns));
    for (let c = 0; c < 3; c++) picture.data[p + c] = scale.table[at + c];
    picture.data[p + 3] = 255;
  }
}

/**
 * Paint an image of one or three channels.
 * @param {Float32Array[]} channels
 * @param {[number, number]} range  of the values that are drawn as black and as white
 * @param {Uint8ClampedArray} pixels
 */
export function paintImage(channels, [low, high], pixels) {
  const factor = 255 / (high - low || 1);
  for (let i = 0, p = 0; i < channels[0].length; i++, p += 4) {
    for (let c = 0; c < 3; c++) pixels[p + c] = (channels[c % channels.length][i] - low) * factor;
    pixels[p + 3] = 255;
  }
}

/** A number to three digits, as Python's `words.number` writes it. @param {number} value */
export function written(value) {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "unknown" : value > 0 ? "∞" : "−∞";
  const [digits, power] = value.toExponential(2).split("e");
  const plain = Number(power) >= -4 && Math.abs(value) < 1e6
    ? String(Number(value.toPrecision(3)))
    : `${Number(digits)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  return plain.replaceAll("-", "−");
}

/** A fraction as a percentage. @param {number} fraction */
export function percent(fraction) {
  const hundredths = 100 * fraction;
  if (hundredths > 99 && hundredths < 100) return "> 99 %";
  if (hundredths > 0 && hundredths < 0.005) return "< 0.01 %";
  const digits = Math.abs(hundredths) >= 9.95 ? 0 : Math.abs(hundredths) >= 0.095 ? 1 : 2;
  return `${Number(hundredths.toFixed(digits))} %`.replace("-", "−");
}

/** A bar that says which colour means what. */
export function colourBar() {
  const bar = element("canvas", { class: "wam-bar", width: STEPS / 4, height: 1, "aria-hidden": "true" });
  const marks = element("div", { class: "wam-ticks" });
  const unit = element("div", { class: "wam-fine" });
  let drawn = "";
  return {
    element: element("div", { class: "wam-legend" }, bar, marks, unit),
    /**
     * @param {Scale} scale
     * @param {string} what  the unit
     * @param {number} peak  the largest magnitude that is shown
     * @param {string[]} [ticks]  instead of 0 to the limit and beyond
     */
    show({ table, signed, limit }, what, peak, ticks) {
      const faint = !ticks && limit > 0 && peak > 0 && peak < FAINT * limit;
      const wanted = `${table.slice(4, 8)} ${signed} ${limit} ${what} ${faint && peak} ${peak === 0}`;
      if (wanted === drawn) return;
      drawn = wanted;
      const context = /** @type {CanvasRenderingContext2D} */ (bar.getContext("2d"));
      const image = context.createImageData(bar.width, 1);
      for (let x = 0; x < bar.width; x++) {
        const at = 4 * Math.round((x * (STEPS - 1)) / (bar.width - 1));
        image.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * x);
      }
      context.putImageData(image, 0, 0);
      // What lies beyond has the last colour too.
      const marked = signed
        ? [`≤ ${written(-limit)}`, "0", `≥ ${written(limit)}`]
        : ["0", written(limit / 2), `≥ ${written(limit)}`];
      marks.replaceChildren(...(limit > 0 ? (ticks ?? marked) : ["0"]).map((text) => element("span", {}, text)));
      const left = peak === 0 ? " Nothing is left of what is shown." : "";
      const pale = faint ? ` The largest value shown is ${written(peak)}: press “fit colours” to see it better.` : "";
      unit.textContent = limit > 0 ? `${what}.${left}${pale}` : "all zero";
    },
  };
}
