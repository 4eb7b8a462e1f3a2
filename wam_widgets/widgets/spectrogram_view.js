// @ts-check
import { numbers, Shown, unpackErrors } from "./shared/arrays.js";
import { colourBar, limitOf, paintOver, peakOf, percent, written } from "./shared/colours.js";
import { check, pick, radios, slide } from "./shared/controls.js";
import { box, colours, items, needKernel, noise, question, takenErrors, wavelet } from "./shared/panels.js";
import { playerOf } from "./shared/player.js";
import { scaleSliders } from "./shared/sliders.js";
import {
  featureMap, frequencyAt, frequencyTicks, heightOf, largest, loudness, mixSounds, outline, paintSpectrogram,
  roundSteps, scaleSounds, splitSounds, tileMap, unpackSound,
} from "./shared/sounds.js";
import { timeline } from "./shared/timeline.js";
import { element, memory, view } from "./shared/view.js";

/**
 * @typedef {import("./shared/sounds.js").SoundValues} Values
 * @typedef {import("./shared/arrays.js").Errors} Errors
 * @typedef {import("./shared/view.js").Model<any>} Traits  those of spectrogram_view.py and explorers/sound.py
 */

/** Rows and columns of the picture. @type {[number, number]} */
const SIZE = [300, 1000];

/** The settings that decide which coefficients are shown, and which are kept. */
const SHOWN = ["signed", "significant", "rate", "denoised"];
const KEPT = ["significant", "rate", "denoised", "fraction"];

/** Milliseconds between two moments that the kernel is told while it plays, and after which kept sounds are made anew. */
const TELL = 250;
const PAUSE = 80;

/** Milliseconds in which what the kernel was told may come back from it. */
const ECHO = 2000;

