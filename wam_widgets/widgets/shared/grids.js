// @ts-check
// Images and volumes: maps on the signal's grid, a scale each. The arrays are described in explorers/arrays.py.
import { numbers, Shown, unpack } from "./arrays.js";
import { spread } from "./wavelets.js";

/**
 * @typedef {import("./wavelets.js").Axis} Axis
 * @typedef {import("./wavelets.js").TiledBand} TiledBand
 * @typedef {ReturnType<typeof unpackGrid>} GridValues
 */

/** @param {any} sent  `_signal` and `_values` together */
export function unpackGrid(sent) {
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
    cells: /** @type {number[]} */ (sent.cells),
    bands: /** @type {TiledBand[]} */ (
      sent.bands.map((/** @type {any} */ band) => ({
        ...band, axes: band.axes?.map((/** @type {string} */ name) => axes[name]) ?? null,
      }))
    ),
  };
}

/** What the settings leave of the attribution of an image or a volume. */
export class ShownGrid extends Shown {
  /**
   * @param {GridValues} values
   * @param {import("./arrays.js").Errors | null} errors
   * @param {import("./arrays.js").Traits} model
   * @param {TiledBand[]} [bands]  by default those of the orientations that are switched on
   */
  constructor(values, errors, model, bands) {
    super(values, errors, model);
    this.grid = values;
    const orientations = model.get("orientations");
    this.bands = bands ?? values.bands.filter(
      (band) => band.orientation === "approximation" || orientations.includes(band.orientation),
    );
  }

  /** One map per scale, (scale, *space). @param {string} per */
  maps(per) {
    const { size, scales, cells } = this.grid;
    const samples = size.reduce((product, each) => product * each, 1);
    const maps = scales.map(() => new Float32Array(samples));
    for (const band of this.bands) {
      const factor = per === "cell" ? cells[band.scale] : 1; // a whole coefficient counts all over its cell
      spread(this.amounts(band, factor), band, maps[band.scale]);
    }
    return maps;
  }
}

/**
 * The coefficient of a band whose cell holds a sample, as indices along its axes.
 * @param {TiledBand} band
 * @param {number[]} place
 */
export function coefficientAt({ axes }, place) {
  return place.map((at, axis) => {
    if (!axes) return at;
    // Near the border, where long filters have several coefficients in a cell, the middle one stands for them.
    const { tile, at: tiles } = axes[axis];
    return (tile.indexOf(tiles[at]) + tile.lastIndexOf(tiles[at])) >> 1;
  });
}
