// @ts-check
// Sounds: where coefficients are in time and frequency, and what their scales sound like. The arrays are described in
// explorers/sound.py.
import { countOf, numbers, partOf, unpack } from "./arrays.js";

/**
 * @typedef {object} OfSound
 * @property {Uint32Array} tile  per coefficient, the tile that it is drawn in
 * @property {Float32Array} edges  where the tiles meet, in seconds
 */
/** @typedef {import("./arrays.js").Band & OfSound} SoundBand */
/** @typedef {ReturnType<typeof unpackSound>} SoundValues */
/** @typedef {{name: "log" | "linear" | "mel", lowest: number, highest: number}} FrequencyAxis */
/** @typedef {[number, number]} Span  begin and end, in seconds */

/** Steps of 16 bits from 0 to the largest value that isn't clipped. */
const FULL = 2 ** 15;

/** @param {any} sent  `_signal` and `_values` together */
export function unpackSound(sent) {
  return {
    ...unpack(sent),
    rate: /** @type {number} */ (sent.rate),
    duration: /** @type {number} */ (sent.size[0] / sent.rate),
    bands: /** @type {SoundBand[]} */ (
      sent.bands.map((/** @type {any} */ band) => ({
        ...band, tile: numbers(band.tile, Uint32Array), edges: numbers(band.edges, Float32Array),
      }))
    ),
    octaves: /** @type {[low: number, high: number, share: number][]} */ (sent.octaves),
    lowest: /** @type {number} */ (sent.lowest),
    full: /** @type {number} */ (sent.full),
    waveform: /** @type {Int16Array} */ (numbers(sent.waveform, Int16Array)),
    spectrogram: {
      .../** @type {{shape: [number, number], floor: number, begin: number, hop: number, step: number}} */ (sent.spectrogram),
      levels: /** @type {Uint8Array} */ (numbers(sent.spectrogram.levels, Uint8Array)),
    },
    features: sent.features
      ? {
          .../** @type {{channels: number, count: number, shape: [number, number], hertz: number[], begin: number,
            hop: number, unit: string, signable: boolean}} */ (sent.features),
          attribution: /** @type {Float32Array} */ (numbers(sent.features.attribution, Float32Array)),
        }
      : null,
  };
}

/** Mel by Slaney: linear up to 1 kHz, then 27 steps for every factor of 6.4. @param {number} hertz */
const melOf = (hertz) => (hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4));
/** @param {number} mel */
const hertzOf = (mel) => (mel < 15 ? (200 * mel) / 3 : 1000 * 6.4 ** ((mel - 15) / 27));

/** From Hz to what an axis is evenly spaced in, and back. As in transform/octaves.py. */
const SPACINGS = {
  linear: { there: (/** @type {number} */ hertz) => hertz, back: (/** @type {number} */ place) => place },
  log: { there: Math.log2, back: (/** @type {number} */ place) => 2 ** place },
  mel: { there: melOf, back: hertzOf },
};

/** How high up a frequency is drawn, from 0 to 1. @param {FrequencyAxis} axis @param {number} hertz */
export function heightOf({ name, lowest, highest }, hertz) {
  const { there } = SPACINGS[name];
  return (there(Math.max(hertz, lowest)) - there(lowest)) / (there(highest) - there(lowest));
}

/** The frequency at a height. @param {FrequencyAxis} axis @param {number} height */
export function frequencyAt({ name, lowest, highest }, height) {
  const { there, back } = SPACINGS[name];
  return back(there(lowest) + height * (there(highest) - there(lowest)));
}

/** Frequencies for the labels of an axis, in Hz. @param {FrequencyAxis} axis */
export function frequencyTicks(axis) {
  const { name, lowest, highest } = axis;
  if (name === "linear") return roundSteps([0, highest], 6);
  const wanted = [];
  for (let power = 10 ** Math.floor(Math.log10(Math.max(lowest, highest / 1e4))); power < highest; power *= 10) {
    wanted.push(power, 2 * power, 5 * power);
  }
  const least = name === "mel" ? highest / 100 : lowest;
  return [...(name === "mel" ? [0] : []), ...wanted.filter((each) => each >= least && each <= highest)];
}

