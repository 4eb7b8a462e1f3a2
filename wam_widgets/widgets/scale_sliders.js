// @ts-check
import { scaleSliders } from "./shared/sliders.js";
import { view } from "./shared/view.js";

/** @typedef {{ names: string[], weights: number[] }} Sliders  the synchronised traits of scale_sliders.py */

const render = view(
  /** @param {{model: import("./shared/view.js").Model<Sliders>, el: HTMLElement, life: import("./shared/view.js").Life}} given */
  ({ model, el, life }) => {
    const sliders = scaleSliders(life, model, () => model.get("names"));
    el.append(sliders.element);
    life.follow(model, ["names"], sliders.rebuild);
  },
);

export default { render };
