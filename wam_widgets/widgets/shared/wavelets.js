// @ts-check
// Coefficients on the signal's grid: each spread over its cell, or put together again. As transform/geometry.py and
// transform/coefficients.py do it; the tests hold the one against the other.

/**
 * The tiling of one axis by the coefficients of a band.
 * @typedef {object} Axis
 * @property {Uint16Array} tile  per coefficient, the tile that it is drawn in
 * @property {Float32Array} width  per tile, in samples
 * @property {Uint16Array} first  per sample, the first tile that it overlaps
 * @property {Float32Array} share  per sample, how much of it lies in that tile; the rest lies in the next
 * @property {Uint16Array} at  per sample, the tile that its centre lies in
 * @property {Float32Array} place  per coefficient, its position in samples
 */

/**
 * @typedef {object} Tiled  a band of an image or a volume
 * @property {Axis[] | null} axes  null without a wavelet: a coefficient is a sample
 */
/** @typedef {import("./arrays.js").Band & Tiled} TiledBand */

/**
 * Add a band to a map, every coefficient spread evenly over its cell.
 * @param {Float32Array} values  one per coefficient of the band
 * @param {TiledBand} band
 * @param {Float32Array} map  what to add to, on the signal's grid
 */
export function spread(values, { shape, axes }, map) {
  if (!axes) {
    for (let i = 0; i < values.length; i++) map[i] += values[i];
    return;
  }
  /** @type {Float64Array} */
  let density = perTile(values, shape, axes);
  for (let axis = axes.length - 1; axis > 0; axis--) density = along(density, axes, axis, null);
  along(density, axes, 0, map);
}

/** What lies in every tile, per sample: tiles in the order of the coefficients. @param {Float32Array} values @param {number[]} shape @param {Axis[]} axes */
function perTile(values, shape, axes) {
  const counts = axes.map(({ width }) => width.length);
  const tiles = new Float64Array(counts.reduce((product, each) => product * each, 1));
  const last = axes.length - 1;
  const { tile, width } = axes[last];
  for (let line = 0, i = 0; i < values.length; line++) {
    let [rest, start, scale, stride] = [line, 0, 1, counts[last]]; // where the line lies along all axes but the last
    for (let axis = last - 1; axis >= 0; axis--) {
      const at = axes[axis].tile[rest % shape[axis]];
      rest = Math.floor(rest / shape[axis]);
      start += at * stride;
      stride *= counts[axis];
      scale *= axes[axis].width[at];
    }
    for (let c = 0; c < shape[last]; c++, i++) tiles[start + tile[c]] += values[i] / scale / width[tile[c]];
  }
  return tiles;
}

/**
 * Spread tiles over the samples of one axis; those after it are samples already, those before it tiles.
 * @param {Float64Array} density
 * @param {Axis[]} axes
 * @param {number} axis
 * @param {Float32Array | null} map  what to add to; by default an array of its own
 */
function along(density, axes, axis, map) {
  const { first, share, width } = axes[axis];
  const samples = first.length;
  const inner = axes.slice(axis + 1).reduce((product, each) => product * each.first.length, 1);
  const outer = density.length / width.length / inner;
  const made = map ?? new Float64Array(outer * samples * inner);
  for (let o = 0, to = 0; o < outer; o++) {
    for (let x = 0; x < samples; x++) {
      const one = (o * width.length + first[x]) * inner;
      const next = (o * width.length + Math.min(first[x] + 1, width.length - 1)) * inner;
      const part = share[x];
      for (let i = 0; i < inner; i++, to++) made[to] += density[one + i] * part + density[next + i] * (1 - part);
    }
  }
  return /** @type {Float64Array} */ (made);
}

/**
 * Put a sound or an image together from the bands of one scale: upsample, filter and crop along each axis, level by
 * level.
 * @param {Map<string, Float32Array>} bands  by orientation, row by row; what is missing is zero
 * @param {number[][]} sizes  of the signal, of what one decomposition leaves of it, and so on
 * @param {number} level  number of decompositions that lead to the bands
 * @param {{low: number[], high: number[]}} filters  of the synthesis
 * @returns {Float32Array} the signal, row by row
 */
export function synthesise(bands, sizes, level, { low, high }) {
  const sound = sizes[0].length === 1;
  let approximation = bands.get("approximation");
  for (let step = level; step > 0; step--) {
    const detail = (/** @type {string} */ name) => (step === level ? bands.get(name) : undefined);
    if (sound) {
      approximation = alongRows(approximation, detail("d"), 1, sizes[step][0], sizes[step - 1][0], low, high);
      continue;
    }
    const [rows, columns] = sizes[step];
    const [tall, wide] = sizes[step - 1];
    const left = alongRows(approximation, detail("vertical"), rows, columns, wide, low, high);
    const right = alongRows(detail("horizontal"), detail("diagonal"), rows, columns, wide, low, high);
    approximation = new Float32Array(tall * wide);
    addDown(left, low, rows, wide, tall, approximation);
    addDown(right, high, rows, wide, tall, approximation);
  }
  return /** @type {Float32Array} */ (approximation);
}

/**
 * @param {Float32Array | undefined} lows
 * @param {Float32Array | undefined} highs
 * @param {number} rows
 * @param {number} columns
 * @param {number} wide  columns of the result
 * @param {number[]} low
 * @param {number[]} high
 * @returns {Float32Array | undefined} nothing if both are zero
 */
function alongRows(lows, highs, rows, columns, wide, low, high) {
  if (!lows && !highs) return undefined;
  const made = new Float32Array(rows * wide);
  for (const [values, filter] of /** @type {[Float32Array | undefined, number[]][]} */ ([[lows, low], [highs, high]])) {
    if (!values) continue;
    const offset = filter.length - 2;
    for (let r = 0; r < rows; r++) {
      for (let x = 0; x < wide; x++) {
        const end = Math.min((x + offset) >> 1, columns - 1);
        let sum = 0;
        for (let k = Math.max(0, (x + offset - filter.length + 2) >> 1); k <= end; k++) {
          sum += values[r * columns + k] * filter[x + offset - 2 * k];
        }
        made[r * wide + x] += sum;
      }
    }
  }
  return made;
}

/**
 * @param {Float32Array | undefined} values
 * @param {number[]} filter
 * @param {number} rows
 * @param {number} wide
 * @param {number} tall  rows of the result
 * @param {Float32Array} result  what to add to
 */
function addDown(values, filter, rows, wide, tall, result) {
  if (!values) return;
  const offset = filter.length - 2;
  for (let y = 0; y < tall; y++) {
    const end = Math.min((y + offset) >> 1, rows - 1);
    for (let k = Math.max(0, (y + offset - filter.length + 2) >> 1); k <= end; k++) {
      const tap = filter[y + offset - 2 * k];
      for (let x = 0; x < wide; x++) result[y * wide + x] += values[k * wide + x] * tap;
    }
  }
}
