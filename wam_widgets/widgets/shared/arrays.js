// @ts-check
// What the kernel sent, and what the settings leave of it. The arrays are described in explorers/arrays.py.
import { spread, synthesise } from "./wavelets.js";

/**
 * @typedef {import("./wavelets.js").Band} Band
 * @typedef {import("./wavelets.js").Axis} Axis
 * @typedef {import("./view.js").Model<any>} Traits
 * @typedef {ReturnType<typeof unpack>} Values
 * @typedef {ReturnType<typeof unpackErrors>} Errors
 */

/** @param {DataView} view @param {any} Kind  a typed array */
export const numbers = (view, Kind) => new Kind(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

/** The arrays that the kernel sent, as arithmetic takes them. @param {any} sent  `_signal` and `_values` together */
export function unpack(sent) {
  const axes = Object.fromEntries(
    Object.entries(sent.axes).map(([name, axis]) => [
      name,
      /** @type {Axis} */ ({
        tile: numbers(axis.tile, Uint16Array),
        width: numbers(axis.width, Float32Array),
        first: numbers(axis.first, Uint16Array),
        share: numbers(axis.share, Float32Array),
        at: numbers(axis.at, Uint16Array),
        place: numbers(axis.place, Float32Array),
      }),
    ]),
  );
  return {
    key: /** @type {string} */ (sent.key),
    size: /** @type {[number, number]} */ (sent.size),
    scales: /** @type {{name: string, cell: number, level: number}[]} */ (sent.scales),
    bands: /** @type {Band[]} */ (
      sent.bands.map((/** @type {any} */ band) => ({
        ...band, rows: axes[band.rows] ?? null, columns: axes[band.columns] ?? null,
      }))
    ),
    channels: /** @type {number} */ (sent.channels),
    count: /** @type {number} */ (sent.count),
    attribution: /** @type {Float32Array} */ (numbers(sent.attribution, Float32Array)),
    coefficients: /** @type {Float32Array} */ (numbers(sent.coefficients, Float32Array)),
    baseline: sent.baseline ? /** @type {Float32Array} */ (numbers(sent.baseline, Float32Array)) : null,
    photo: /** @type {Uint8Array} */ (numbers(sent.photo, Uint8Array)),
    mosaic: /** @type {[number, number]} */ (sent.mosaic),
    sizes: sent.sizes,
    filters: sent.filters,
    range: sent.range,
    painted: /** @type {number[][]} */ (sent.painted),
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

/** The values of the bands that are shown, per channel. */
export class Shown {
  /**
   * @param {Values} values
   * @param {Errors | null} errors
   * @param {Traits} model
   * @param {Band[]} [bands]  by default those of the orientations that are switched on
   */
  constructor(values, errors, model, bands) {
    this.values = values;
    const rates = model.get("_rates");
    const rank = model.get("significant") && errors?.rank ? errors.rank : null;
    const most = rates.indexOf(model.get("rate"));
    /** Whether a coefficient, numbered channel by channel, is hidden. @type {(index: number) => boolean} */
    this.hidden = (index) => rank !== null && rank[index] > most;
    this.attribution = (model.get("denoised") && errors?.denoised) || values.attribution;
    this.signed = values.signable && model.get("signed");
    const orientations = model.get("orientations");
    this.bands = bands ?? values.bands.filter(
      (band) => band.orientation === "approximation" || orientations.includes(band.orientation),
    );
  }

  /** A band's attribution: over channels, the sum, or the sum of magnitudes. @param {Band} band @param {number} factor */
  amounts({ start, shape }, factor) {
    const { channels, count } = this.values;
    const amounts = new Float32Array(shape[0] * shape[1]);
    for (let c = 0; c < channels; c++) {
      for (let i = 0, from = c * count + start; i < amounts.length; i++, from++) {
        if (this.hidden(from)) continue;
        amounts[i] += factor * (this.signed ? this.attribution[from] : Math.abs(this.attribution[from]));
      }
    }
    return amounts;
  }

  /** A band's amounts as the mosaic shows them. @param {Band} band @param {string} per */
  block(band, per) {
    return { band, amounts: this.amounts(band, per === "sample" ? 1 / this.values.scales[band.scale].cell : 1) };
  }

  /** One map per scale, (scale, y, x). @param {string} per */
  maps(per) {
    const { size, scales } = this.values;
    const maps = scales.map(() => new Float32Array(size[0] * size[1]));
    for (const band of this.bands) {
      const factor = per === "cell" ? scales[band.scale].cell : 1; // a whole coefficient counts all over its cell
      spread(this.amounts(band, factor), band, size, maps[band.scale]);
    }
    return maps;
  }

  /** Per scale and painted channel, what the scale adds to the image. */
  parts() {
    const { scales, channels, count, coefficients, painted, sizes, filters } = this.values;
    return scales.map(({ level }, scale) => {
      const own = this.bands.filter((band) => band.scale === scale);
      return painted.map((mixture) => {
        const bands = new Map();
        for (const { start, shape, orientation } of own) {
          const mixed = new Float32Array(shape[0] * shape[1]);
          for (let c = 0; c < channels; c++) {
            if (!mixture[c]) continue;
            for (let i = 0, from = c * count + start; i < mixed.length; i++, from++) {
              if (!this.hidden(from)) mixed[i] += mixture[c] * coefficients[from];
            }
          }
          bands.set(orientation, mixed);
        }
        if (!own.length) return null;
        return filters ? synthesise(bands, sizes, level, filters) : bands.get("approximation");
      });
    });
  }
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
