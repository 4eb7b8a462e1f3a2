// @ts-check
import { mix } from "./shared/arrays.js";
import { cameraPane } from "./shared/camera.js";
import { colourBar, limitOf, paintOver, paleOf, peakOf, percent, written } from "./shared/colours.js";
import { manyOf, radios, slide } from "./shared/controls.js";
import { ShownGrid } from "./shared/grids.js";
import { box, classes, colours, items, needKernel, noise, question, takenErrors, wavelet } from "./shared/panels.js";
import { cameraOf, raycaster } from "./shared/raycaster.js";
import { coefficientTable, whatTheyAre } from "./shared/readout.js";
import { scaleSliders } from "./shared/sliders.js";
import { slicePanes } from "./shared/slices.js";
import { element, memory, view } from "./shared/view.js";
import { axesOf, sliceOf, strongestAlong, unpackVolume, whereIs } from "./shared/volumes.js";

/**
 * @typedef {import("./shared/volumes.js").VolumeValues} Values
 * @typedef {import("./shared/arrays.js").Errors} Errors
 * @typedef {import("./shared/view.js").Model<any>} Traits  those of volume_view.py and explorers/volume.py
 */

/** Pixels of a side of the picture: at rest, and while it moves. */
const AT_REST = 448;
const MOVING = 192;

/** Voxels per step along a line of sight: at rest, and while it moves. */
const PACE = 0.8;
const FAST_PACE = 1.2;

/** Milliseconds after which a picture that moved is drawn as one at rest. */
const STILL = 150;

/** The settings that decide which coefficients are shown. */
const SHOWN = ["orientations", "signed", "significant", "rate", "denoised"];

const ORIENTATIONS = ["aad", "ada", "add", "daa", "dad", "dda", "ddd"];

/** Scales that are drawn in 3-D: as many as two textures have channels. */
const MOST_SCALES = 8;