/** Round numbers within a span, at most so many. @param {Span} span @param {number} most */
export function roundSteps([begin, end], most) {
  const power = 10 ** Math.floor(Math.log10((end - begin) / most));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => (end - begin) / each <= most) ?? 10 * power;
  const first = Math.ceil(begin / step - 1e-9);
  const count = Math.floor(end / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, at) => (first + at) * step);
}

/** The rows of a picture that lie between two frequencies: first, and last + 1. @param {FrequencyAxis} axis @param {number} low @param {number} high @param {number} rows @returns {[number, number]} */
function rowsOf(axis, low, high, rows) {
  const row = (/** @type {number} */ hertz) => Math.round(rows * (1 - heightOf(axis, hertz)));
  return [Math.max(0, row(high)), Math.min(rows, row(low))];
}

/**
 * Show every column of a picture what is largest of the cells that it covers.
 * @param {Float32Array} cells
 * @param {(cell: number) => number} edge  where a cell begins, in seconds; a cell ends where the next begins
 * @param {Span} span  of the picture
 * @param {Float32Array} strip  one value per column
 */
function pool(cells, edge, [begin, end], strip) {
  const columns = strip.length;
  const scale = columns / (end - begin);
  for (let cell = 0; cell < cells.length; cell++) {
    const value = cells[cell];
    const first = Math.max(0, Math.floor((edge(cell) - begin) * scale + 1e-6)); // to touch is not to cover
    const last = Math.min(columns - 1, Math.ceil((edge(cell + 1) - begin) * scale - 1e-6) - 1);
    for (let x = first; x <= last; x++) if (Math.abs(value) > Math.abs(strip[x])) strip[x] = value;
  }
}

/**
 * The attribution of coefficients on a picture of time and frequency: each all over its tile.
 * @param {SoundValues} values
 * @param {import("./arrays.js").Shown} shown
 * @param {(index: number) => boolean} left  whether a position is left out
 * @param {FrequencyAxis} axis
 * @param {Span} span
 * @param {[rows: number, columns: number]} size
 */
export function tileMap({ bands, octaves }, shown, left, axis, span, [rows, columns]) {
  const map = new Float32Array(rows * columns);
  for (const band of bands) {
    const amounts = shown.amounts(band, 1);
    const tiles = new Float32Array(band.edges.length - 1);
    for (let i = 0; i < amounts.length; i++) if (!left(band.start + i)) tiles[band.tile[i]] += amounts[i];
    const strip = new Float32Array(columns);
    pool(tiles, (tile) => band.edges[tile], span, strip);
    const [top, bottom] = rowsOf(axis, octaves[band.scale][0], octaves[band.scale][1], rows);
    for (let y = top; y < bottom; y++) map.set(strip, y * columns);
  }
  return map;
}

/**
 * The attribution at the front end, on the same picture.
 * @param {NonNullable<SoundValues["features"]>} features
 * @param {import("./arrays.js").Shown} shown
 * @param {(index: number) => boolean} left
 * @param {FrequencyAxis} axis
 * @param {Span} span
 * @param {[rows: number, columns: number]} size
 */
export function featureMap({ shape, hertz, begin, hop }, shown, left, axis, span, [rows, columns]) {
  const map = new Float32Array(rows * columns);
  const amounts = shown.amounts({ shape, start: 0, scale: 0, orientation: "" }, 1);
  for (let i = 0; i < amounts.length; i++) if (left(i)) amounts[i] = 0;
  for (let row = 0; row < shape[0]; row++) {
    const strip = new Float32Array(columns);
    pool(amounts.subarray(row * shape[1], (row + 1) * shape[1]), (frame) => begin + frame * hop, span, strip);
    const [top, bottom] = rowsOf(axis, hertz[row], hertz[row + 1], rows);
    for (let y = top; y < bottom; y++) map.set(strip, y * columns);
  }
  return map;
}

