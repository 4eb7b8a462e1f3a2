// @ts-check
import { mix } from "./shared/arrays.js";
import { colourBar, limitOf, paintBlock, paintImage, paintOver, paleOf, peakOf, percent } from "./shared/colours.js";
import { manyOf, radios, slide } from "./shared/controls.js";
import { ShownGrid } from "./shared/grids.js";
import { blockOf, partsOf, unpackImage } from "./shared/images.js";
import { box, classes, colours, items, needKernel, noise, question, takenErrors, wavelet } from "./shared/panels.js";
import { drawMarks, reader } from "./shared/readout.js";
import { scaleSliders } from "./shared/sliders.js";
import { stage } from "./shared/stage.js";
import { element, memory, view } from "./shared/view.js";

/**
 * @typedef {import("./shared/images.js").ImageValues} Values
 * @typedef {import("./shared/arrays.js").Errors} Errors
 * @typedef {import("./shared/view.js").Model<any>} Traits  those of image_view.py and explorers/image.py
 */

/** The settings that decide which coefficients are shown. */
const SHOWN = ["orientations", "signed", "significant", "rate", "denoised"];

const render = view(({ model, el, life }) => {
  const traits = /** @type {Traits} */ (model);
  const set = life.setter(traits);
  const bound = { life, model: traits, set };
  el.classList.add("wam-explorer", "wam-image");

  /** @type {Values} */
  let values;
  /** @type {Errors | null} */
  let errors = null;
  /** @type {[number, number] | null} pixel of the canvas under the pointer */
  let hovered = null;
  const { remember, forget } = memory(traits);

  // ----------------------------------------------------------------------------------------------------- what is drawn
  const shown = () => remember("shown", SHOWN, () => new ShownGrid(values, errors, traits));
  const shownBands = () => /** @type {import("./shared/images.js").ImageBand[]} */ (shown().bands);
  const maps = () => remember("maps", [...SHOWN, "per"], () => shown().maps(traits.get("per")));
  const blocks = () =>
    remember("blocks", [...SHOWN, "per"], () => shownBands().map((band) => blockOf(shown(), band, traits.get("per"))));
  const parts = () => remember("parts", ["orientations", "significant", "rate"], () => partsOf(shown()));
  const empty = () => new Float32Array(values.size[0] * values.size[1]);
  const mixed = () => remember("mixed", [...SHOWN, "per", "weights"], () => mix(maps(), traits.get("weights"), empty()));
  /** @param {import("./shared/images.js").ImageBand} band @param {Float32Array} amounts */
  const weighted = (band, amounts) => {
    const weight = traits.get("weights")[band.scale];
    return weight === 1 ? amounts : amounts.map((each) => each * weight);
  };

  /** The end of the colour scale where nothing is hidden, shrunken or weighted: what such changes take away shows. */
  const automatic = () =>
    remember("limit", ["look", "signed", "per"], () => {
      const plain = new ShownGrid(values, null, traits, values.bands);
      const per = traits.get("per");
      if (traits.get("look") === "mosaic") return limitOf(values.bands.map((band) => blockOf(plain, band, per).amounts));
      return limitOf([mix(plain.maps(per), [], empty())]);
    });
  const { scale, ...colouring } = colours(bound, {
    automatic,
    signed: () => shown().signed,
    fitted: () => {
      const mosaic = traits.get("look") === "mosaic";
      return limitOf(mosaic ? blocks().map(({ band, amounts }) => weighted(band, amounts)) : [mixed()]);
    },
  });

  const picture = stage(life, traits, set, {
    hover: (at) => {
      hovered = at;
      readout.show(at);
    },
    choose: (at) => set({ cursor: readout.toImage(at) }),
    leave: () => set({ cursor: [] }),
    step: (down, right) => {
      const cursor = traits.get("cursor");
      const from = cursor.length ? cursor : values.size.map((each) => each >> 1);
      set({ cursor: [down, right].map((by, axis) => Math.min(values.size[axis] - 1, Math.max(0, from[axis] + by))) });
    },
  });
  const paint = {
    heatmap: (/** @type {ImageData} */ { data }) =>
      paintOver(mixed(), values.photo, remember("pale", [], () => paleOf(values.photo)), scale(), traits.get("opacity"), data),
    mosaic: (/** @type {ImageData} */ image) => {
      const amounts = new Map(blocks().map((block) => [block.band, block.amounts]));
      for (const band of values.bands) {
        const drawn = amounts.get(band) ?? new Float32Array(band.shape[0] * band.shape[1]); // what is left out is zero
        paintBlock(drawn, band.shape[1], band.corner, scale(), traits.get("weights")[band.scale], image);
      }
    },
    image: (/** @type {ImageData} */ { data }) => {
      const channels = values.mixture.map((_, channel) => {
        const into = empty();
        if (values.baseline) into.set(values.baseline.subarray(channel * into.length, (channel + 1) * into.length));
        return mix(parts().map((each) => each[channel]), traits.get("weights"), into);
      });
      paintImage(channels, values.range, data);
    },
  };
  const draw = () => {
    const look = /** @type {keyof typeof paint} */ (traits.get("look"));
    const image = picture.resize(...(look === "mosaic" ? values.mosaic : values.size));
    paint[look](image);
    picture.context.putImageData(image, 0, 0);
    legend.element.hidden = look === "image";
    if (look !== "image") {
      const bar = scale();
      const signs = traits.get("kind") === "contribution" ? "right speaks for, left against" : "right raises, left lowers the score";
      const what = `${values.units[traits.get("per")]}${bar.signed ? `; ${signs}` : ""}`;
      const shownNow = look === "heatmap" ? [mixed()] : blocks().map(({ band, amounts }) => weighted(band, amounts));
      legend.show(bar, what, peakOf(shownNow));
    }
    el.dataset.drawn = values.key;
    el.dataset.look = look;
  };

  // --------------------------------------------------------------------------------------------------- what is read off
  const legend = colourBar();
  const readout = reader(traits, () => ({ values, errors, shown: shown(), mixed }));
  const live = element("div", { class: "wam-unseen", role: "status" });
  const showCursor = life.everyFrame(() => {
    readout.show(hovered);
    drawMarks(picture.marks, values, traits);
    if (document.activeElement === picture.pane) live.textContent = readout.inWords();
  });

  // -------------------------------------------------------------------------------------------------------- the controls
  const sliders = scaleSliders(life, traits, () => traits.get("_signal").scales.map((/** @type {any} */ each) => each.name));
  const bands = manyOf(bound, "orientations", "orientations", ["horizontal", "vertical", "diagonal"]);
  life.listen(sliders.reset, "click", () => set({ limit: 0 }));
  const opacity = slide(bound, "opacity", "opacity", { values: Array.from({ length: 101 }, (_, at) => at / 100), write: percent });
  const per = radios(bound, "per", "amounts", [["sample", "amounts per pixel"], ["cell", "per coefficient"]]);
  const display = box(
    "Show",
    element(
      "div", { class: "wam-stack" },
      radios(bound, "look", "look", [["heatmap", "heat map"], ["image", "rebuilt image"], ["mosaic", "mosaic"]]),
      bands, element("div", { class: "wam-stack wam-colours" }, per, colouring.signs, opacity, colouring.names, colouring.ends),
    ),
  );
  const strip = items(bound);
  const asking = question(bound);
  const wavelets = wavelet(bound);
  const title = element("div", { class: "wam-title" });
  const subtitle = element("div", { class: "wam-fine" });
  const predicted = element("div", {});
  el.append(
    element("div", { class: "wam-head" }, title, subtitle, strip),
    element(
      "div", { class: "wam-body" },
      element("div", { class: "wam-left" }, picture.pane, element("div", { class: "wam-row" }, picture.buttons, legend.element), readout.element, live),
      element("div", { class: "wam-right" }, display, sliders.element, noise(bound), predicted, wavelets, asking, needKernel(bound, el, [strip, wavelets, asking])),
    ),
  );

  // ------------------------------------------------------------------------------------------------------ what follows what
  const redraw = life.everyFrame(draw);
  let known = "";
  /** Take what is known of the errors of what is shown. */
  const takeErrors = () => {
    errors = takenErrors(traits, values, sliders, [picture.pane])?.errors ?? null;
    forget("shown", "maps", "mixed", "blocks", "parts");
  };
  life.follow(traits, ["_values"], () => {
    values = unpackImage({ ...traits.get("_signal"), ...traits.get("_values") });
    forget();
    const scales = values.scales.map((each) => each.name).join();
    if (scales !== known) sliders.rebuild();
    known = scales;
    title.textContent = values.title;
    subtitle.textContent = values.subtitle;
    picture.pane.setAttribute("aria-label", `${values.title}: picture. Arrow keys move the cursor, plus and minus zoom.`);
    const heading = values.how ? `Prediction (${values.how})` : "Prediction";
    predicted.replaceChildren(...(values.predictions.length ? [box(heading, classes(values.predictions))] : []));
    bands.hidden = values.bands.length < 2;
    per.hidden = values.bands.length < 2;
    colouring.signs.hidden = !values.signable;
    takeErrors();
    draw(); // at once: a frame later the first picture would flicker
  });
  life.follow(traits, ["_errors"], () => {
    takeErrors();
    if (traits.get("significant") || traits.get("denoised")) redraw(); // else errors are only read off
  });
  life.follow(traits, [...SHOWN, "look", "weights", "per", "opacity", "colours", "signed_colours", "limit"], redraw);
  life.follow(traits, ["look", "signed"], () => {
    colouring.show();
    for (const each of el.querySelectorAll(".wam-colours > *")) each.classList.toggle("wam-off", traits.get("look") === "image");
    opacity.classList.toggle("wam-off", traits.get("look") !== "heatmap");
  });
  life.follow(traits, ["_values", "_errors", "cursor", "look", "per", "weights", ...SHOWN], showCursor);
});

export default { render };
