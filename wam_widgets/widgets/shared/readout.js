// @ts-check
// What the coefficients at one place are, and where that place is.
import { written } from "./colours.js";
import { coefficientAt } from "./grids.js";
import { element, mark } from "./view.js";

/**
 * @typedef {import("./images.js").ImageValues} Values
 * @typedef {import("./grids.js").GridValues} GridValues
 * @typedef {{values: GridValues, errors: import("./arrays.js").Errors | null, shown: import("./grids.js").ShownGrid}} Current
 * @typedef {[number, number]} Pixel  row and column
 */

/**
 * What the coefficients at a place are, with their standard errors: a row per scale, a column per orientation.
 * @param {Current} current
 * @param {number[]} place  a sample, as indices along the axes
 * @param {{band: import("./wavelets.js").TiledBand, at: number[]}} [pointed]  a coefficient that is pointed at
 */
export function coefficientTable({ values, errors, shown }, place, pointed) {
  /** The sum over channels of a coefficient, and whether none of it is shown. */
  const amountOf = (/** @type {import("./wavelets.js").TiledBand} */ { start, shape }, /** @type {number[]} */ at) => {
    const index = start + at.reduce((sum, each, axis) => sum * shape[axis] + each, 0);
    let sum = 0;
    let hidden = true;
    for (let c = 0; c < values.channels; c++) {
      sum += shown.attribution[c * values.count + index];
      hidden &&= shown.hidden(c * values.count + index);
    }
    const plain = shown.attribution === values.attribution;
    const text = errors && plain ? `${written(sum)} ± ${written(errors.error[index])}` : written(sum);
    return { text: hidden ? `${text} (hidden)` : text, hidden };
  };
  const orientations = values.bands.filter(({ scale }) => scale === 1).map((band) => band.orientation);
  return [
    element("thead", {}, element("tr", {},
      ...["scale", ...(orientations.length ? orientations : ["value"])].map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, ...values.scales.map(({ name }, scale) =>
      element("tr", {}, element("th", { scope: "row" }, name), ...values.bands.filter((band) => band.scale === scale).map((band) => {
        const { text, hidden } = amountOf(band, pointed?.band === band ? pointed.at : coefficientAt(band, place));
        const cell = element("td", {}, text);
        if (scale === 0 && orientations.length) cell.colSpan = orientations.length;
        cell.classList.toggle("wam-faint", hidden);
        cell.classList.toggle("wam-pointed", pointed?.band === band);
        return cell;
      })))),
  ];
}

/** What the numbers of the table are. @param {Current} current */
export function whatTheyAre({ values, errors, shown }) {
  const plain = shown.attribution === values.attribution;
  const kind = plain ? `Coefficients${errors ? " ± standard error" : ""}` : "Denoised coefficients, errors unknown";
  return `${kind}${values.channels > 1 ? ", summed over channels" : ""}`;
}

/** Where a sample is, in units of its axes, the last axis first. @param {GridValues} values @param {number[]} place */
export const placeInWords = ({ grid: { axes, spacing, units } }, place) =>
  place.map((at, axis) => `${axes[axis]} ${written(at * spacing[axis])} ${units[axis]}`).reverse().join(", ");

/** The band and coefficient at a pixel of the mosaic. @param {Values} values @param {Pixel} pixel */
function inMosaic({ bands }, [y, x]) {
  const band = bands.find(({ corner: [top, left], shape: [rows, columns] }) =>
    y >= top && y < top + rows && x >= left && x < left + columns);
  return band && { band, at: [y - band.corner[0], x - band.corner[1]] };
}

/**
 * @param {import("./view.js").Model<any>} traits
 * @param {() => Current & {values: Values, mixed: () => Float32Array}} current
 */
export function reader(traits, current) {
  const where = element("div", {});
  const table = element("table", {});
  const scroll = element("div", { class: "wam-scroll", tabindex: 0, role: "region", "aria-label": "coefficients at this place" }, table);

  /** The pixel of the image that a pixel of the canvas is about. @param {Pixel} pixel @returns {number[]} */
  const toImage = (pixel) => {
    if (traits.get("look") !== "mosaic") return pixel;
    const found = inMosaic(current().values, pixel);
    if (!found) return traits.get("cursor");
    return found.at.map((each, axis) => Math.round(found.band.axes?.[axis].place[each] ?? each));
  };

  return {
    element: element("div", { class: "wam-readout" }, where, scroll),
    toImage,
    /** Show what is at a pixel of the canvas, or at the cursor. @param {Pixel | null} pixel */
    show(pixel) {
      const { mixed, ...now } = current();
      const { values } = now;
      const at = /** @type {Pixel} */ (pixel ? toImage(pixel) : traits.get("cursor"));
      scroll.hidden = !at.length;
      if (!at.length) {
        where.textContent = "Point at the picture to read off its coefficients; click, or press the arrow keys on it, to keep a place.";
        table.replaceChildren();
        return;
      }
      const heat = traits.get("look") === "heatmap" ? `, heat map ${written(mixed()[at[0] * values.size[1] + at[1]])}` : "";
      where.textContent = `${placeInWords(values, at)}${heat}. ${whatTheyAre(now)}:`;
      const pointed = pixel && traits.get("look") === "mosaic" ? inMosaic(values, pixel) : undefined;
      table.replaceChildren(...coefficientTable(now, at, pointed));
    },
    /** The same for those who listen. */
    inWords() {
      const rows = [...table.querySelectorAll("tbody tr")];
      return `${where.textContent} ${rows.map((row) => [...row.children].map((cell) => cell.textContent).join(" ")).join("; ")}`;
    },
  };
}

/**
 * Draw the lines of the mosaic, and the cursor.
 * @param {SVGSVGElement} marks
 * @param {Values} values
 * @param {import("./view.js").Model<any>} traits
 */
export function drawMarks(marks, values, traits) {
  const mosaic = traits.get("look") === "mosaic";
  const cursor = /** @type {Pixel} */ (traits.get("cursor"));
  const [height, width] = mosaic ? values.mosaic : values.size;
  marks.replaceChildren();
  /** A dark line under a light one can be seen on anything. @param {string} tag @param {Record<string, string | number>} shape */
  const line = (tag, shape) => marks.append(mark(tag, { ...shape, class: "wam-under" }), mark(tag, { ...shape, class: "wam-over" }));
  for (const { orientation, corner: [top, left], shape: [rows, columns], scale } of mosaic && values.bands.length > 1 ? values.bands : []) {
    if (orientation === "diagonal") line("path", { d: `M ${left} 0 V ${top + rows} M 0 ${top} H ${left + columns}` });
    if (rows < 0.1 * height || columns < 0.2 * width) continue;
    const size = 0.032 * width;
    const names = scale ? [values.scales[scale].name, orientation] : [orientation];
    names.forEach((name, number) => marks.append(mark("text", { x: left + 0.4 * size, y: top + (1.2 + 1.1 * number) * size, "font-size": size }, name)));
  }
  if (!cursor.length) return;
  const spots = mosaic
    ? values.bands.map((band) => {
        const at = coefficientAt(band, cursor);
        return [band.corner[0] + at[0], band.corner[1] + at[1]];
      })
    : [cursor];
  for (const [y, x] of spots) {
    if (!mosaic) {
      line("path", { d: `M ${x + 0.5} 0 V ${y} M ${x + 0.5} ${y + 1} V ${height} M 0 ${y + 0.5} H ${x} M ${x + 1} ${y + 0.5} H ${width}` });
    }
    line("rect", { x, y, width: 1, height: 1 });
  }
}
