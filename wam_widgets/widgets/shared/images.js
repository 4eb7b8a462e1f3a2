// @ts-check
// Images: where coefficients are in the picture and in the mosaic. The arrays are described in explorers/image.py.
import { numbers, partOf, Shown, unpack } from "./arrays.js";
import { spread } from "./wavelets.js";

/**
 * @typedef {import("./wavelets.js").Axis} Axis
 * @typedef {import("./wavelets.js").ImageBand} ImageBand
 * @typedef {ReturnType<typeof unpackImage>} ImageValues
 */

/** @param {any} sent  `_signal` and `_values` together */
export function unpackImage(sent) {
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
    ...unpack(sent),
    size: /** @type {[number, number]} */ (sent.size),
    cells: /** @type {number[]} */ (sent.cells),
    bands: /** @type {ImageBand[]} */ (
      sent.bands.map((/** @type {any} */ band) => ({
        ...band, rows: axes[band.rows] ?? null, columns: axes[band.columns] ?? null,
      }))
    ),
    photo: /** @type {Uint8Array} */ (numbers(sent.photo, Uint8Array)),
    mosaic: /** @type {[number, number]} */ (sent.mosaic),
    range: /** @type {[number, number]} */ (sent.range),
  };
}

/** What the settings leave of an image's attribution. */
export class ShownImage extends Shown {
  /**
   * @param {ImageValues} values
   * @param {import("./arrays.js").Errors | null} errors
   * @param {import("./arrays.js").Traits} model
   * @param {ImageBand[]} [bands]  by default those of the orientations that are switched on
   */
  constructor(values, errors, model, bands) {
    super(values, errors, model);
    this.image = values;
    const orientations = model.get("orientations");
    this.bands = bands ?? values.bands.filter(
      (band) => band.orientation === "approximation" || orientations.includes(band.orientation),
    );
  }

  /** A band's amounts as the mosaic shows them. @param {ImageBand} band @param {string} per */
  block(band, per) {
    return { band, amounts: this.amounts(band, per === "sample" ? 1 / this.image.cells[band.scale] : 1) };
  }

  /** One map per scale, (scale, y, x). @param {string} per */
  maps(per) {
    const { size, scales, cells } = this.image;
    const maps = scales.map(() => new Float32Array(size[0] * size[1]));
    for (const band of this.bands) {
      const factor = per === "cell" ? cells[band.scale] : 1; // a whole coefficient counts all over its cell
      spread(this.amounts(band, factor), band, size, maps[band.scale]);
    }
    return maps;
  }

  /** Per scale and painted channel, what the scale adds to the image. */
  parts() {
    return this.image.scales.map((_, scale) =>
      partOf(this.image, this.bands.filter((band) => band.scale === scale), this.hidden));
  }
}