const render = view(({ model, el, life }) => {
  const traits = /** @type {Traits} */ (model);
  const set = life.setter(traits);
  const bound = { life, model: traits, set };
  const player = playerOf(life, model);
  el.classList.add("wam-explorer", "wam-sound");

  /** @type {Values} */
  let values;
  /** @type {Errors | null} */
  let errors = null;
  /** @type {Errors | null} */
  let featureErrors = null;
  const { remember, forget } = memory(traits);

  // ----------------------------------------------------------------------------------------------------- what is drawn
  const axis = () => ({ name: traits.get("axis"), lowest: traits.get("axis") === "log" ? values.lowest : 0, highest: values.rate / 2 });
  /** @returns {[number, number]} */
  const span = () => (traits.get("span").length ? traits.get("span") : [0, values.duration]);
  const features = () => (traits.get("look") === "features" ? values.features : null);
  const shown = () => remember("shown", [...SHOWN, "look"], () => {
    const at = features();
    return at ? new Shown(at, featureErrors, traits) : new Shown(values, errors, traits);
  });
  /** @param {Shown} what @param {(index: number) => boolean} left @param {[number, number]} stretch */
  const mapOf = (what, left, stretch) => {
    const at = features();
    return at ? featureMap(at, what, left, axis(), stretch, SIZE) : tileMap(values, what, left, axis(), stretch, SIZE);
  };
  /** Whether a position isn't drawn. */
  const undrawn = () => {
    if (!traits.get("only_kept")) return () => false;
    const at = features();
    const kept = at ? largest(at, shown().attribution, traits.get("fraction")) : keptPositions();
    return (/** @type {number} */ index) => !kept[index];
  };
  const drawnBy = [...SHOWN, "look", "axis", "span", "only_kept", "fraction"];
  const map = () => remember("map", drawnBy, () => mapOf(shown(), undrawn(), span()));
  const background = () => remember("photo", ["axis", "span"], () =>
    paintSpectrogram(values, numbers(traits.get("_tables").sequential.viridis, Uint8Array), axis(), span(), SIZE));
  /** The end of the colour scale where nothing is hidden or shrunken: what such changes take away shows. */
  const automatic = () => remember("limit", ["look", "signed", "axis"], () => {
    const at = features();
    return limitOf([mapOf(new Shown(at ?? values, null, traits), () => false, [0, values.duration])]);
  });
  const { scale, ...colouring } = colours(bound, {
    automatic, signed: () => shown().signed, fitted: () => limitOf([map()]),
  });

  const time = timeline(life, SIZE, {
    seek: (at) => {
      const [begin, end] = traits.get("loop");
      if (begin !== undefined && (at < begin || at > end)) set({ loop: [] }, 0);
      goTo(at);
    },
    choose: (begin, end) => set({ loop: [begin, Math.min(end, values.duration)] }, 0), // sums of fractions may be beyond
    hover: (at) => {
      hovered = at;
      showReadout();
    },
    step: (steps) => goTo(Math.min(values.duration, Math.max(0, player.position + (steps * (span()[1] - span()[0])) / 100))),
    toggle: () => set({ playing: !traits.get("playing") }, 0),
    edge: (end) => goTo(end ? values.duration : 0),
    leave: () => set({ loop: [] }, 0),
    span,
  });
  const draw = () => {
    const picture = time.picture;
    const { photo, pale } = background();
    paintOver(map(), photo, pale, scale(), traits.get("opacity"), picture.data);
    time.context.putImageData(picture, 0, 0);
    const at = features();
    const signs = traits.get("kind") === "contribution" && !at ? "right speaks for, left against" : "right raises, left lowers the score";
    legend.show(scale(), `${at ? at.unit : values.units.cell}${shown().signed ? `; ${signs}` : ""}`, peakOf([map()]));
    decibels.show({ table: background().tableAt(traits.get("opacity")), signed: false, limit: -values.spectrogram.floor },
      "spectrogram", 1, [values.spectrogram.floor, values.spectrogram.floor / 2, 0].map((each) => `${written(each)} dB`));
    el.dataset.drawn = values.key;
    el.dataset.look = traits.get("look");
  };
  const drawAxes = () => {
    const lines = values.scales.length > 1 ? values.octaves.slice(1).map(([low]) => heightOf(axis(), low)) : [];
    time.showAxes(
      frequencyTicks(axis()).map((hertz) => [heightOf(axis(), hertz), written(hertz)]),
      roundSteps(span(), 8).map((each) => [(each - span()[0]) / (span()[1] - span()[0]), written(Number(each.toPrecision(9)))]),
      lines.filter((each) => each > 0 && each < 1),
    );
    time.showNames("frequency (Hz)", `${values.grid.axes[0]} (s)`);
  };

  // ----------------------------------------------------------------------------------------------------- what is heard
  const whole = () => remember("whole", [], () => scaleSounds(values));
  const keptPositions = () => remember("positions", ["denoised", "fraction"], () => {
    const attribution = (traits.get("denoised") && errors?.denoised) || values.attribution;
    return largest(values, attribution, traits.get("fraction"));
  });
  const split = () => remember("split", KEPT, () => {
    const kept = keptPositions();
    const { hidden } = new Shown(values, errors, traits);
    return splitSounds(values, whole(), (index) => !kept[index % values.count] || hidden(index));
  });
  const tracks = () => remember("tracks", KEPT, () => [...split().kept, ...split().rest]);
  const heard = () => traits.get("heard");
  const gains = () => {
    const given = traits.get("gains");
    return values.scales.map((_, at) => given[at] ?? 1);
  };
  /** Of the kept sounds of all scales, and of the rest. @param {number} [all]  a gain for all scales */
  const levels = (all) => [
    ...gains().map((gain) => (heard() === "rest" ? 0 : all ?? gain)),
    ...gains().map((gain) => (heard() === "kept" ? 0 : all ?? gain)),
  ];
  const original = () => remember("original", [], () => {
    const sound = mixSounds(whole(), whole().map(() => 1));
    return { sound, ...loudness(sound) };
  });
  const mixed = () => remember("mixed", [...KEPT, "heard", "gains"], () => {
    const sound = mixSounds(tracks(), levels());
    return { sound, ...loudness(sound) };
  });
  /** What is heard at gains of 1: they are moved to be heard. */
  const part = () => remember("part", [...KEPT, "heard"], () => (heard() === "original" ? original() : loudness(mixSounds(tracks(), levels(1)))));
  /** What makes it as loud as the original: no more than it can be without clipping. */
  const matching = () => {
    const { rms, peak } = part();
    if (!traits.get("matched") || !rms) return 1;
    return Math.min(original().rms / rms, Math.max(1, original().peak) / peak);
  };
  const matchedLevels = () => {
    const factor = matching();
    return levels().map((each) => each * factor);
  };
  const setLevels = () => {
    const factor = matching();
    player.setLevels(matchedLevels(), traits.get("volume"));
    const { rms, peak } = mixed();
    const most = original().rms / part().rms;
    const clips = factor * peak * traits.get("volume") > 1.0001;
    loud.textContent = !rms
      ? "Nothing is left to be heard."
      : clips
        ? "Its peaks are beyond what can be played, and are clipped: lower the volume."
        : Math.abs(factor - 1) < 0.005
          ? ""
          : `Played ${written(factor)} times as loud as it is${factor < most * 0.995 ? ", which is as loud as it can be without clipping" : ""}.`;
  };
  /** Make what plays anew once the fingers rest: it takes longer than a picture. */
  const reload = life.afterRest(() => {
    player.load(tracks(), matchedLevels());
    setLevels();
  }, PAUSE);
  const listen = life.everyFrame(() => {
    const highest = Math.max(original().peak, 1e-9);
    time.showWaves(
      outline(original().sound, values.rate, span(), SIZE[1], highest),
      outline(mixed().sound, values.rate, span(), SIZE[1], highest / matching()),
    );
    setLevels();
    el.dataset.mixed = `${values.key} ${traits.get("heard")} ${traits.get("fraction")} ${traits.get("gains")}`;
  });

  // --------------------------------------------------------------------------------------------------- where it is now
  /** @type {[time: number, height: number] | null} */
  let hovered = null;
  let toldAt = -Infinity;
  const tellPosition = () => {
    const at = Math.min(values.duration, player.position);
    toldAt = performance.now();
    for (const [moment, when] of player.told) if (toldAt - when > ECHO) player.told.delete(moment);
    player.told.set(at, toldAt); // for all views of the widget: what one tells, no other seeks
    set({ position: at }, 0);
  };
  const goTo = (/** @type {number} */ at) => {
    player.seek(at);
    tellPosition();
    showMoment();
  };
  const showMoment = () => {
    const [begin, end] = span();
    time.showMoment((player.position - begin) / (end - begin));
    clock.textContent = `${player.position.toFixed(2)} s of ${values.duration.toFixed(2)} s`;
    if (!hovered) showReadout();
  };
  const follow = () => {
    showMoment();
    if (!player.playing) return;
    if (!el.isConnected) { // somebody took it off the page without a word
      set({ playing: false }, 0);
      return;
    }
    if (performance.now() - toldAt > TELL) tellPosition();
    waiting.hidden = !player.waiting;
    requestFollow();
  };
  const requestFollow = life.everyFrame(follow);
  const ended = () => {
    tellPosition();
    set({ playing: false }, 0);
  };
  player.atEnd.add(ended);
  life.endings.push(() => {
    player.atEnd.delete(ended);
    if (player.atEnd.size === 0 && traits.get("playing")) set({ playing: false }, 0); // the last view takes the sound along
  });

  // --------------------------------------------------------------------------------------------------- what is read off
  const where = element("div", {});
  const rows = element("tbody", {});
  const readout = element("div", { class: "wam-readout" }, where,
    element("div", { class: "wam-scroll", tabindex: 0, role: "region", "aria-label": "coefficients at this moment" },
      element("table", {}, element("thead", {}, element("tr", {},
        ...["scale", "octave (Hz)", "of an atom inside", "coefficient"].map((name) => element("th", { scope: "col" }, name)))), rows)));
  const showReadout = life.everyFrame(() => {
    const at = hovered ? hovered[0] : player.position;
    const hertz = hovered && frequencyAt(axis(), hovered[1]);
    const { levels: steps, shape, begin, hop, step, floor } = values.spectrogram;
    const frame = Math.min(shape[1] - 1, Math.max(0, Math.floor((at - begin) / hop)));
    const level = hertz === null ? "" :
      `, ${written(hertz)} Hz: ${written(Math.round(floor * (1 - steps[Math.min(shape[0] - 1, Math.round(hertz / step)) * shape[1] + frame] / 255)))} dB`;
    const plain = new Shown(values, errors, traits);
    const isPlain = plain.attribution === values.attribution;
    const kind = isPlain ? `coefficients${errors ? " ± standard error" : ""}` : "denoised coefficients";
    where.textContent = `${at.toFixed(3)} s${level}. ${hovered ? "There" : "At the cursor"}, ${kind}${values.channels > 1 ? ", summed over channels" : ""}:`;
    rows.replaceChildren(...values.bands.map((band) => {
      const index = coefficientAt(band, at);
      let sum = 0;
      let hidden = true;
      for (let c = 0; c < values.channels; c++) {
        sum += plain.attribution[c * values.count + band.start + index];
        hidden &&= plain.hidden(c * values.count + band.start + index);
      }
      const [low, high, share] = values.octaves[band.scale];
      const text = errors && isPlain ? `${written(sum)} ± ${written(errors.error[band.start + index])}` : written(sum);
      const row = element("tr", {}, element("th", { scope: "row" }, values.scales[band.scale].name),
        element("td", {}, `${written(low)} to ${written(high)}`), element("td", {}, percent(share)),
        element("td", {}, hidden ? `${text} (hidden)` : text));
      row.classList.toggle("wam-faint", hidden);
      row.classList.toggle("wam-here", hertz !== null && hertz >= low && hertz < high);
      return row;
    }));
  });

  // --------------------------------------------------------------------------------------------------- what the model says
  const verdict = element("table", { class: "wam-verdict" });
  const verdictNote = element("div", { class: "wam-fine", role: "status" });
  const verdictBox = box("What the model says", element("div", { class: "wam-scroll", tabindex: 0, role: "region", "aria-label": "probabilities" }, verdict), verdictNote);
  const showVerdict = () => {
    const sounding = gains().every((gain) => gain === 1) ? heard() : "now";
    const kept = traits.get("_kept");
    const at = traits.get("_fractions").indexOf(traits.get("fraction"));
    const known = kept.key === values.key && at >= 0 && !traits.get("significant") && !traits.get("denoised");
    const mix = traits.get("_mix");
    const now = mix.key === values.key && ["gains", "heard", "fraction", "denoised", "significant", "rate"].every(
      (name) => JSON.stringify(mix[name]) === JSON.stringify(traits.get(name)));
    const columns = /** @type {[string, string, (number | null)[] | null][]} */ ([
      ["original", "original", values.predictions.map((/** @type {any} */ each) => each.probability)],
      ["kept", `what mattered, ${percent(traits.get("fraction"))}`, known ? kept.kept[at] : null],
      ["rest", "the rest", known ? kept.rest[at] : null],
      ["now", "your mix", now ? mix.probabilities : null],
    ]).filter(([name, , found]) => found || (name === "now" ? mix.probabilities : kept.key));
    verdict.replaceChildren(
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "class"), ...columns.map(([name, title]) => {
        const head = element("th", { scope: "col" }, title);
        head.classList.toggle("wam-here", name === sounding);
        return head;
      }))),
      element("tbody", {}, ...values.predictions.map((/** @type {any} */ { label, explained }, /** @type {number} */ row) =>
        element("tr", {}, element("th", { scope: "row" }, label, ...(explained ? [element("em", {}, " explained")] : [])),
          ...columns.map(([name, , found]) => {
            const probability = found?.[row] ?? null;
            const cell = element("td", {}, probability === null ? (found ? "no number" : "…") : percent(probability));
            cell.style.setProperty("--share", `${100 * (probability ?? 0)}%`);
            cell.classList.toggle("wam-here", name === sounding);
            return cell;
          })))),
    );
    const how = values.how ? `Probabilities: ${values.how} of the model's output. ` : "";
    const lost = kept.key === values.key && !known
      ? "Of what is kept after hiding or denoising, or at another fraction, only the model knows. " : "";
    verdictNote.textContent = `${how}${lost}${columns.length > 1 ? "The model hears every sound as it is, not as loud as the original." : ""}`;
    verdictBox.hidden = !values.predictions.length;
  };

  // -------------------------------------------------------------------------------------------------------- the controls
  const button = (/** @type {string} */ text, /** @type {string} */ title, /** @type {() => void} */ act) => {
    const made = element("button", { type: "button", title }, text);
    life.listen(made, "click", act);
    return made;
  };
  const play = button("play", "space", () => set({ playing: !traits.get("playing") }, 0));
  play.classList.add("wam-play");
  const stop = button("stop", "back to the beginning", () => {
    set({ playing: false }, 0);
    goTo(traits.get("loop")[0] ?? 0);
  });
  const unloop = button("no loop", "Escape", () => set({ loop: [] }, 0));
  const closer = button("zoom to loop", "draw only what is looped", () => set({ span: traits.get("loop") }, 0));
  const all = button("whole sound", "draw all of it", () => set({ span: [] }, 0));
  const clock = element("span", { class: "wam-number" });
  const waiting = element("div", { class: "wam-fine", role: "status", hidden: true }, "The browser lets a page sound only after a click on it: press any key or click.");
  const silent = element("div", { class: "wam-fine" });
  const loud = element("div", { class: "wam-fine", role: "status" });
  const speed = slide(bound, "speed", "speed (and pitch)", { values: [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2], write: (each) => `${written(each)} ×` });
  const volume = slide(bound, "volume", "volume", { values: Array.from({ length: 101 }, (_, at) => at / 100), write: percent });
  const transport = element("div", { class: "wam-row wam-transport" }, play, stop, clock, unloop, closer, all);
  const listening = box("Listen", element("div", { class: "wam-stack" },
    radios(bound, "heard", "heard", [["original", "original"], ["kept", "only what mattered"], ["rest", "only the rest"]]),
    slide(bound, "fraction", "coefficients kept", { values: traits.get("_fractions"), write: percent }),
    check(bound, "only_kept", "draw only the largest"), check(bound, "matched", "as loud as the original"), loud, speed, volume));
  const sliders = scaleSliders(life, traits, () => values?.scales.map(({ name }) => name) ?? [], { trait: "gains", word: "gain", legend: "Mixing desk" });
  const legend = colourBar();
  const decibels = colourBar();
  const look = radios(bound, "look", "look", [["tiles", "wavelet tiles"], ["features", "front end"]]);
  const display = box("Show", element("div", { class: "wam-stack" }, look,
    pick(bound, "axis", "frequency axis", () => [["log", "logarithmic"], ["linear", "linear"], ["mel", "mel"]]),
    slide(bound, "opacity", "opacity", { values: Array.from({ length: 101 }, (_, at) => at / 100), write: percent }),
    colouring.signs, colouring.names, colouring.ends));
  /** What is known of what is drawn: of the sound's coefficients, or of the front end's values. */
  const found = {
    about: () => (traits.get("look") === "features" ? { ...traits.get("_errors"), ...traits.get("_errors").features } : traits.get("_errors")),
    count: () => {
      const { channels, count } = traits.get("look") === "features" ? traits.get("_values").features : traits.get("_signal");
      return channels * count;
    },
    depends: ["look"],
  };
  const strip = items(bound);
  const asking = question(bound);
  const wavelets = wavelet(bound);
  const title = element("div", { class: "wam-title" });
  const subtitle = element("div", { class: "wam-fine" });
  el.append(
    element("div", { class: "wam-head" }, title, subtitle, strip),
    element("div", { class: "wam-body" },
      element("div", { class: "wam-left" }, time.element, transport, waiting, silent,
        element("div", { class: "wam-legends" }, legend.element, decibels.element), readout),
      element("div", { class: "wam-right" }, listening, sliders.element, verdictBox, display, noise(bound, found), wavelets, asking,
        needKernel(bound, el, [strip, wavelets, asking]))),
  );

  // ------------------------------------------------------------------------------------------------------ what follows what
  const redraw = life.everyFrame(draw);
  let known = "";
  const takeErrors = () => {
    const sent = takenErrors(traits, values, sliders, [time.element], "the energy of the attribution");
    errors = sent?.errors ?? null;
    featureErrors = sent?.features ? unpackErrors(sent.features) : null;
    forget("shown", "map", "positions", "split", "tracks", "mixed");
  };
  life.follow(traits, ["_values"], () => {
    values = unpackSound({ ...traits.get("_signal"), ...traits.get("_values") });
    forget();
    const scales = values.scales.map((each) => each.name).join();
    if (scales !== known) sliders.rebuild();
    known = scales;
    title.textContent = values.title;
    subtitle.textContent = values.subtitle;
    time.describe(`${values.title}: spectrogram. Space plays, arrow keys move, Escape ends the loop.`);
    look.hidden = !values.features;
    colouring.signs.hidden = !values.signable;
    takeErrors();
    draw(); // at once: a frame later the first picture would flicker
    drawAxes();
    player.rate = wholeRate(values.rate);
    player.duration = values.duration;
    for (const each of [play, stop]) each.disabled = !player.playable;
    const faint = values.full < 1 ? "A faint signal: drawn and played as if its largest value were the loudest." : "";
    silent.textContent = player.obstacle || faint;
    showVerdict();
    listen();
    if (player.playable) reload();
  });
  life.follow(traits, ["_errors"], () => {
    takeErrors();
    showReadout();
    if (!traits.get("significant") && !traits.get("denoised")) return; // else errors are only read off
    redraw();
    listen();
    if (player.playable) reload();
  });
  life.follow(traits, [...drawnBy, "opacity", "colours", "signed_colours", "limit"], redraw);
  life.follow(traits, ["axis", "span"], drawAxes);
  life.follow(traits, ["look", "signed"], colouring.show);
  life.follow(traits, KEPT, () => {
    listen();
    if (player.playable) reload();
  });
  life.follow(traits, ["heard", "gains", "matched", "volume", "span"], listen);
  life.follow(traits, ["heard", ...KEPT, "gains", "_kept", "_mix"], showVerdict);
  life.follow(traits, [...SHOWN, "axis", "span", "position"], showReadout);
  life.follow(traits, ["speed"], () => player.setSpeed(traits.get("speed")));
  life.follow(traits, ["loop", "span"], () => {
    const loop = traits.get("loop");
    player.setLoop(loop.length ? loop : null);
    const [begin, end] = span();
    time.showLoop(loop.length ? loop.map((/** @type {number} */ each) => (each - begin) / (end - begin)) : null);
    unloop.hidden = closer.hidden = !loop.length;
    all.hidden = !traits.get("span").length;
    showMoment();
  });
  life.follow(traits, ["position"], () => {
    const at = traits.get("position");
    const isEcho = player.told.has(at) && (player.playing || at === player.position);
    if (!isEcho) player.seek(at);
    showMoment();
  });
  life.follow(traits, ["playing"], () => {
    if (traits.get("playing") && !player.playable) set({ playing: false }, 0); // as Python may ask
    else if (traits.get("playing")) {
      player.load(tracks(), matchedLevels());
      player.play();
      requestFollow();
    } else if (player.playing) {
      player.pause();
      tellPosition();
    }
    if (player.refused) {
      silent.textContent = player.obstacle;
      set({ playing: false }, 0);
    }
    for (const each of [play, stop]) each.disabled = !player.playable;
    play.textContent = traits.get("playing") ? "pause" : "play";
    waiting.hidden = true;
    showMoment();
  });
  // A click anywhere on the page is what a browser waits for.
  life.listen(document, "pointerdown keydown", () => player.wake());
});

/** The coefficient of a band whose tile holds a moment. @param {import("./shared/sounds.js").SoundBand} band @param {number} at */
function coefficientAt({ tile, edges }, at) {
  let [low, high] = [0, edges.length - 2];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edges[middle] <= at) low = middle;
    else high = middle - 1;
  }
  // Near the border, where long filters have several coefficients in a tile, the middle one stands for them.
  return (placeOf(tile, low) + placeOf(tile, low + 1) - 1) >> 1;
}

/** The first entry that isn't below a value. @param {Uint32Array} sorted @param {number} value */
function placeOf(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A rate without what 1 / (1 / rate) adds to it. @param {number} rate */
const wholeRate = (rate) => (Math.abs(rate - Math.round(rate)) < 1e-6 * rate ? Math.round(rate) : rate);

export default { render };
