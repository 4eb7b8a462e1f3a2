// @ts-check
// Volumes: where their voxels are, their slices, and what lies along a line of sight. The arrays are described in
// explorers/volume.py.
import { numbers } from "./arrays.js";
import { unpackGrid } from "./grids.js";

/** @typedef {ReturnType<typeof unpackVolume>} VolumeValues */
/** @typedef {[number, number, number]} Voxel  along the axes, as in arrays */
/** @typedef {{axes: string[], spacing: number[], units: string[], affine: number[][] | null}} VolumeGrid */
/** @typedef {[name: string, value: number, unit: string, step: number]} Coordinate  how far it is from a neighbour's */

/** @param {any} sent  `_signal` and `_values` together */
export function unpackVolume(sent) {
  const size = /** @type {[number, number, number]} */ (sent.size);
  const grey = /** @type {Float32Array} */ (numbers(sent.grey, Float32Array));
  let [low, high] = [Infinity, -Infinity];
  for (const value of grey) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const steps = stepsOf(sent.grid);
  const extent = size.map((each, axis) => each * steps[axis]);
  const longest = Math.max(...extent);
  return {
    ...unpackGrid(sent),
    size,
    grey,
    /** As a screen shows it: from faint to bright. */
    bright: Uint8Array.from(grey, (value) => Math.round((255 * (value - low)) / (high - low || 1))),
    /** Half sides along x, y and z, where the longest side is 1. */
    half: /** @type {[number, number, number]} */ (extent.map((each) => each / longest / 2).reverse()),
    /** The longest side, in the unit that axes share; in voxels where none do. */
    longest,
  };
}

/**
 * The steps along the axes, as they are drawn: in the unit that axes share; along one of another unit, such as a video's
 * time, as along the finest of these.
 * @param {VolumeGrid} grid
 */
function stepsOf({ spacing, units }) {
  const shares = units.map((unit) => units.filter((each) => each === unit).length > 1);
  if (!shares.includes(true)) return spacing.map(() => 1);
  const finest = Math.min(...spacing.filter((_, axis) => shares[axis]));
  return spacing.map((each, axis) => (shares[axis] ? each : finest));
}

/** World coordinates of a place, x first; without an affine, its distances from the first voxel. @param {VolumeGrid} grid @param {number[]} place @returns {Coordinate[]} */
const coordinatesOf = ({ axes, spacing, units, affine }, place) =>
  affine
    ? ["x", "y", "z"].map((name, row) => [name, [...place, 1].reduce((sum, at, axis) => sum + affine[row][axis] * at, 0), units[0], Math.max(...affine[row].slice(0, 3).map(Math.abs))])
    : place.map((at, axis) => /** @type {Coordinate} */ ([axes[axis], at * spacing[axis], units[axis], spacing[axis]])).reverse();

/** The coordinate of a place that an axis is named after, else its distance along the axis. @param {VolumeGrid} grid @param {number[]} place @param {number} axis */
export const coordinateOf = (grid, place, axis) =>
  coordinatesOf(grid, place).find(([name]) => name === grid.axes[axis]) ?? coordinatesOf({ ...grid, affine: null }, place)[2 - axis];

/** With three digits of the step, so that every voxel has a place of its own. @param {Coordinate} coordinate */
export const inWords = ([name, value, unit, step]) => {
  const decimals = Math.min(100, Math.max(0, 2 - Math.floor(Math.log10(step))));
  return `${name} ${String(Number(value.toFixed(decimals))).replaceAll("-", "−")} ${unit}`;
};

/** Where a place is, and from what that is counted. @param {VolumeGrid} grid @param {number[]} place */
export const whereIs = (grid, place) =>
  `${coordinatesOf(grid, place).map(inWords).join(", ")} ${grid.affine ? "in world coordinates" : "from the first voxel"}`;

/** The axes that a slice across an axis has: its rows and its columns. @param {number} across */
export const axesOf = (across) => /** @type {[number, number]} */ ([0, 1, 2].filter((axis) => axis !== across));

/** How far apart neighbours along each axis are in an array. @param {number[]} size */
const strides = ([, height, width]) => [height * width, width, 1];

/**
 * A slice of a volume.
 * @template {Float32Array | Uint8Array} T
 * @param {T} volume
 * @param {number[]} size
 * @param {number} across  the axis that it is cut across
 * @param {number} at  where
 * @returns {T} row by row
 */
export function sliceOf(volume, size, across, at) {
  const steps = strides(size);
  const [down, right] = axesOf(across);
  const made = /** @type {any} */ (new /** @type {any} */ (volume.constructor)(size[down] * size[right]));
  for (let r = 0, to = 0; r < size[down]; r++) {
    let from = at * steps[across] + r * steps[down];
    for (let c = 0; c < size[right]; c++, to++, from += steps[right]) made[to] = volume[from];
  }
  return made;
}

/**
 * The voxel that is strongest along a line of sight.
 * @param {(index: number) => number} strength  of a voxel
 * @param {number[]} size
 * @param {{half: number[], from: number[], forward: number[], clip: number[]}} ray  a point of it and its direction,
 *   where the longest side is 1; and the part of every axis that is drawn
 * @returns {Voxel | null} null if it passes by
 */
export function strongestAlong(strength, size, { half, from, forward, clip }) {
  const steps = strides(size);
  const voxels = Math.hypot(...size.map((each, axis) => (forward[2 - axis] * each) / (2 * half[2 - axis]))); // per length
  const count = Math.ceil(8 * voxels); // two to a voxel
  let best = 0;
  /** @type {Voxel | null} */
  let found = null;
  for (let i = 0; i <= count; i++) {
    const t = 4 * (i / count) - 2;
    const at = [0, 1, 2].map((axis) => {
      const xyz = 2 - axis;
      const fraction = (from[xyz] + t * forward[xyz]) / (2 * half[xyz]) + 0.5;
      return fraction < clip[2 * axis] || fraction > clip[2 * axis + 1] ? -1 : Math.min(size[axis] - 1, Math.floor(fraction * size[axis]));
    });
    if (at.some((each) => each < 0)) continue;
    const value = strength(at[0] * steps[0] + at[1] * steps[1] + at[2]);
    if (value > best) {
      best = value;
      found = /** @type {Voxel} */ (at);
    }
  }
  return found;
}
