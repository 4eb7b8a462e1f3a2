// @ts-check
// What takes the kernel's place in a page: models that hold the state, and the views drawn from them.

/** Make what a page holds of a widget what a kernel would send. @param {any} value @returns {any} */
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  if ("$shared" in value) return revive({ $bytes: sharedBytes()[value.$shared] });
  if ("$bytes" in value) {
    const text = atob(value.$bytes);
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    return new DataView(bytes.buffer);
  }
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, revive(each)]));
}

/** @type {string[] | undefined} */
let several;

/** What several views of the page hold. */
function sharedBytes() {
  several ??= /** @type {string[]} */ (JSON.parse(document.getElementById("wam-shared")?.textContent ?? "[]"));
  return several;
}

/** A widget's state, with the interface of anywidget's models. */
class PageModel {
  /** @param {{state: Record<string, any>, shelf: Record<string, any>[]}} held */
  constructor({ state, shelf }) {
    this.state = { ...state, ...shelf.find((each) => fits(each, state)) };
    this.shelf = shelf;
    this.saves = 0;
    /** @type {Map<string, Set<(...args: any[]) => void>>} */
    this.listeners = new Map();
  }

  /** @param {string} name */
  get(name) {
    return this.state[name];
  }

  /** @param {string} name @param {any} value */
  set(name, value) {
    this.update({ [name]: value });
  }

  /** Set several at once, then tell. @param {Record<string, any>} values */
  update(values) {
    const changed = Object.keys(values).filter((name) => !same(this.state[name], values[name]));
    Object.assign(this.state, values);
    for (const name of changed) for (const listener of [...(this.listeners.get(`change:${name}`) ?? [])]) listener();
  }

  /** Where a kernel would answer, look on the shelf. */
  save_changes() {
    this.saves += 1;
    const found = this.shelf.find((each) => fits(each, this.state));
    if (!found || found._values === this.state._values) return;
    const scales = found._signal?.scales.length; // some views have none
    const perScale = ["weights", "gains"].filter((name) => name in this.state && this.state[name].length !== scales);
    this.update({ ...found, ...Object.fromEntries(perScale.map((name) => [name, Array(scales).fill(1)])) });
  }

  /** @param {string} event @param {(...args: any[]) => void} listener */
  on(event, listener) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event)?.add(listener);
  }

  /** @param {string} event @param {(...args: any[]) => void} listener */
  off(event, listener) {
    this.listeners.get(event)?.delete(listener);
  }

  send() {}
}

/** @param {Record<string, any>} view @param {Record<string, any>} state */
const fits = (view, state) => view.item === state.item && view.wavelet === state.wavelet;

/** @param {any} a @param {any} b */
const same = (a, b) => a === b || (Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b));

/**
 * Draw every widget of the page in its place, instead of the picture that stands there.
 * @param {Record<string, {render: (given: any) => () => void}>} widgets  by name
 */
export function mount(widgets) {
  for (const place of document.querySelectorAll("[data-wam]")) {
    try {
      const held = place.querySelector("script");
      const model = new PageModel(revive(JSON.parse(held?.textContent ?? "{}")));
      held?.remove();
      const el = document.createElement("div");
      const close = widgets[/** @type {HTMLElement} */ (place).dataset.wam ?? ""].render({ model, el });
      if (!el.querySelector("[role=alert]:not([hidden])")) place.querySelector("figure")?.remove();
      place.append(el);
      Object.assign(place, { model, close }); // for whoever scripts the page
    } catch (error) {
      console.error(error); // its picture stays, and so do the other views
    }
  }
}
