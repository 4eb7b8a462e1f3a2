// @ts-check
// What the kernel sent, and what the settings leave of it. The arrays are described in explorers/arrays.py.
import { synthesise } from "./wavelets.js";

/**
 * @typedef {object} Band
 * @property {string} orientation
 * @property {number} scale  number of its scale, coarse to fine
 * @property {number[]} shape
 * @property {number} start  number of its first coefficient among all
 */

/**
 * @typedef {import("./view.js").Model<any>} Traits
 * @typedef {ReturnType<typeof unpack>} Values
 * @typedef {ReturnType<typeof unpackErrors>} Errors
 */

/** @param {DataView} view @param {any} Kind  a typed array */
export const numbers = (view, Kind) => new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

/** The arrays that the kernel sent, as arithmetic takes them. @param {any} sent  `_signal` and `_values` together */
export function unpack(sent) {
  return {
    key: /** @type {string} */ (sent.key),
    size: /** @type {number[]} */ (sent.size),
    scales: /** @type {{name: string, level: number}[]} */ (sent.scales),
    bands: /** @type {Band[]} */ (sent.bands),
    channels: /** @type {number} */ (sent.channels),
    count: /** @type {number} */ (sent.count),
    attribution: /** @type {Float32Array} */ (numbers(sent.attribution, Float32Array)),
    coefficients: /** @type {Float32Array} */ (numbers(sent.coefficients, Float32Array)),
    baseline: sent.baseline ? /** @type {Float32Array} */ (numbers(sent.baseline, Float32Array)) : null,
    sizes: /** @type {number[][]} */ (sent.sizes),
    filters: /** @type {{low: number[], high: number[]} | null} */ (sent.filters),
    mixture: /** @type {number[][]} */ (sent.mixture),
    units: sent.units,
    grid: sent.grid,
    signable: /** @type {boolean} */ (sent.signable),
    title: sent.title,
    subtitle: sent.subtitle,
    predictions: sent.predictions,
    how: /** @type {string} */ (sent.how),
    errorless: /** @type {string} */ (sent.errorless),
    shares: /** @type {number[] | null} */ (sent.shares), // null if they come with the errors
  };
}

/** @param {any} sent */
export function unpackErrors(sent) {
  return {
    error: /** @type {Float32Array} */ (numbers(sent.error, Float32Array)),
    rank: sent.rank ? /** @type {Uint8Array} */ (numbers(sent.rank, Uint8Array)) : null,
    denoised: sent.denoised ? /** @type {Float32Array} */ (numbers(sent.denoised, Float32Array)) : null,
  };
}

/** How many coefficients a band has. @param {Band} band */
export const countOf = ({ shape }) => shape.reduce((product, each) => product * each, 1);

/** What the settings leave of an attribution. */
export class Shown {
  /**
   * @param {Pick<Values, "attribution" | "signable" | "channels" | "count">} values
   * @param {Errors | null} errors
   * @param {Traits} model
   */
  constructor(values, errors, model) {
    this.values = values;
    const rates = model.get("_rates");
    const rank = model.get("significant") && errors?.rank ? errors.rank : null;
    const most = rates.indexOf(model.get("rate"));
    /** Whether a coefficient, numbered channel by channel, is hidden. @type {(index: number) => boolean} */
    this.hidden = (index) => rank !== null && rank[index] > most;
    this.attribution = (model.get("denoised") && errors?.denoised) || values.attribution;
    this.signed = values.signable && model.get("signed");
  }

  /** A band's attribution: over channels, the sum, or the sum of magnitudes. @param {Band} band @param {number} factor */
  amounts(band, factor) {
    const { channels, count } = this.values;
    const amounts = new Float32Array(countOf(band));
    for (let c = 0; c < channels; c++) {
      for (let i = 0, from = c * count + band.start; i < amounts.length; i++, from++) {
        if (this.hidden(from)) continue;
        amounts[i] += factor * (this.signed ? this.attribution[from] : Math.abs(this.attribution[from]));
      }
    }
    return amounts;
  }
}

/**
 * What a scale adds to the signal, per output of the mixture: null if none of its bands is wanted.
 * @param {Values} values
 * @param {Band[]} bands  of one scale
 * @param {(index: number) => boolean} hidden  whether a coefficient, numbered channel by channel, is left out
 */
export function partOf({ scales, channels, count, coefficients, mixture, sizes, filters }, bands, hidden) {
  return mixture.map((shares) => {
    if (!bands.length) return null;
    /** @type {Map<string, Float32Array>} */
    const mixed = new Map();
    for (const band of bands) {
      const sum = new Float32Array(countOf(band));
      for (let c = 0; c < channels; c++) {
        if (!shares[c]) continue;
        for (let i = 0, from = c * count + band.start; i < sum.length; i++, from++) {
          if (!hidden(from)) sum[i] += shares[c] * coefficients[from];
        }
      }
      mixed.set(band.orientation, sum);
    }
    return filters
      ? synthesise(mixed, sizes, scales[bands[0].scale].level, filters)
      : /** @type {Float32Array} */ (mixed.get("approximation"));
  });
}

/** Σ of weighted arrays. @param {(Float32Array | null)[]} arrays @param {number[]} weights @param {Float32Array} into */
export function mix(arrays, weights, into) {
  for (const [k, array] of arrays.entries()) {
    const weight = weights[k] ?? 1;
    if (!array || weight === 0) continue;
    for (let i = 0; i < into.length; i++) into[i] += weight * array[i];
  }
  return into;
}
