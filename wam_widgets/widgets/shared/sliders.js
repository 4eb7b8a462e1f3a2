// @ts-check
// A slider per scale, with solo, mute and reset. What is muted or alone follows from the numbers themselves.
import { element } from "./view.js";

/** The largest weight, as in settings.py. */
const MOST_WEIGHT = 2;

/**
 * @param {import("./view.js").Life} life
 * @param {import("./view.js").Model<any>} model
 * @param {() => string[]} names  of the scales, coarse to fine
 * @param {{trait: string, word: string, legend: string}} [what]  the trait with a number per scale, and how it is called
 * @returns {{element: HTMLElement, rebuild: () => void, about: HTMLElement, reset: HTMLElement,
 *   note: (index: number, note: Node | null) => void}}
 *   `rebuild` is to be called when the names change, `note` puts something below a scale, `about` says what
 */
export function scaleSliders(life, model, names, { trait, word, legend } = { trait: "weights", word: "weight", legend: "Scales" }) {
  const rows = element("div", { class: "wam-scales" });
  const reset = element("button", { type: "button", class: "wam-button" }, `reset ${word}s`);
  const about = element("div", { class: "wam-fine" });
  const box = element("fieldset", { class: "wam-box" }, element("legend", {}, legend), about, rows, reset);
  const set = life.setter(model);
  /** @type {number[]} what a muted scale goes back to */
  let loud = [];
  /** @type {number[] | null} what a scale that is alone goes back to */
  let together = null;

  const weights = () => /** @type {number[]} */ ([...model.get(trait)]);
  const heard = (/** @type {number[]} */ given) => given.flatMap((weight, index) => (weight > 0 ? [index] : []));
  const alone = (/** @type {number[]} */ given) => (heard(given).length === 1 && given.length > 1 ? heard(given)[0] : -1);

  const rebuild = () => {
    rows.replaceChildren(
      ...names().map((name, index) => {
        const range = element("input", {
          type: "range", min: 0, max: MOST_WEIGHT, step: 0.01, "data-weight": index, "aria-label": `${word} of ${name}`,
        });
        return element(
          "div", { class: "wam-scale" },
          element("label", {}, element("span", { class: "wam-name" }, name), range),
          element("span", { class: "wam-number", "aria-hidden": "true" }),
          element("button", { type: "button", class: "wam-button", "data-solo": index, "aria-label": `solo ${name}` }, "solo"),
          element("button", { type: "button", class: "wam-button", "data-mute": index, "aria-label": `mute ${name}` }, "mute"),
          element("div", { class: "wam-note" }),
        );
      }),
    );
    loud = names().map(() => 1);
    together = null;
    show();
  };

  const show = () => {
    const now = weights();
    const only = alone(now);
    if (heard(now).length > 1) together = null;
    for (const [index, row] of [...rows.children].entries()) {
      const weight = now[index] ?? 1;
      const range = /** @type {HTMLInputElement} */ (row.querySelector("input"));
      if (Number(range.value) !== weight) range.value = String(weight);
      range.setAttribute("aria-valuetext", `${weight.toFixed(2)} times`);
      /** @type {HTMLElement} */ (row.querySelector(".wam-number")).textContent = `${weight.toFixed(2)} ×`;
      row.querySelector("[data-solo]")?.setAttribute("aria-pressed", String(only === index));
      row.querySelector("[data-mute]")?.setAttribute("aria-pressed", String(weight === 0));
    }
  };

  life.listen(rows, "input", (event) => {
    const now = weights();
    const index = Number(event.target.dataset.weight);
    now[index] = Number(event.target.value);
    if (now[index] > 0) loud[index] = now[index];
    set({ [trait]: now });
  });
  life.listen(rows, "click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const now = weights();
    if ("mute" in button.dataset) {
      const index = Number(button.dataset.mute);
      if (now[index] > 0) loud[index] = now[index];
      now[index] = now[index] > 0 ? 0 : loud[index];
      set({ [trait]: now });
      return;
    }
    const index = Number(button.dataset.solo);
    if (alone(now) === index) {
      set({ [trait]: together && heard(together).length ? together : now.map(() => 1) });
      return;
    }
    if (alone(now) < 0) together = now;
    set({ [trait]: now.map((weight, each) => (each === index ? (together?.[index] || weight || 1) : 0)) });
  });
  life.listen(reset, "click", () => set({ [trait]: names().map(() => 1) }));
  rebuild();
  life.follow(model, [trait], show);
  return {
    element: box,
    rebuild,
    about,
    reset,
    note: (index, note) => rows.children[index]?.querySelector(".wam-note")?.replaceChildren(...(note ? [note] : [])),
  };
}