/**
 * The spectrogram as a picture: in colours, and in grey for what is laid over it.
 * @param {SoundValues} values
 * @param {Uint8Array} table  of colours, from loud to faint
 * @param {FrequencyAxis} axis
 * @param {Span} span
 * @param {[rows: number, columns: number]} size
 */
export function paintSpectrogram({ spectrogram }, table, axis, span, [rows, columns]) {
  const { levels, shape, begin, hop, step } = spectrogram;
  const [frequencies, frames] = shape;
  const photo = new Uint8Array(4 * rows * columns);
  const pale = new Float32Array(rows * columns);
  const width = (span[1] - span[0]) / columns;
  const clip = (/** @type {number} */ at, /** @type {number} */ count) => Math.min(count - 1, Math.max(0, at));
  const colourOf = (/** @type {number} */ level) => 4 * Math.round(((255 - level) * (table.length / 4 - 1)) / 255);
  const greyOf = (/** @type {number} */ level) => 255 - 0.5 * level; // no darker than half-way: colours stand out
  for (let y = 0; y < rows; y++) {
    const low = clip(Math.round(frequencyAt(axis, 1 - (y + 1) / rows) / step), frequencies);
    const high = Math.max(low, clip(Math.round(frequencyAt(axis, 1 - y / rows) / step) - 1, frequencies));
    for (let x = 0; x < columns; x++) {
      const first = clip(Math.floor((span[0] + x * width - begin) / hop), frames);
      const last = Math.max(first, clip(Math.ceil((span[0] + (x + 1) * width - begin) / hop) - 1, frames));
      let level = 0;
      for (let f = low; f <= high; f++) for (let t = first; t <= last; t++) level = Math.max(level, levels[f * frames + t]);
      const from = colourOf(level);
      const to = 4 * (y * columns + x);
      for (let c = 0; c < 3; c++) photo[to + c] = table[from + c];
      photo[to + 3] = 255;
      pale[to / 4] = greyOf(level);
    }
  }
  /** What the levels look like under colours of this opacity, from faint to loud. @param {number} opacity */
  const tableAt = (opacity) => {
    const made = new Uint8Array(table.length);
    for (let at = 0; at < made.length; at += 4) {
      const level = (255 * at) / (made.length - 4);
      const from = colourOf(level);
      for (let c = 0; c < 3; c++) made[at + c] = (1 - opacity) * table[from + c] + opacity * greyOf(level);
      made[at + 3] = 255;
    }
    return made;
  };
  return { photo, pale, tableAt };
}

/**
 * Which positions are kept: those whose attribution, its magnitudes summed over channels, is largest.
 * @param {{channels: number, count: number}} counts
 * @param {Float32Array} attribution
 * @param {number} fraction  how many of the positions; of equal ones the coarser comes first
 */
export function largest({ channels, count }, attribution, fraction) {
  const importance = new Float32Array(count);
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < count; i++) importance[i] += Math.abs(attribution[c * count + i]);
  }
  const kept = new Uint8Array(count);
  const wanted = roundHalfEven(fraction * count);
  if (!wanted) return kept;
  const bound = importance.slice().sort()[count - wanted];
  let equal = wanted;
  for (let i = 0; i < count; i++) if (importance[i] > bound) equal -= kept[i] = 1;
  for (let i = 0; i < count && equal; i++) if (importance[i] === bound) equal -= kept[i] = 1;
  return kept;
}

/** As Python rounds. @param {number} value */
function roundHalfEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

/**
 * What every scale sounds like: (scale, output, sample), in steps of 16 bits. Rounded but for the last, which is the
 * original minus the others: so together they are the original.
 * @param {SoundValues} values
 */
export function scaleSounds(values) {
  const { scales, mixture, waveform, size } = values;
  const sounds = scales.map((_, scale) => rounded(values, scale, () => false));
  mixture.forEach((_, output) => {
    const last = sounds[scales.length - 1][output];
    for (let i = 0; i < size[0]; i++) {
      let left = waveform[output * size[0] + i] / FULL;
      for (let scale = 0; scale < scales.length - 1; scale++) left -= sounds[scale][output][i];
      last[i] = left;
    }
  });
  return sounds;
}