const render = view(({ model, el, life }) => {
  const traits = /** @type {Traits} */ (model);
  const set = life.setter(traits);
  const bound = { life, model: traits, set };
  el.classList.add("wam-explorer", "wam-volume");

  /** @type {Values} */
  let values;
  /** @type {Errors | null} */
  let errors = null;
  let moving = false;
  const { remember, forget } = memory(traits);

  // ----------------------------------------------------------------------------------------------------- what is drawn
  const shown = () => remember("shown", SHOWN, () => new ShownGrid(values, errors, traits));
  const maps = () => remember("maps", [...SHOWN, "per"], () => shown().maps(traits.get("per")));
  const weights = () => values.scales.map((_, at) => traits.get("weights")[at] ?? 1);
  const needErrors = () => traits.get("significant") || traits.get("denoised");
  const empty = () => new Float32Array(values.grey.length);
  const mixedAt = (/** @type {number} */ index) => maps().reduce((sum, map, scale) => sum + weights()[scale] * map[index], 0);
  const mixed = () => remember("mixed", [...SHOWN, "per", "weights"], () => mix(maps(), weights(), empty()));
  /** The end of the colour scale where nothing is hidden, shrunken or weighted: what such changes take away shows. */
  const automatic = () => remember("limit", ["signed", "per"], () => {
    const plain = new ShownGrid(values, null, traits, values.bands);
    return limitOf([mix(plain.maps(traits.get("per")), [], empty())]);
  });
  const { scale, ...colouring } = colours(bound, {
    automatic, signed: () => shown().signed, fitted: () => limitOf([mixed()]),
  });

  const picture = cameraPane(life, traits, set, (at) => {
    const camera = cameraOf(traits.get("rotation"), traits.get("up"));
    const from = camera.right.map((each, axis) => at[0] * each + at[1] * camera.up[axis]);
    const { half, size } = values;
    const found = strongestAlong((index) => Math.abs(mixedAt(index)), size, { half, from, forward: camera.forward, clip: traits.get("clip") });
    if (found) set({ cursor: found });
  });
  const caster = raycaster(picture.canvas);
  life.endings.push(() => caster?.end());
  /** Why there is no picture in 3-D. */
  const lack = () => {
    if (!caster) return "This browser has no WebGL 2: the slices show what is inside.";
    if (caster.gl.isContextLost()) return "The browser has lost its graphics memory: the slices show what is inside.";
    if (values.scales.length > MOST_SCALES) return `In 3-D at most ${MOST_SCALES} scales are drawn: choose a lower level. The slices show all.`;
    if (Math.max(...values.size) <= caster.most()) return "";
    return `This browser draws volumes of at most ${caster.most()} voxels a side: explain a smaller one, torch.nn.functional.avg_pool3d(signal, (${values.size.map((each) => Math.ceil(each / caster.most())).join(", ")})). The slices show all.`;
  };
  const sayLack = () => {
    missing.textContent = lack();
    picture.pane.hidden = inSpace.hidden = picture.buttons.hidden = Boolean(missing.textContent);
  };
  /** @type {number[]} */
  let peaks = [];
  /** What the graphics memory holds now. */
  let held = { grey: "", maps: "", table: "" };
  life.listen(picture.canvas, "webglcontextlost", (event) => {
    event.preventDefault(); // it may come back
    sayLack();
  });
  life.listen(picture.canvas, "webglcontextrestored", () => {
    caster?.forget();
    held = { grey: "", maps: "", table: "" };
    sayLack();
    draw();
  });
  const upload = () => {
    if (!caster) return;
    const grey = values.key + values.size;
    if (held.grey !== grey) caster.setGrey(values.bright, values.size);
    const now = maps();
    const which = `${values.key} ${[...SHOWN, "per"].map((name) => JSON.stringify(traits.get(name)))} ${needErrors() && Boolean(errors)}`;
    if (held.maps !== which) peaks = caster.setMaps(now, values.size, shown().signed);
    const { table, signed } = scale();
    const tableName = `${signed} ${traits.get(signed ? "signed_colours" : "colours")}`;
    if (held.table !== tableName) caster.setTable(table);
    held = { grey, maps: which, table: tableName };
  };
  const drawVolume = () => {
    if (!caster || lack()) return;
    upload();
    const side = moving ? MOVING : AT_REST;
    const { canvas } = picture;
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const camera = cameraOf(traits.get("rotation"), traits.get("up"));
    const clip = traits.get("clip");
    const ink = getComputedStyle(el).color.match(/\d+(\.\d+)?/g)?.slice(0, 3).map((each) => Number(each) / 255) ?? [0.5, 0.5, 0.5];
    const { limit, signed } = scale();
    caster.draw(traits.get("look"), {
      weights: weights().map((each, at) => (limit > 0 ? (each * peaks[at]) / limit : 0)),
      camera,
      numbers: {
        reach: picture.reach(), threshold: Math.max(traits.get("threshold"), 1e-3), opacity: traits.get("opacity"),
        curve: traits.get("curve"), density: traits.get("density"), pace: moving ? FAST_PACE : PACE,
      },
      isSigned: signed,
      vectors: {
        half_: values.half, size: [...values.size].reverse(), pan: traits.get("pan"), ink,
        low: [clip[4], clip[2], clip[0]], high: [clip[5], clip[3], clip[1]],
      },
    });
  };
  const draw = () => {
    drawVolume();
    picture.annotate(cameraOf(traits.get("rotation"), traits.get("up")), values);
    el.dataset.drawn = values.key;
    el.dataset.look = traits.get("look");
    el.dataset.moving = String(moving);
  };
  const drawSlices = () => {
    for (const across of [0, 1, 2]) {
      const at = traits.get("cursor")[across];
      const [rows, columns] = axesOf(across).map((axis) => values.size[axis]);
      const slice = mix(maps().map((map) => sliceOf(map, values.size, across, at)), weights(), new Float32Array(rows * columns));
      const bright = sliceOf(values.bright, values.size, across, at);
      const photo = new Uint8Array(4 * bright.length);
      bright.forEach((each, i) => photo.fill(each, 4 * i, 4 * i + 3));
      const image = slices.resize(across, rows, columns);
      paintOver(slice, photo, paleOf(photo), scale(), traits.get("opacity"), image.data);
      slices.paint(across, image);
    }
  };
  const drawLegend = () => {
    const bar = scale();
    const signs = traits.get("kind") === "contribution" ? "right speaks for, left against" : "right raises, left lowers the score";
    legend.show(bar, `${values.units[traits.get("per")]}${bar.signed ? `; ${signs}` : ""}`, peakOf([mixed()]));
  };

  // --------------------------------------------------------------------------------------------------- what is read off
  const legend = colourBar();
  const slices = slicePanes(life, traits, set, () => values);
  const where = element("div", {});
  const table = element("table", {});
  const live = element("div", { class: "wam-unseen", role: "status" });
  const readout = element("div", { class: "wam-readout" }, where,
    element("div", { class: "wam-scroll", tabindex: 0, role: "region", "aria-label": "coefficients at this voxel" }, table));
  const showPlace = () => {
    const place = traits.get("cursor");
    const index = (place[0] * values.size[1] + place[1]) * values.size[2] + place[2];
    const current = { values, errors, shown: shown() };
    const heat = `input ${written(values.grey[index])}, heat map ${written(mixedAt(index))}`;
    const parts = values.scales.map(({ name }, scale) => `${name} ${written(maps()[scale][index])}`);
    where.textContent = `Voxel [${place.join(", ")}], ${whereIs(values.grid, place)}: ${heat} (${parts.join(", ")}). ${whatTheyAre(current)}:`;
    table.replaceChildren(...coefficientTable(current, place));
    if (el.contains(document.activeElement)) live.textContent = where.textContent;
  };

  // -------------------------------------------------------------------------------------------------------- the controls
  const sliders = scaleSliders(life, traits, () => traits.get("_signal").scales.map((/** @type {any} */ each) => each.name));
  life.listen(sliders.reset, "click", () => set({ limit: 0 }));
  const hundredths = { values: Array.from({ length: 101 }, (_, at) => at / 100), write: percent };
  const bands = manyOf(bound, "orientations", "orientations", ORIENTATIONS);
  const per = radios(bound, "per", "amounts", [["sample", "amounts per voxel"], ["cell", "per coefficient"]]);
  const inSpace = element("div", { class: "wam-stack" },
    radios(bound, "look", "look", [["volume", "volume"], ["maximum", "maximum"], ["surface", "surface"]]),
    slide(bound, "threshold", "threshold", hundredths),
    slide(bound, "curve", "opacity curve", { values: [0.5, 1, 1.5, 2, 3, 4, 6], write: (each) => `value to the ${written(each)}` }), slide(bound, "density", "input", hundredths), clipping(bound));
  const snapshot = element("button", { type: "button", title: "save the volume as it is seen, as a PNG" }, "snapshot");
  life.listen(snapshot, "click", () => {
    moving = false;
    draw(); // a canvas forgets its picture after the frame
    const link = element("a", { href: picture.snapshot(), download: "volume.png" });
    link.click();
  });
  const display = box("Show", inSpace, element("div", { class: "wam-stack" }, slide(bound, "opacity", "opacity", hundredths), bands, per,
    colouring.signs, colouring.names, colouring.ends));
  const strip = items(bound);
  const asking = question(bound);
  const wavelets = wavelet(bound);
  const title = element("div", { class: "wam-title" });
  const subtitle = element("div", { class: "wam-fine" });
  const predicted = element("div", {});
  const missing = element("div", { class: "wam-fine", role: "status" });
  picture.buttons.append(snapshot);
  el.append(
    element("div", { class: "wam-head" }, title, subtitle, strip),
    element("div", { class: "wam-body" },
      element("div", { class: "wam-left" }, picture.pane, missing, element("div", { class: "wam-row" }, picture.buttons, legend.element),
        slices.element, readout, live),
      element("div", { class: "wam-right" }, display, sliders.element, noise(bound), predicted, wavelets, asking,
        needKernel(bound, el, [strip, wavelets, asking]))),
  );

  // ------------------------------------------------------------------------------------------------------ what follows what
  const redraw = life.everyFrame(draw);
  const rest = life.afterRest(() => {
    moving = false;
    draw();
  }, STILL);
  const glide = () => {
    if (!values) return; // nothing is drawn yet
    moving = true;
    redraw();
    rest();
  };
  const restLegend = life.afterRest(drawLegend, STILL); // it takes the whole volume
  const redrawSlices = life.everyFrame(() => {
    drawSlices();
    showPlace();
    restLegend();
  });
  const moved = life.everyFrame(() => {
    slices.mark();
    drawSlices();
    showPlace();
  });
  let known = "";
  const takeErrors = () => {
    errors = takenErrors(traits, values, sliders, [picture.pane, slices.element])?.errors ?? null;
    if (needErrors()) forget("shown", "maps", "mixed"); // else errors are only read off
  };
  life.follow(traits, ["threshold", "curve", "density", "clip", "rotation", "zoom", "pan", "weights", "opacity"], glide);
  life.follow(traits, ["_values"], () => {
    values = unpackVolume({ ...traits.get("_signal"), ...traits.get("_values") });
    forget();
    const scales = values.scales.map((each) => each.name).join();
    if (scales !== known) sliders.rebuild();
    known = scales;
    title.textContent = values.title;
    subtitle.textContent = values.subtitle;
    picture.pane.setAttribute("aria-label", `${values.title}: volume. Arrow keys turn it, with Shift they move it, plus and minus zoom.`);
    const heading = values.how ? `Prediction (${values.how})` : "Prediction";
    predicted.replaceChildren(...(values.predictions.length ? [box(heading, classes(values.predictions))] : []));
    bands.hidden = values.bands.length < 2;
    per.hidden = values.bands.length < 2;
    colouring.signs.hidden = !values.signable;
    sayLack();
    slices.build();
    takeErrors();
    draw();
    drawSlices();
    drawLegend();
    showPlace();
  });
  life.follow(traits, ["_errors"], () => {
    takeErrors();
    showPlace();
    if (!needErrors()) return;
    redraw();
    redrawSlices();
  });
  life.follow(traits, ["look", "up", ...SHOWN, "per", "colours", "signed_colours", "limit"], redraw);
  life.follow(traits, [...SHOWN, "per", "weights", "opacity", "colours", "signed_colours", "limit"], redrawSlices);
  life.follow(traits, ["cursor"], moved);
  life.follow(traits, ["up"], slices.build);
  life.follow(traits, ["signed"], colouring.show);
  // The fog has the colour of the theme's ink.
  const theme = new MutationObserver(redraw);
  theme.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
  life.endings.push(() => theme.disconnect());
  life.listen(window.matchMedia("(prefers-color-scheme: dark)"), "change", redraw);
  life.listen(window.matchMedia("print"), "change", draw); // at once: a canvas forgets its picture after the frame
});

