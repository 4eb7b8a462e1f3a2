// @ts-check
// What the coefficients at one place are, and where that place is.
import { written } from "./colours.js";
import { mark } from "./stage.js";
import { element } from "./view.js";

/**
 * @typedef {import("./images.js").ImageValues} Values
 * @typedef {import("./wavelets.js").ImageBand} Band
 * @typedef {import("./wavelets.js").Axis} Axis
 * @typedef {[number, number]} Pixel  row and column
 */

/** The band and coefficient at a pixel of the mosaic. @param {Values} values @param {Pixel} pixel */
function inMosaic({ bands }, [y, x]) {
  const band = bands.find(({ corner: [top, left], shape: [rows, columns] }) =>
    y >= top && y < top + rows && x >= left && x < left + columns);
  return band && { band, row: y - band.corner[0], column: x - band.corner[1] };
}

/** The coefficient of a band whose cell holds a pixel of the image. @param {Band} band @param {Pixel} pixel */
function coefficientAt(band, [y, x]) {
  const along = (/** @type {Axis | null} */ axis, /** @type {number} */ at) => {
    if (!axis) return at;
    // Near the border, where long filters have several coefficients in a cell, the middle one stands for them.
    const first = axis.tile.indexOf(axis.at[at]);
    return (first + axis.tile.lastIndexOf(axis.at[at])) >> 1;
  };
  return { row: along(band.rows, y), column: along(band.columns, x) };
}

/**
 * @param {import("./view.js").Model<any>} traits
 * @param {() => {values: Values, errors: import("./arrays.js").Errors | null,
 *   shown: import("./images.js").ShownImage, mixed: () => Float32Array}} current
 */
export function reader(traits, current) {
  const where = element("div", {});
  const table = element("table", {});
  const scroll = element("div", { class: "wam-scroll", tabindex: 0, role: "region", "aria-label": "coefficients at this place" }, table);

  /** The sum over channels of a coefficient, with its standard error, and whether none of it is shown. */
  const amountOf = (/** @type {Band} */ band, /** @type {number} */ row, /** @type {number} */ column) => {
    const { values, errors, shown } = current();
    const index = band.start + row * band.shape[1] + column;
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

  /** The pixel of the image that a pixel of the canvas is about. @param {Pixel} pixel @returns {number[]} */
  const toImage = (pixel) => {
    if (traits.get("look") !== "mosaic") return pixel;
    const found = inMosaic(current().values, pixel);
    if (!found) return traits.get("cursor");
    const { band, row, column } = found;
    return [Math.round(band.rows?.place[row] ?? row), Math.round(band.columns?.place[column] ?? column)];
  };

  return {
    element: element("div", { class: "wam-readout" }, where, scroll),
    coefficientAt,
    toImage,
    /** Show what is at a pixel of the canvas, or at the cursor. @param {Pixel | null} pixel */
    show(pixel) {
      const { values, errors, mixed, shown } = current();
      const at = /** @type {Pixel} */ (pixel ? toImage(pixel) : traits.get("cursor"));
      scroll.hidden = !at.length;
      if (!at.length) {
        where.textContent = "Point at the picture to read off its coefficients; click, or press the arrow keys on it, to keep a place.";
        table.replaceChildren();
        return;
      }
      const { axes, spacing, units } = values.grid;
      const place = [1, 0].map((axis) => `${axes[axis]} ${written(at[axis] * spacing[axis])} ${units[axis]}`).join(", ");
      const heat = traits.get("look") === "heatmap"
        ? `, heat map ${written(mixed()[at[0] * values.size[1] + at[1]])}`
        : "";
      const sums = values.channels > 1 ? ", summed over channels" : "";
      const plain = shown.attribution === values.attribution;
      const kind = plain ? `Coefficients${errors ? " ± standard error" : ""}` : "Denoised coefficients, errors unknown";
      where.textContent = `${place}${heat}. ${kind}${sums}:`;
      const pointed = pixel && traits.get("look") === "mosaic" ? inMosaic(values, pixel) : undefined;
      const orientations = values.bands.slice(1, 4).map((band) => band.orientation);
      table.replaceChildren(
        element("thead", {}, element("tr", {},
          ...["scale", ...(orientations.length ? orientations : ["value"])].map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {}, ...values.scales.map(({ name }, scale) =>
          element("tr", {}, element("th", { scope: "row" }, name), ...values.bands.filter((band) => band.scale === scale).map((band) => {
            const { row, column } = pointed?.band === band ? pointed : coefficientAt(band, at);
            const { text, hidden } = amountOf(band, row, column);
            const cell = element("td", {}, text);
            if (scale === 0 && orientations.length) cell.colSpan = orientations.length;
            cell.classList.toggle("wam-faint", hidden);
            cell.classList.toggle("wam-pointed", pointed?.band === band);
            return cell;
          })))),
      );
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
 * @param {typeof coefficientAt} at
 */
export function drawMarks(marks, values, traits, at) {
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
        const { row, column } = at(band, cursor);
        return [band.corner[0] + row, band.corner[1] + column];
      })
    : [cursor];
  for (const [y, x] of spots) {
    if (!mosaic) {
      line("path", { d: `M ${x + 0.5} 0 V ${y} M ${x + 0.5} ${y + 1} V ${height} M 0 ${y + 0.5} H ${x} M ${x + 1} ${y + 0.5} H ${width}` });
    }
    line("rect", { x, y, width: 1, height: 1 });
  }
}
