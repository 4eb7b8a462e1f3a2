// @ts-check
// Images: where coefficients are in the mosaic, and what they add to the picture. The arrays are described in
// explorers/image.py.
import { numbers, partOf } from "./arrays.js";
import { ShownGrid, unpackGrid } from "./grids.js";

/**
 * @typedef {object} OfImage
 * @property {[number, number]} shape  rows and columns
 * @property {[number, number]} corner  its first row and column in the mosaic
 */
/** @typedef {import("./wavelets.js").TiledBand & OfImage} ImageBand */
/** @typedef {ReturnType<typeof unpackImage>} ImageValues */

/** @param {any} sent  `_signal` and `_values` together */
export function unpackImage(sent) {
  const grid = unpackGrid(sent);
  return {
    ...grid,
    size: /** @type {[number, number]} */ (sent.size),
    bands: /** @type {ImageBand[]} */ (grid.bands),
    photo: /** @type {Uint8Array} */ (numbers(sent.photo, Uint8Array)),
    mosaic: /** @type {[number, number]} */ (sent.mosaic),
    range: /** @type {[number, number]} */ (sent.range),
  };
}

/** A band's amounts as the mosaic shows them. @param {ShownGrid} shown @param {ImageBand} band @param {string} per */
export const blockOf = (shown, band, per) => ({
  band, amounts: shown.amounts(band, per === "sample" ? 1 / shown.grid.cells[band.scale] : 1),
});

/** Per scale and painted channel, what the scale adds to the image. @param {ShownGrid} shown */
export const partsOf = (shown) =>
  shown.grid.scales.map((_, scale) => partOf(shown.grid, shown.bands.filter((band) => band.scale === scale), shown.hidden));
