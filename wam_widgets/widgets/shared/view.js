// @ts-check
// What every view does: build elements, listen while it lives, draw errors where they can be seen.

/**
 * The synchronised traits of a widget, as anywidget and exported pages offer them.
 * @template {object} T
 * @typedef {object} Model
 * @property {<K extends keyof T>(name: K) => T[K]} get
 * @property {<K extends keyof T>(name: K, value: T[K]) => void} set  in the browser only, until `save_changes`
 * @property {() => void} save_changes  tell the kernel
 * @property {(event: string, listener: (...args: any[]) => void) => void} on
 * @property {(event: string, listener: (...args: any[]) => void) => void} off
 * @property {(message: object) => void} send
 */

const SVG = "http://www.w3.org/2000/svg";

/** How long a finger rests before the kernel is told, in milliseconds. */
const REST = 150;

/**
 * Make an element. Children that are strings become text, never markup.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number | boolean>} [attributes]  true is an empty attribute, false none
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/** Make an element of a drawing. @param {string} tag @param {Record<string, string | number>} attributes @param {string} [text] */
export function mark(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.textContent = text;
  return made;
}

/** Whether a key is meant for the browser or the notebook. @param {KeyboardEvent} event */
export const isShortcut = ({ ctrlKey, metaKey, altKey, key }) =>
  ctrlKey || metaKey || altKey || key === "Tab" || key === "Escape";

/** Everything that a view started, so that one call ends it. */
export class Life {
  /** @param {(error: unknown) => void} failed  called with what a listener throws */
  constructor(failed) {
    this.failed = failed;
    /** @type {(() => void)[]} */
    this.endings = [];
  }

  /** Run `action`; what it throws is drawn in the cell. @param {() => void} action */
  safely(action) {
    try {
      action();
    } catch (error) {
      this.failed(error);
    }
  }

  /**
   * Listen to events of an element.
   * @param {EventTarget} target
   * @param {string} types  separated by spaces
   * @param {(event: any) => void} listener
   * @param {AddEventListenerOptions} [options]
   */
  listen(target, types, listener, options) {
    const safe = (/** @type {Event} */ event) => this.safely(() => listener(event));
    for (const type of types.split(" ")) {
      target.addEventListener(type, safe, options);
      this.endings.push(() => target.removeEventListener(type, safe, options));
    }
  }

  /**
   * Call `listener` now and whenever one of the traits changes.
   * @param {Model<any>} model
   * @param {string[]} names
   * @param {() => void} listener
   */
  follow(model, names, listener) {
    const safe = () => this.safely(listener);
    for (const name of names) {
      model.on(`change:${name}`, safe);
      this.endings.push(() => model.off(`change:${name}`, safe));
    }
    safe();
  }

  /** Return a function that runs `draw` once in the next frame, however often it is called. @param {() => void} draw */
  everyFrame(draw) {
    let asked = 0;
    const run = () => {
      asked = 0;
      this.safely(draw);
    };
    this.endings.push(() => cancelAnimationFrame(asked));
    return () => {
      asked ||= requestAnimationFrame(run);
    };
  }

  /** Return a function that runs `action` once it hasn't been called for so many milliseconds. @param {() => void} action @param {number} rest */
  afterRest(action, rest) {
    let waiting = 0;
    this.endings.push(() => clearTimeout(waiting));
    return () => {
      clearTimeout(waiting);
      waiting = window.setTimeout(() => this.safely(action), rest);
    };
  }

  /**
   * Return a function that sets traits at once, for this page, and tells the kernel when the finger has rested for so
   * many milliseconds: 0 for what is chosen rather than moved.
   * @template {object} T
   * @param {Model<T>} model
   */
  setter(model) {
    let waiting = 0;
    const tell = () => {
      waiting = 0;
      model.save_changes();
    };
    this.endings.push(() => {
      if (!waiting) return;
      clearTimeout(waiting);
      tell(); // the last value arrives even if the view is closed
    });
    return (/** @type {Partial<T>} */ values, rest = REST) => {
      for (const name of /** @type {(keyof T)[]} */ (Object.keys(values))) {
        model.set(name, /** @type {T[keyof T]} */ (values[name]));
      }
      clearTimeout(waiting);
      waiting = window.setTimeout(tell, rest);
    };
  }

  /** End everything. */
  end() {
    for (const ending of this.endings.splice(0).reverse()) ending();
  }
}

/** What was computed last under a name, and for which settings. @param {Model<any>} model */
export function memory(model) {
  /** @type {Map<string, {settings: string, is: any}>} */
  const kept = new Map();
  return {
    /**
     * Compute something, unless nothing that it depends on has changed.
     * @template T
     * @param {string} name
     * @param {string[]} names  of the traits that it depends on
     * @param {() => T} compute
     * @returns {T}
     */
    remember(name, names, compute) {
      const settings = JSON.stringify(names.map((each) => model.get(each)));
      const found = kept.get(name);
      if (found?.settings === settings) return found.is;
      const is = compute();
      kept.set(name, { settings, is });
      return is;
    },
    /** Forget what has other reasons to change: by default everything. @param {...string} names */
    forget(...names) {
      for (const name of names.length ? names : [...kept.keys()]) kept.delete(name);
    },
  };
}

/**
 * Turn the function that draws a view into what anywidget calls: errors are drawn in the cell, those of the kernel
 * too, keys that a control needs don't reach the notebook, and what is returned cleans up.
 * @template {object} T
 * @param {(view: {model: Model<T>, el: HTMLElement, life: Life}) => void} draw
 * @returns {(given: {model: Model<T>, el: HTMLElement}) => () => void}
 */
export function view(draw) {
  return ({ model, el }) => {
    const root = element("div", { class: "wam" });
    const alert = element("div", { class: "wam-alert", role: "alert", hidden: true });
    el.append(root, alert);
    let failure = "";
    const problems = /** @type {Model<any>} */ (model);
    const say = () => {
      alert.textContent = [failure, problems.get("_problem")].filter(Boolean).join(" ");
      alert.hidden = !alert.textContent;
    };
    const life = new Life((error) => {
      console.error(error);
      failure = `This view failed in the browser: ${String(error).replace(/\.$/, "")}. ${likelyCause(error)}`;
      say();
    });
    life.safely(() => {
      // Arrows and space belong to the control that has the focus, not to the notebook around it.
      life.listen(root, "keydown", (event) => !isShortcut(event) && event.stopPropagation());
      draw({ model, el: root, life });
      life.follow(problems, ["_problem"], say);
    });
    return () => {
      life.end();
      root.remove();
      alert.remove();
    };
  };
}

/** @param {unknown} error */
function likelyCause(error) {
  if (error instanceof RangeError) return "Probably there is not enough memory for a signal of this size.";
  return (
    "Probably the page holds an older version of the code than the kernel, or the browser is too old: reload the page " +
    "and run the cell again. wam.plot(explanation) shows the same without JavaScript."
  );
}
