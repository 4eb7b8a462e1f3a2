// @ts-check
// The groups of controls that every explorer has: noise, wavelet, questions to the model, items.
import { numbers, unpackErrors } from "./arrays.js";
import { percent } from "./colours.js";
import { check, pick, slide } from "./controls.js";
import { element, memory } from "./view.js";

/** @typedef {import("./controls.js").Bound} Bound */

/** How long the kernel may take before the view says that it waits, in milliseconds. */
const PATIENCE = 1000;

/** @param {string} legend @param {...(Node | string)} children */
export const box = (legend, ...children) =>
  element("fieldset", { class: "wam-box" }, element("legend", {}, legend), ...children);

/**
 * The colour scale and its controls.
 * @param {Bound} bound
 * @param {object} shown
 * @param {() => boolean} shown.signed  whether values have a sign
 * @param {() => number} shown.automatic  where the scale ends unless somebody says so
 * @param {() => number} shown.fitted  where what is shown now ends
 */
export function colours(bound, { signed, automatic, fitted }) {
  const { life, model, set } = bound;
  const { remember } = memory(model);
  const tables = () => model.get("_tables");
  /** @param {string} kind @returns {[string, string][]} */
  const offered = (kind) => Object.keys(tables()[kind]).map((name) => [name, name]);
  const sequential = pick(bound, "colours", "colours", () => offered("sequential"), ["_tables"]);
  const diverging = pick(bound, "signed_colours", "colours", () => offered("diverging"), ["_tables"]);
  const fit = element("button", { type: "button", title: "end the colour scale where what is shown now ends" }, "fit colours");
  const refit = element("button", { type: "button", title: "end it where the whole map ends" }, "whole-map colours");
  life.listen(fit, "click", () => set({ limit: fitted() }));
  life.listen(refit, "click", () => set({ limit: 0 }));
  return {
    signs: check(bound, "signed", "with sign"),
    names: element("div", {}, sequential, diverging),
    ends: element("div", { class: "wam-row" }, fit, refit),
    show() {
      sequential.hidden = signed();
      diverging.hidden = !signed();
    },
    /** @returns {import("./colours.js").Scale} */
    scale() {
      const name = model.get(signed() ? "signed_colours" : "colours");
      const table = remember(name, [], () => numbers(tables()[signed() ? "diverging" : "sequential"][name], Uint8Array));
      return { table, signed: signed(), limit: model.get("limit") || automatic() };
    },
  };
}

/**
 * What can be told from zero, and what is left without noise.
 * @param {Bound} bound
 * @param {object} [found]  by default all coefficients
 * @param {() => any} found.about  what is known of their errors
 * @param {() => number} found.count  how many there are
 * @param {string[]} found.depends  traits that decide it
 * @returns {HTMLElement}
 */
export function noise(bound, found) {
  const { life, model } = bound;
  const rates = model.get("_rates");
  const hide = check(bound, "significant", "hide what can't be told from zero");
  const rate = slide(bound, "rate", "false discovery rate", { values: rates, write: percent });
  const shrink = check(bound, "denoised", "denoised");
  const said = element("div", { class: "wam-fine", role: "status" });
  const controls = element("div", { class: "wam-stack" }, hide, rate, said, shrink);
  life.follow(model, ["_errors", "_values", "rate", ...(found?.depends ?? [])], () => {
    const { key, failed, rank, found: counts, denoised } = found ? found.about() : model.get("_errors");
    hide.hidden = rate.hidden = !rank;
    shrink.hidden = !denoised;
    if (!counts) {
      const known = failed
        ? "Standard errors could not be found."
        : key
          ? "Magnitudes have no sign: nothing says which are more than noise."
          : "Finding standard errors …";
      said.textContent = model.get("_values").errorless || known;
      return;
    }
    const count = counts[rates.indexOf(model.get("rate"))];
    const all = found ? found.count() : model.get("_signal").count * model.get("_signal").channels;
    const expected = count * model.get("rate");
    const chance = expected < 1 ? 0 : Math.round(expected);
    said.textContent =
      `${count.toLocaleString("en")} of ${all.toLocaleString("en")} coefficients can be told from zero; ` +
      `${chance < 1 ? "fewer than 1" : `about ${chance.toLocaleString("en")}`} of them by chance.`;
  });
  return box("Noise", controls);
}

/**
 * Another view of the same passes. Absent where nothing can be chosen.
 * @param {Bound} bound
 */
