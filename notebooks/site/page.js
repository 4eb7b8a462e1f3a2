// @ts-check
// What a lesson's cells did in Python with views that were shown before: buttons that do it again, and links.

/** @param {string} name @returns {any} */
const modelOf = (name) => /** @type {any} */ (document.getElementById(name)?.querySelector("[data-wam]")).model;

for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[data-view]"))) {
  const { view = "", settings = "{}" } = button.dataset;
  button.hidden = false;
  button.onclick = () => {
    modelOf(view).update(JSON.parse(settings));
    modelOf(view).save_changes();
    document.getElementById(view)?.scrollIntoView({ block: "nearest" });
  };
}

for (const link of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-link]"))) {
  const [source, target] = JSON.parse(link.textContent ?? "[]");
  const follow = (/** @type {string[]} */ [from, given], /** @type {string[]} */ [to, taken]) => {
    const pass = () => modelOf(to).set(taken, modelOf(from).get(given));
    modelOf(from).on(`change:${given}`, pass);
    return pass;
  };
  follow(source, target)();
  if (!("oneWay" in link.dataset)) follow(target, source);
}
