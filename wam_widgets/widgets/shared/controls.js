// @ts-check
// Native controls, each bound to one trait: what either side sets, the other shows.
import { element } from "./view.js";

/**
 * @typedef {import("./view.js").Life} Life
 * @typedef {import("./view.js").Model<any>} Traits
 * @typedef {{life: Life, model: Traits, set: (values: Record<string, any>, rest?: number) => void}} Bound
 */

/** A check box. @param {Bound} bound @param {string} trait @param {string} label */
export function check({ life, model, set }, trait, label) {
  const input = element("input", { type: "checkbox" });
  life.listen(input, "change", () => set({ [trait]: input.checked }));
  life.follow(model, [trait], () => (input.checked = model.get(trait)));
  return element("label", { class: "wam-check" }, input, element("span", {}, label));
}

/**
 * A slider with its number beside it.
 * @param {Bound} bound
 * @param {string} trait
 * @param {string} label
 * @param {{values: number[], write: (value: number) => string}} scale  the values that it can have, in order
 */
export function slide({ life, model, set }, trait, label, { values, write }) {
  const input = element("input", { type: "range", min: 0, max: values.length - 1, step: 1, "aria-label": label });
  const number = element("span", { class: "wam-number", "aria-hidden": "true" });
  life.listen(input, "input", () => set({ [trait]: values[Number(input.value)] }));
  life.follow(model, [trait], () => {
    const value = model.get(trait);
    const nearest = values.reduce((best, each, at) => (Math.abs(each - value) < Math.abs(values[best] - value) ? at : best), 0);
    if (Number(input.value) !== nearest) input.value = String(nearest);
    number.textContent = write(value);
    input.setAttribute("aria-valuetext", write(value));
  });
  return element("label", { class: "wam-slide" }, element("span", { class: "wam-label" }, label), input, number);
}

/**
 * A list to pick from.
 * @param {Bound} bound
 * @param {string} trait
 * @param {string} label
 * @param {() => [value: any, text: string, group?: string][]} options
 * @param {string[]} [sources]  traits that the options depend on
 */
export function pick({ life, model, set }, trait, label, options, sources = []) {
  const list = element("select", { "aria-label": label });
  /** @type {[any, string, string?][]} */
  let offered = [];
  life.listen(list, "change", () => set({ [trait]: offered[Number(list.value)][0] }, 0));
  const select = () => {
    const at = offered.findIndex(([value]) => value === model.get(trait));
    list.value = at < 0 ? "" : String(at);
  };
  life.follow(model, sources, () => {
    offered = options();
    /** @type {Map<string, HTMLOptGroupElement>} */
    const families = new Map();
    list.replaceChildren();
    for (const [at, [, text, group]] of offered.entries()) {
      const option = element("option", { value: at }, text);
      if (!group) {
        list.append(option);
        continue;
      }
      if (!families.has(group)) {
        families.set(group, element("optgroup", { label: group }));
        list.append(/** @type {Node} */ (families.get(group)));
      }
      families.get(group)?.append(option);
    }
    select();
  });
  life.follow(model, [trait], select);
  return element("label", { class: "wam-pick" }, element("span", { class: "wam-label" }, label), list);
}

/**
 * One of a few, all in sight.
 * @param {Bound} bound
 * @param {string} trait
 * @param {string} legend
 * @param {[value: any, text: string][]} options
 */
export function radios({ life, model, set }, trait, legend, options) {
  const name = `wam-${trait}-${Math.random().toString(36).slice(2)}`; // shared by one group alone on the page
  const inputs = options.map(([value]) => {
    const input = element("input", { type: "radio", name });
    life.listen(input, "change", () => input.checked && set({ [trait]: value }));
    return input;
  });
  life.follow(model, [trait], () => {
    for (const [at, input] of inputs.entries()) input.checked = options[at][0] === model.get(trait);
  });
  return element(
    "div", { class: "wam-radios", role: "radiogroup", "aria-label": legend },
    ...inputs.map((input, at) => element("label", {}, input, element("span", {}, options[at][1]))),
  );
}

/** Any of a few. @param {Bound} bound @param {string} trait @param {string} legend @param {string[]} names */
export function manyOf({ life, model, set }, trait, legend, names) {
  const inputs = names.map((name) => {
    const input = element("input", { type: "checkbox" });
    life.listen(input, "change", () => {
      const others = model.get(trait).filter((/** @type {string} */ each) => each !== name);
      set({ [trait]: input.checked ? names.filter((each) => each === name || others.includes(each)) : others });
    });
    return input;
  });
  life.follow(model, [trait], () => {
    for (const [at, input] of inputs.entries()) input.checked = model.get(trait).includes(names[at]);
  });
  return element(
    "div", { class: "wam-radios", role: "group", "aria-label": legend },
    ...inputs.map((input, at) => element("label", {}, input, element("span", {}, names[at]))),
  );
}