export function wavelet(bound) {
  const { life, model } = bound;
  const choices = () => model.get("_choices");
  const rows = /** @type {[string, HTMLElement][]} */ ([
    ["wavelets", pick(bound, "wavelet", "wavelet", () => (choices().wavelets ?? []).map(
      (/** @type {[string | null, string]} */ [name, family]) => [name, name ?? `none: the ${model.get("_signal").size.length === 1 ? "samples" : "pixels"}`, family]), ["_choices"])],
    ["levels", pick(bound, "level", "level", () => (choices().levels ?? []).map((/** @type {number} */ each) => [each, String(each)]), ["_choices"])],
    ["modes", pick(bound, "mode", "boundary mode", () => (choices().modes ?? []).map((/** @type {string} */ each) => [each, each]), ["_choices"])],
    ["kinds", pick(bound, "kind", "kind", () => (choices().kinds ?? []).map((/** @type {string} */ each) => [each, each]), ["_choices"])],
  ]);
  const said = element("div", { class: "wam-fine", role: "status" });
  const made = box("Wavelet", element("div", { class: "wam-stack" }, ...rows.map(([, row]) => row)), said);
  let waiting = 0;
  const answered = () => {
    clearTimeout(waiting);
    said.textContent = model.get("_note") ?? "";
  };
  life.endings.push(() => clearTimeout(waiting));
  life.listen(made, "change", () => {
    clearTimeout(waiting);
    waiting = window.setTimeout(() => (said.textContent = "The kernel is busy or gone: the picture follows when it answers."), PATIENCE);
  });
  life.follow(model, ["_values", "_note", "_problem"], answered);
  life.follow(model, ["_choices"], () => {
    for (const [name, row] of rows) row.hidden = (choices()[name] ?? []).length < 2;
    made.hidden = rows.every(([, row]) => row.hidden);
  });
  return made;
}

/**
 * Questions to the model: another class, a contrast, another method. Absent without a model.
 * @param {Bound} bound
 */
export function question(bound) {
  const { life, model, set } = bound;
  const choices = () => model.get("_choices");
  /** @param {string} none  what it means to choose no class */
  const options = (none) => () => [
    /** @type {[any, string]} */ ([null, none]),
    .../** @type {string[]} */ (choices().labels ?? []).map((label, column) => /** @type {[any, string]} */ ([column, label])),
  ];
  const samples = element("input", { type: "number", min: 1, step: 1, required: true, "aria-label": "samples" });
  life.listen(samples, "change", () => {
    if (samples.reportValidity()) set({ samples: Number(samples.value) });
    else samples.value = String(model.get("samples"));
  });
  life.follow(model, ["samples"], () => (samples.value = String(model.get("samples") ?? "")));
  const run = element("button", { type: "button" }, "explain");
  const stop = element("button", { type: "button" }, "stop");
  const bar = element("progress", { "aria-label": "passes done" });
  const said = element("span", { class: "wam-fine", role: "status" });
  const working = element("div", { class: "wam-working" }, bar, stop);
  const made = box(
    "Ask the model",
    element(
      "div", { class: "wam-stack" },
      pick(bound, "target", "class", options("the predicted class"), ["_choices"]),
      pick(bound, "against", "rather than", options("—"), ["_choices"]),
      pick(bound, "method", "method", () => (choices().methods ?? []).map((/** @type {[string, string]} */ each) => each), ["_choices"]),
      element("label", { class: "wam-pick" }, element("span", { class: "wam-label" }, "samples"), samples),
      element("div", { class: "wam-row" }, run, said),
      working,
    ),
  );
  life.listen(run, "click", () => {
    const [target, against, method, samples] = ["target", "against", "method", "samples"].map((name) => model.get(name));
    model.send({ do: "run", target, against, method, samples }); // the traits may still be on their way
  });
  life.listen(stop, "click", () => model.send({ do: "stop" }));
  life.follow(model, ["_work"], () => {
    const { done, planned, left, stopping } = model.get("_work");
    const busy = planned !== undefined;
    working.hidden = !busy;
    run.disabled = busy;
    stop.disabled = Boolean(stopping);
    bar.max = planned || 1;
    bar.value = done ?? 0;
    const time = left === null || left === undefined ? "" : `, ${left < 1 ? "less than a second" : `${Math.round(left)} s`} left`;
    said.textContent = stopping ? "stopping …" : busy ? `${done} of ${planned} passes${time}` : "";
  });
  life.follow(model, ["_choices"], () => {
    made.hidden = !choices().methods;
    samples.max = String(choices().most ?? "");
  });
  return made;
}

/** How JupyterLab calls the states after which a kernel knows nothing of the widgets that it made. */
const LOST = ["restarting", "autorestarting", "terminating", "dead"];

/**
 * Disable what needs the kernel, and say so, while there is none.
 * @param {Bound} bound
 * @param {HTMLElement} root
 * @param {HTMLElement[]} parts
 */