/**
 * What is kept of every scale, and the rest: both (scale, output, sample); together they are the scale.
 * @param {SoundValues} values
 * @param {Float32Array[][]} whole  from `scaleSounds`
 * @param {(index: number) => boolean} left  whether a coefficient, numbered channel by channel, is left out
 */
export function splitSounds(values, whole, left) {
  const kept = whole.map((outputs, scale) => {
    const [band] = values.bands.filter((each) => each.scale === scale);
    const all = () => {
      for (let c = 0; c < values.channels; c++) {
        const from = c * values.count + band.start;
        for (let i = 0; i < countOf(band); i++) if (left(from + i)) return false;
      }
      return true;
    };
    return all() ? outputs : rounded(values, scale, left);
  });
  const rest = whole.map((outputs, scale) =>
    outputs.map((samples, output) =>
      kept[scale][output] === samples ? new Float32Array(samples.length) : samples.map((each, i) => each - kept[scale][output][i])));
  return { kept, rest };
}

/** @param {SoundValues} values @param {number} scale @param {(index: number) => boolean} left */
function rounded(values, scale, left) {
  const { bands, baseline, full, size } = values;
  const parts = partOf(values, bands.filter((band) => band.scale === scale), left);
  return /** @type {Float32Array[]} */ (parts).map((part, output) =>
    part.map((each, i) => {
      const base = scale === 0 && baseline ? baseline[output * size[0] + i] : 0;
      return Math.round(((each + base) / full) * FULL) / FULL;
    }));
}

/**
 * What is heard of tracks: their weighted sum, per output.
 * @param {Float32Array[][]} tracks  (track, output, sample)
 * @param {number[]} levels  per track
 */
export function mixSounds(tracks, levels) {
  const outputs = tracks[0].map((samples) => new Float32Array(samples.length));
  for (const [number, track] of tracks.entries()) {
    const level = levels[number];
    if (!level) continue;
    for (const [output, into] of outputs.entries()) {
      const samples = track[output];
      for (let i = 0; i < into.length; i++) into[i] += level * samples[i];
    }
  }
  return outputs;
}

/** How loud a sound is, and its largest value. @param {Float32Array[]} outputs */
export function loudness(outputs) {
  let energy = 0;
  let peak = 0;
  for (const samples of outputs) {
    for (let i = 0; i < samples.length; i++) {
      energy += samples[i] * samples[i];
      peak = Math.max(peak, Math.abs(samples[i]));
    }
  }
  return { rms: Math.sqrt(energy / Math.max(1, outputs.length * outputs[0].length)), peak };
}

/**
 * The outline of a waveform, as a path in a box of so many columns and a height of 2, which `peak` fills.
 * @param {Float32Array[]} outputs
 * @param {number} rate
 * @param {Span} span
 * @param {number} columns
 * @param {number} peak
 */
export function outline(outputs, rate, [begin, end], columns, peak) {
  const above = [];
  const below = [];
  const samples = outputs[0].length;
  for (let x = 0; x < columns; x++) {
    const first = Math.min(samples - 1, Math.floor((begin + ((end - begin) * x) / columns) * rate));
    const last = Math.min(samples - 1, Math.max(first, Math.ceil((begin + ((end - begin) * (x + 1)) / columns) * rate) - 1));
    let high = -Infinity;
    let low = Infinity;
    for (const output of outputs) {
      for (let i = first; i <= last; i++) {
        high = Math.max(high, output[i]);
        low = Math.min(low, output[i]);
      }
    }
    const scale = peak || 1;
    above.push(`${x + 0.5} ${(1 - high / scale - 0.004).toFixed(4)}`);
    below.push(`${x + 0.5} ${(1 - low / scale + 0.004).toFixed(4)}`);
  }
  return `M ${above.join(" L ")} L ${below.reverse().join(" L ")} Z`;
}
