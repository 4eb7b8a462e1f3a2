// @ts-check
import { numbers } from "./shared/arrays.js";
import { curveChart, markerOf } from "./shared/charts.js";
import { percent, written } from "./shared/colours.js";
import { check, pick, radios, slide } from "./shared/controls.js";
import { framePane, samplesOf, unpackFrames } from "./shared/frames.js";
import { box, needKernel } from "./shared/panels.js";
import { PLAYABLE, playerOf } from "./shared/player.js";
import { element, mark, view } from "./shared/view.js";

/**
 * @typedef {"insertion" | "deletion"} Kind
 * @typedef {import("./shared/frames.js").Numbers} Numbers
 * @typedef {import("./shared/view.js").Model<any>} Traits  those of curve_view.py and explorers/curves.py
 * @typedef {{name: string, domain: string, control: string, noun: string, framed: boolean}} Method
 */

/** Milliseconds between steps where they run by themselves. */
const PACE_OF_STEPS = 120;

const INSERTION_AND_DELETION = /** @type {Kind[]} */ (["insertion", "deletion"]);

const render = view(({ model, el, life }) => {
  const traits = /** @type {Traits} */ (model);
  const set = life.setter(traits);
  const bound = { life, model: traits, set };
  el.classList.add("wam-explorer", "wam-curves");
  const report = traits.get("_report");
  const methods = /** @type {Method[]} */ (report.methods);
  const steps = /** @type {number} */ (report.steps);
  /** A row of a table of numbers, one per step. */
  const row = (/** @type {Float32Array} */ table, /** @type {number} */ at) => table.subarray(at * (steps + 1), (at + 1) * (steps + 1));
  const units = /** @type {Float32Array} */ (numbers(report.units, Float32Array));
  const bands = Object.fromEntries(Object.entries(report.bands).map(([kind, sent]) => [kind, /** @type {Float32Array} */ (numbers(sent, Float32Array))]));
  const looks = methods.map(({ control }, at) => control || String(methods.slice(0, at).filter((each) => !each.control).length % 6));
  const write = (/** @type {number} */ value) => (report.chances ? percent(value) : written(value));
  const isWave = report.time.length > 0;

  /** @type {{key: string, scores: Record<Kind, Float32Array>, energy: Record<Kind, Float32Array>, areas: Record<Kind, (number | null)[]>, ends: Record<Kind, Float32Array>, peak: number}} */
  let values;
  /** What the frames that are unpacked, or on their way, belong to. */
  let wanted = "";
  /** @type {Record<Kind, Numbers> | null} */
  let frames = null;
  const chosen = () => Math.max(0, methods.findIndex(({ name }) => name === traits.get("method")));
  const step = () => /** @type {number} */ (Math.min(steps, traits.get("step")));
  const sent = (/** @type {Kind} */ kind) => traits.get("_values").frames[methods[chosen()].name][kind];

  // --------------------------------------------------------------------------------------------------- what is read off
  const done = { insertion: "inserted", deletion: "deleted" };
  const amounts = (/** @type {Kind} */ kind) => {
    const at = chosen();
    const share = `${percent(row(units, at)[step()])} of the ${methods[at].noun} ${done[kind]}`;
    return `${share}, ${percent(row(values.energy[kind], at)[step()])} of the energy`;
  };
  const scoreAt = (/** @type {Kind} */ kind, at = chosen()) => write(row(values.scores[kind], at)[step()]);
  /** How the values of a frame lie beside those that a screen shows. */
  const beyond = (/** @type {Kind} */ kind) => {
    if (isWave) return "";
    const [low, high] = traits.get("_values").range;
    const ends = values.ends[kind];
    const [least, most] = [ends[step()], ends[steps + 1 + step()]];
    const slack = 2e-3 * (high - low);
    if (least >= low - slack && most <= high + slack) return "";
    return `Values from ${written(least)} to ${written(most)}; black is ${written(low)}, white ${written(high)}, and beyond.`;
  };

  // ----------------------------------------------------------------------------------------------------- what is drawn
  const player = isWave && report.rate >= PLAYABLE[0] && report.rate <= PLAYABLE[1] ? playerOf(life, traits) : null;
  if (player) player.rate = report.rate;
  /** @type {Kind | null} */
  let heard = null;
  const rows = INSERTION_AND_DELETION.map((kind) => {
    const chart = curveChart(life, { at: step, choose: (wanted) => wanted !== step() && set({ step: wanted }) });
    const pane = framePane(report);
    const score = element("div", { class: "wam-score" });
    const amount = element("div", {});
    const note = element("div", { class: "wam-fine" });
    const silent = element("div", { class: "wam-fine" }, player?.obstacle ?? "");
    const play = element("button", { type: "button", class: "wam-listen", "aria-pressed": "false", hidden: !player?.playable }, "listen");
    play.setAttribute("aria-label", `listen: ${kind}`);
    life.listen(play, "click", () => {
      heard = heard === kind ? null : kind;
      sound();
    });
    const made = element(
      "section", { class: `wam-curve-row${report.panels.length > 1 ? " wam-curve-row-slices" : ""}`, "aria-label": kind, "data-kind": kind },
      element("div", {}, element("div", { class: "wam-kind" }, `${kind}: ${kind === "insertion" ? "higher is better" : "lower is better"}`), chart.element),
      element("div", { class: "wam-saw" }, element("div", { class: "wam-fine" }, `what the model saw${report.panels.length > 1 ? ": central slices" : ""}`), pane.element, score, amount, note, play, silent),
    );
    return { kind, chart, pane, score, amount, note, play, silent, element: made };
  });

  /** The sound of the frame at the cursor, over and over, while it is wanted. */
  const sound = () => {
    for (const { kind, play } of rows) {
      play.setAttribute("aria-pressed", String(kind === heard));
      play.textContent = kind === heard ? "stop" : "listen";
    }
    if (!player) return;
    if (!heard || !frames) {
      player.pause();
      return;
    }
    player.duration = report.panels[0][1] / report.rate;
    player.load([wave(heard)], [1]);
    player.setLoop([0, player.duration]);
    player.play();
    if (player.playing) return;
    heard = null;
    for (const { play, silent } of rows) {
      play.hidden = true;
      silent.textContent = player.obstacle;
    }
  };
  const frameAt = (/** @type {Kind} */ kind) => {
    const all = /** @type {Record<Kind, Numbers>} */ (frames)[kind];
    const count = all.length / (steps + 1);
    return all.subarray(step() * count, (step() + 1) * count);
  };
  const wave = (/** @type {Kind} */ kind) => samplesOf(frameAt(kind), traits.get("_values").channels, sent(kind).full);

  const drawFrames = () => {
    for (const { kind, pane, score, amount, note, chart } of rows) {
      const said = amounts(kind);
      const above = beyond(kind);
      score.textContent = `${report.quantity} ${scoreAt(kind)}`;
      amount.textContent = `Step ${step()} of ${steps}: ${said}`;
      note.textContent = above;
      const words = `step ${step()} of ${steps}: ${said}, ${report.quantity} ${scoreAt(kind)}`;
      chart.move(words);
      pane.element.setAttribute("aria-label", `what the model saw, ${kind}, ${methods[chosen()].name}, ${words}`);
      pane.element.classList.toggle("wam-late", !frames || traits.get("item") !== traits.get("_values").item);
      if (!frames) continue;
      if (isWave) pane.paintWave(wave(kind), values.peak);
      else pane.paint(frameAt(kind), traits.get("_values").channels);
    }
    if (!frames) return;
    if (heard) sound();
    el.dataset.drawn = `${values.key} ${methods[chosen()].name} ${step()}`;
  };
  /** Unpack the frames of the chosen method, unless they are here. */
  const getFrames = () => {
    const asked = `${values.key} ${methods[chosen()].name}`;
    if (asked === wanted) return;
    [wanted, frames] = [asked, null];
    const count = report.panels.reduce((/** @type {number} */ sum, /** @type {[number, number]} */ [tall, wide]) => sum + tall * wide, 0) * traits.get("_values").channels;
    Promise.all(INSERTION_AND_DELETION.map((kind) => unpackFrames(sent(kind), count, isWave))).then(([insertion, deletion]) => {
      if (asked !== wanted) return; // something else is looked at by now
      frames = { insertion, deletion };
      life.safely(drawFrames);
    }).catch((error) => life.failed(error));
    values.ends = /** @type {Record<Kind, Float32Array>} */ (Object.fromEntries(INSERTION_AND_DELETION.map((kind) => [kind, numbers(sent(kind).ends, Float32Array)])));
  };
  const drawCharts = () => {
    const shownBands = traits.get("bands") && report.items > 1 ? bands : {};
    const all = INSERTION_AND_DELETION.flatMap((kind) => [values.scores[kind], ...(shownBands[kind] ? [shownBands[kind]] : [])]);
    let [low, high] = [report.chances ? 0 : Infinity, report.chances ? 0 : -Infinity];
    for (const table of all) {
      for (const value of table) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    if (report.chances) high = Math.min(1, high);
    const room = 0.04 * (high - low || 1);
    const range = /** @type {[number, number]} */ ([report.chances ? 0 : low - room, high + room]);
    const byUnits = traits.get("axis") === "units";
    // Controls are to be compared with in the same terms.
    const among = methods.map((_, at) => at).filter((at) => !methods[at].control || methods[at].domain === methods[chosen()].domain);
    const nouns = [...new Set(among.map((at) => methods[at].noun))].join(" or ");
    for (const { kind, chart } of rows) {
      const lines = among.map((at) => {
        const x = byUnits ? row(units, at) : row(values.energy[kind], at);
        const band = shownBands[kind];
        const ends = band ? /** @type {[Float32Array, Float32Array]} */ ([row(band, 2 * at), row(band, 2 * at + 1)]) : null;
        return { x, y: row(values.scores[kind], at), band: byUnits ? ends : null, look: looks[at], chosen: at === chosen() };
      });
      chart.show(
        { lines, range, write, writeAlong: percent, up: report.quantity, along: `${byUnits ? nouns : "energy"} ${done[kind]}` },
        `${kind} curves, cursor on ${methods[chosen()].name}`,
      );
    }
  };

  // -------------------------------------------------------------------------------------------------------- the methods
  const group = `wam-method-${Math.random().toString(36).slice(2)}`; // shared by one table alone on the page
  const listed = methods.map((method, at) => {
    const swatch = mark("svg", { viewBox: "0 0 30 12", width: 30, height: 12, "aria-hidden": "true" });
    swatch.append(mark("path", { class: `wam-curve wam-curve-${looks[at]}`, d: "M 0 6 H 30" }), mark("path", { class: `wam-dots wam-curve-${looks[at]}`, d: markerOf(looks[at], 15, 6, 3.5) }));
    const input = element("input", { type: "radio", name: group, disabled: !method.framed });
    life.listen(input, "change", () => input.checked && set({ method: method.name }, 0));
    const cells = Array.from({ length: 5 }, () => element("td", {}));
    const why = method.framed ? "" : method.control === "random" ? "the mean of several orders: no single signal that the model saw" : "what the model saw in this order was not asked for";
    const label = element("label", { title: why }, input, swatch, element("span", {}, method.name));
    return { input, cells, element: element("tr", {}, element("th", { scope: "row" }, label), ...cells) };
  });
  const heading = (/** @type {string[]} */ ...texts) => element("tr", {}, ...texts.map((text) => element("th", { scope: "col" }, text)));
  const table = element(
    "table", { class: "wam-methods" },
    element("thead", {}, heading("method", "insertion here", "deletion here", "area, insertion ↑", "area, deletion ↓", "faithfulness ↑")),
    element("tbody", {}, ...listed.map((each) => each.element)),
  );
  const showTable = () => {
    for (const [at, { input, cells, element: line }] of listed.entries()) {
      input.checked = at === chosen();
      line.classList.toggle("wam-here", at === chosen());
      const areas = INSERTION_AND_DELETION.map((kind) => values.areas[kind][at]);
      const faithfulness = areas[0] === null || areas[1] === null ? null : areas[0] - areas[1];
      const texts = [...INSERTION_AND_DELETION.map((kind) => scoreAt(kind, at)), ...[...areas, faithfulness].map((area) => (area === null ? "unknown" : area.toFixed(3).replace("-", "−")))];
      texts.forEach((text, column) => (cells[column].textContent = text));
    }
  };

  // -------------------------------------------------------------------------------------------------------- the controls
  let running = 0;
  const run = element("button", { type: "button", "aria-pressed": "false" }, "run");
  run.setAttribute("aria-label", "run through the steps");
  const halt = () => {
    clearInterval(running);
    running = 0;
    run.setAttribute("aria-pressed", "false");
    run.textContent = "run";
  };
  life.endings.push(halt);
  life.listen(run, "click", () => {
    if (running) return halt();
    if (step() === steps) set({ step: 0 });
    run.setAttribute("aria-pressed", "true");
    run.textContent = "stop";
    running = window.setInterval(() => life.safely(() => (step() < steps ? set({ step: step() + 1 }) : halt())), PACE_OF_STEPS);
  });
  const along = slide(bound, "step", "step", { values: Array.from({ length: steps + 1 }, (_, at) => at), write: (at) => `${at} of ${steps}` });
  const confidence = `${written(100 * report.confidence)} % intervals of the mean of ${report.items} items`;
  const intervals = check(bound, "bands", confidence);
  intervals.hidden = !Object.keys(bands).length;
  const display = box("Show", element(
    "div", { class: "wam-stack" },
    radios(bound, "kind", "curves", [["both", "both curves"], ["insertion", "insertion"], ["deletion", "deletion"]]),
    radios(bound, "axis", "over", [["units", "over the fraction of units"], ["energy", "over the energy"]]),
    intervals,
  ));
  const others = pick(bound, "item", "item", () => traits.get("_items").map((/** @type {{item: number, title: string}} */ each) => [each.item, each.title]), ["_items"]);
  others.hidden = traits.get("_items").length < 2;
  const title = element("div", { class: "wam-title" });
  const rule = element("details", { class: "wam-fine" }, element("summary", {}, `Protocol ${report.protocol}: ${report.question}`), report.described);
  const lines = Object.keys(bands).length ? `Lines: this item. Shaded: ${confidence}, pointwise.` : "Lines: this item; there are too few groups of items for intervals.";
  const explained = `${lines} Grey: orders that no model had a part in, in the terms of the method. Areas are the protocol's, whatever the curves are drawn over.`;
  el.append(
    element("div", { class: "wam-head" }, title, rule, others, element("div", { class: "wam-fine", role: "status" }, traits.get("_note") ?? "")),
    element("div", { class: "wam-row wam-along-steps" }, along, run),
    ...rows.map((each) => each.element),
    element("div", { class: "wam-scroll", tabindex: 0, role: "region", "aria-label": "methods" }, table),
    element("div", { class: "wam-fine" }, explained),
    display,
    needKernel(bound, el, traits.get("_items").length > 1 ? [others] : []),
  );

  // ------------------------------------------------------------------------------------------------------ what follows what
  const redraw = life.everyFrame(() => {
    drawFrames();
    showTable();
  });
  const redrawCharts = life.everyFrame(() => {
    drawCharts();
    drawFrames();
    showTable();
  });
  life.follow(traits, ["_values"], () => {
    const { curves, item, title: about, frames: all } = traits.get("_values");
    const each = (/** @type {string} */ name) => /** @type {any} */ (Object.fromEntries(INSERTION_AND_DELETION.map((kind) => [kind, numbers(curves[kind][name], Float32Array)])));
    const fulls = Object.values(all).flatMap((of) => INSERTION_AND_DELETION.map((kind) => /** @type {any} */ (of)[kind].full));
    values = {
      key: String(item), scores: each("scores"), energy: each("energy"), peak: Math.max(...fulls),
      areas: { insertion: curves.insertion.areas, deletion: curves.deletion.areas }, ends: /** @type {any} */ ({}),
    };
    wanted = "";
    title.textContent = about;
    getFrames();
    drawCharts(); // at once: a frame later the first picture would flicker
    drawFrames();
    showTable();
  });
  life.follow(traits, ["step", "item"], redraw); // another item is pale until the kernel has sent it
  life.follow(traits, ["method"], () => {
    getFrames();
    redrawCharts();
  });
  life.follow(traits, ["axis", "bands"], redrawCharts);
  life.follow(traits, ["kind"], () => {
    const kind = traits.get("kind");
    for (const each of rows) each.element.hidden = kind !== "both" && kind !== each.kind;
    if (heard && kind !== "both" && kind !== heard) {
      heard = null;
      sound();
    }
    redrawCharts();
  });
});

export default { render };