export function needKernel({ life, model }, root, parts) {
  // ipywidgets marks the views of a kernel that somebody restarts, with a class. That it died or was shut down, only
  // JupyterLab and Notebook know, which let us have the kernel itself.
  const kernel = /** @type {any} */ (model).widget_manager?.kernel;
  let lost = false;
  const sentence = element("div", { class: "wam-fine", role: "status" });
  const show = () => {
    lost ||= LOST.includes(kernel?.status) || Boolean(kernel?.isDisposed);
    const gone = lost || root.closest(".jupyter-widgets-disconnected") !== null;
    for (const each of parts) {
      each.inert = gone;
      if (each instanceof HTMLFieldSetElement) each.disabled = gone;
    }
    sentence.textContent = gone
      ? "The kernel is gone: what needs it is switched off, the rest works on. Run the cell again to get it back."
      : "";
  };
  const watcher = new MutationObserver(show);
  requestAnimationFrame(() => {
    const holder = root.closest(".jupyter-widgets");
    if (holder) watcher.observe(holder, { attributes: true, attributeFilter: ["class"] });
    show();
  });
  life.endings.push(() => watcher.disconnect());
  for (const signal of [kernel?.statusChanged, kernel?.disposed]) {
    signal?.connect(show);
    life.endings.push(() => signal?.disconnect(show));
  }
  return sentence;
}

/**
 * The items to choose from, with their thumbnails.
 * @param {Bound} bound
 */
export function items({ life, model, set }) {
  const strip = element("div", { class: "wam-strip", role: "group", "aria-label": "items" });
  life.listen(strip, "click", (event) => {
    const button = event.target.closest("button");
    if (button) set({ item: Number(button.dataset.item) }, 0);
  });
  life.follow(model, ["_items"], () => {
    strip.hidden = model.get("_items").length < 2;
    strip.replaceChildren(
      ...model.get("_items").map((/** @type {any} */ { title, size, photo }, /** @type {number} */ at) => {
        const canvas = element("canvas", { width: size[1], height: size[0], "aria-hidden": "true" });
        const pixels = numbers(photo, Uint8ClampedArray);
        canvas.getContext("2d")?.putImageData(new ImageData(pixels, size[1], size[0]), 0, 0);
        return element("button", { type: "button", "data-item": at, title }, canvas, element("span", {}, title));
      }),
    );
  });
  life.follow(model, ["_values", "_items"], () => {
    for (const [at, button] of [...strip.children].entries()) {
      button.setAttribute("aria-pressed", String(at === model.get("_values").item)); // which is shown
    }
  });
  return strip;
}

/**
 * A share with its interval, as a bar below a slider.
 * @param {number} share
 * @param {[number, number] | null} interval
 */
export function shareBar(share, interval) {
  const bar = element("div", { class: "wam-share" });
  bar.style.setProperty("--share", `${100 * share}%`);
  const line = element("span", { class: "wam-interval" });
  if (interval) {
    line.style.left = `${100 * interval[0]}%`;
    line.style.width = `${100 * (interval[1] - interval[0])}%`;
    bar.append(line);
  }
  const text = interval ? `${percent(share)} (${percent(interval[0])} to ${percent(interval[1])})` : percent(share);
  return element("div", { class: "wam-shared" }, bar, element("span", { class: "wam-fine" }, text));
}

/**
 * What is known of the errors of what is shown: draw the scales' shares, and pale what waits for errors.
 * @param {Bound["model"]} model
 * @param {import("./arrays.js").Values} values
 * @param {ReturnType<typeof import("./sliders.js").scaleSliders>} sliders
 * @param {HTMLElement[]} panes
 * @param {string} [energy]  whose share the bars are
 * @returns {any} what the kernel sent of them, as `errors` too; null if it is of something else, or nothing
 */
export function takenErrors(model, values, sliders, panes, energy = "the energy") {
  const sent = model.get("_errors");
  const theirs = sent.key === values.key && sent.error;
  const { shares, intervals } = theirs ? sent : { shares: values.shares, intervals: null };
  values.scales.forEach((_, at) => sliders.note(at, shares && shareBar(shares[at], intervals?.[at] ?? null)));
  sliders.about.textContent = shares ? `Bars: share of ${energy}${intervals ? ", with 95 % intervals" : ""}.` : "";
  // What is to be hidden or denoised can't be before the errors are there.
  const late = !theirs && !values.errorless && (model.get("significant") || model.get("denoised"));
  for (const pane of panes) pane.classList.toggle("wam-late", Boolean(late));
  return theirs ? { ...sent, errors: unpackErrors(sent) } : null;
}

/**
 * The classes with the highest probabilities.
 * @param {{label: string, probability: number | null, explained: boolean}[]} predictions
 */
export function classes(predictions) {
  return element(
    "ol", { class: "wam-classes", "aria-label": "predicted classes" },
    ...predictions.map(({ label, probability, explained }) => {
      const row = element(
        "li", {},
        element("span", { class: "wam-class" }, label, ...(explained ? [element("em", {}, " explained")] : [])),
        element("span", { class: "wam-number" }, probability === null ? "" : percent(probability)),
      );
      row.style.setProperty("--share", `${100 * (probability ?? 0)}%`);
      return row;
    }),
  );
}
