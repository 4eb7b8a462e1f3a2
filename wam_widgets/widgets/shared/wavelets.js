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
 * @typedef {object} OfImage
 * @property {[number, number]} shape  rows and columns
 * @property {[number, number]} corner  its first row and column in the mosaic
 * @property {Axis | null} rows  null without a wavelet: a coefficient is a pixel
 * @property {Axis | null} columns
 */
/** @typedef {import("./arrays.js").Band & OfImage} ImageBand */

/**
 * Add a band to a map, every coefficient spread evenly over its cell.
 * @param {Float32Array} values  one per coefficient of the band, row by row
 * @param {ImageBand} band
 * @param {[number, number]} size  of the map
 * @param {Float32Array} map  what to add to
 */
export function spread(values, { shape: [rows, columns], rows: down, columns: across }, [height, width], map) {
  if (!down || !across) {
    for (let i = 0; i < values.length; i++) map[i] += values[i];
    return;
  }
  const tall = down.width.length;
  const wide = across.width.length;
  const tiles = new Float64Array(tall * wide);
  for (let r = 0, i = 0; r < rows; r++) {
    const line = down.tile[r] * wide;
    const scale = down.width[down.tile[r]];
    for (let c = 0; c < columns; c++, i++) tiles[line + across.tile[c]] += values[i] / scale / across.width[across.tile[c]];
  }
  const lines = new Float64Array(tall * width);
  for (let x = 0; x < width; x++) {
    const first = across.first[x];
    const next = Math.min(first + 1, wide - 1);
    const share = across.share[x];
    for (let t = 0; t < tall; t++) lines[t * width + x] = tiles[t * wide + first] * share + tiles[t * wide + next] * (1 - share);
  }
  for (let y = 0; y < height; y++) {
    const first = down.first[y] * width;
    const next = Math.min(down.first[y] + 1, tall - 1) * width;
    const share = down.share[y];
    for (let x = 0, i = y * width; x < width; x++, i++) map[i] += lines[first + x] * share + lines[next + x] * (1 - share);
  }
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