/**
 * Where each axis is cut.
 * @param {import("./shared/controls.js").Bound} bound
 */
function clipping({ life, model, set }) {
  const rows = [0, 1, 2].map((axis) => {
    const [from, to] = ["from", "to"].map(() => element("input", { type: "range", min: 0, max: 100, step: 1 }));
    const name = element("span", { class: "wam-label" });
    life.listen(from, "input", () => put(2 * axis, Math.min(Number(from.value), Number(to.value) - 1) / 100));
    life.listen(to, "input", () => put(2 * axis + 1, Math.max(Number(to.value), Number(from.value) + 1) / 100));
    return { element: element("div", { class: "wam-slide" }, name, from, to), from, to, name };
  });
  const put = (/** @type {number} */ at, /** @type {number} */ value) => {
    const clip = [...model.get("clip")];
    clip[at] = Math.min(1, Math.max(0, value));
    set({ clip });
    show(); // where the other end stops it, nothing changes but the slider
  };
  const show = () => {
    const clip = model.get("clip");
    rows.forEach(({ from, to, name }, axis) => {
      const axisName = model.get("_signal").grid.axes[axis];
      name.textContent = `cut ${axisName}`;
      for (const [input, end, place] of /** @type {[HTMLInputElement, string, number][]} */ ([[from, "from", 2 * axis], [to, "to", 2 * axis + 1]])) {
        input.setAttribute("aria-label", `${axisName} ${end}`);
        input.setAttribute("aria-valuetext", percent(clip[place]));
        input.value = String(Math.round(100 * clip[place]));
      }
    });
  };
  life.follow(model, ["clip", "_signal"], show);
  return element("details", {}, element("summary", {}, "cut"), ...rows.map((row) => row.element));
}

export default { render };
