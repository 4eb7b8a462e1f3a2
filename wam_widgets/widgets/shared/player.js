// @ts-check
// Tracks of equal length that play together, sample by sample in step, each at its own level.

/** Seconds in which levels change and sounds begin or end in their middle: a jump would click. */
const FADE = 0.01;

/** Seconds after which changes are heard: what is due at once would be late, and jump to where it should be by then. */
const AHEAD = 0.04;

/** Milliseconds in which a browser that lets a page sound has begun. */
const STARTED = 300;

/** Samples per second that browsers play: Chromium's, others may stop at 8,000 and 96,000. */
export const PLAYABLE = [3000, 768000];

/** @typedef {[number, number] | null} Loop  begin and end in seconds */

/**
 * Let tracks begin together in a context, online or offline.
 * @param {BaseAudioContext} context
 * @param {AudioBuffer[]} buffers  one per track
 * @param {AudioNode} out
 * @param {{levels: number[], at: number, from: number, loop: Loop, speed: number, soft?: boolean}} how  when to begin,
 *   and where; softly, unless it is the beginning of the sound, which is as it is
 */
export function begin(context, buffers, out, { levels, at, from, loop, speed, soft = from > 0 }) {
  const fade = new GainNode(context, { gain: soft ? 0 : 1 });
  if (soft) fade.gain.setValueAtTime(0, at).linearRampToValueAtTime(1, at + FADE);
  fade.connect(out);
  const gains = levels.map((level) => new GainNode(context, { gain: level }));
  const sources = buffers.map((buffer, track) => {
    const source = new AudioBufferSourceNode(context, {
      buffer, playbackRate: speed, loop: loop !== null, loopStart: loop?.[0] ?? 0, loopEnd: loop?.[1] ?? 0,
    });
    source.connect(gains[track]).connect(fade);
    source.start(at, from);
    return source;
  });
  return {
    gains,
    sources,
    /** Fade out, from where the fading in is by then. @param {number} when */
    end(when) {
      const reached = soft ? Math.min(1, Math.max(0, (when - at) / FADE)) : 1;
      fade.gain.cancelScheduledValues(when);
      if (reached > 0 && reached < 1) fade.gain.linearRampToValueAtTime(reached, when); // what was cancelled led further
      fade.gain.setValueAtTime(reached, when).linearRampToValueAtTime(0, when + FADE);
      for (const source of sources) {
        source.onended = null;
        source.stop(when + FADE);
      }
      const [last] = sources;
      last.onended = () => fade.disconnect();
    },
  };
}

/** Buffers that a context plays. @param {Float32Array[][]} tracks  (track, output, sample) @param {number} rate */
export function buffersOf(tracks, rate) {
  return tracks.map((outputs) => {
    const buffer = new AudioBuffer({ length: outputs[0].length, numberOfChannels: outputs.length, sampleRate: rate });
    outputs.forEach((samples, output) => buffer.copyToChannel(/** @type {any} */ (samples), output));
    return buffer;
  });
}

/** What plays a widget's tracks, however many views it has. */
export class Player {
  constructor() {
    this.rate = 0;
    this.duration = 0;
    this.playing = false;
    /** @type {Set<() => void>} called when the sound has come to its end */
    this.atEnd = new Set();
    /** @type {Loop} */
    this.loop = null;
    this.speed = 1;
    this.volume = 1;
    /** @type {number[]} */
    this.levels = [];
    /** @type {Float32Array[][]} */
    this.tracks = [];
    /** @type {AudioBuffer[] | null} made when first played */
    this.buffers = null;
    /** @type {AudioContext | null} made when first played: browsers allow no earlier */
    this.context = null;
    /** @type {GainNode | null} */
    this.out = null;
    /** @type {ReturnType<typeof begin> | null} */
    this.take = null;
    this.began = 0;
    this.from = 0;
    /** Whether this browser has no clock of this rate. */
    this.refused = false;
    this.asked = 0;
    this.resting = 0;
    /** Moments that we told last, and when: not to be sought when they come back. @type {Map<number, number>} */
    this.told = new Map();
  }

  /** Why it isn't heard, as far as is known before it is tried; empty if it is. */
  get obstacle() {
    const [least, most, rate] = [...PLAYABLE, this.rate].map((each) => each.toLocaleString("en", { maximumSignificantDigits: 6 }));
    let why = "";
    if (!("AudioContext" in window)) why = "this browser has no Web Audio";
    else if (this.rate < PLAYABLE[0] || this.rate > PLAYABLE[1]) why = `browsers play ${least} to ${most} samples per second, and this has ${rate}`;
    else if (this.refused) why = `this browser doesn't play ${rate} samples per second`;
    return why && `To be seen, not heard: ${why}.`;
  }

  get playable() {
    return !this.obstacle;
  }

  /** Whether the browser waits for a click before it lets the page sound. */
  get waiting() {
    return this.playing && this.context?.state === "suspended" && performance.now() - this.asked > STARTED;
  }

  /** Begin after all, when somebody has clicked. */
  wake() {
    if (this.playing && this.context?.state === "suspended") this.context.resume().catch(() => {});
  }

  /** Play other tracks from now on. @param {Float32Array[][]} tracks @param {number[]} levels */
  load(tracks, levels) {
    if (tracks !== this.tracks) this.change({ tracks, levels, buffers: null });
  }

  /** Where a moment of the context's clock is in the sound, in seconds from its beginning. @param {number} time */
  placeAt(time) {
    const at = this.from + Math.max(0, time - this.began) * this.speed;
    if (!this.loop) return Math.min(at, this.duration);
    const [start, end] = this.loop;
    return at < end ? at : start + ((at - start) % (end - start));
  }

  /** What is heard now, in seconds from the beginning. */
  get position() {
    if (!this.playing || !this.context) return this.from;
    return this.placeAt(this.context.currentTime - (this.context.outputLatency || 0));
  }

  /** Go to a place, playing or not. @param {number} position */
  seek(position) {
    this.change({}, Math.min(this.duration, Math.max(0, position)));
  }

  /** @param {Loop} loop  played from sample to sample, so that it repeats exactly */
  setLoop(loop) {
    const whole = loop && /** @type {[number, number]} */ (loop.map((each) => this.whole(each)));
    if (JSON.stringify(whole) !== JSON.stringify(this.loop)) this.change({ loop: whole });
  }

  /** The sample nearest to a moment, in seconds: between two, browsers would blur them. @param {number} time */
  whole(time) {
    return this.rate ? Math.round(time * this.rate) / this.rate : time;
  }

  /** @param {number} speed */
  setSpeed(speed) {
    if (speed !== this.speed) this.change({ speed });
  }

  /** @param {number[]} levels  one per track @param {number} volume */
  setLevels(levels, volume) {
    this.volume = volume;
    const fits = levels.length === this.tracks.length; // else the tracks that they are meant for are still to come
    if (fits) this.levels = levels;
    if (!this.context || !this.out) return;
    const at = this.context.currentTime + AHEAD;
    if (fits) this.take?.gains.forEach((gain, track) => gain.gain.setTargetAtTime(levels[track], at, FADE));
    this.out.gain.setTargetAtTime(volume, at, FADE);
  }

  play() {
    if (this.playing || !this.playable) return;
    if (!this.context) {
      try {
        this.context = new AudioContext({ sampleRate: this.rate, latencyHint: "interactive" });
      } catch {
        this.refused = true;
        return;
      }
      this.out = new GainNode(this.context, { gain: this.volume });
      this.out.connect(this.context.destination);
    }
    this.playing = true;
    this.asked = performance.now();
    this.told.clear();
    this.context.resume().catch(() => {}); // if it is closed before somebody clicks
    this.change({}, this.from < this.duration ? this.from : 0);
  }

  pause() {
    if (!this.playing) return;
    this.from = this.position;
    this.playing = false;
    this.take?.end((this.context?.currentTime ?? 0) + AHEAD);
    this.take = null;
    this.rest();
  }

  /** Stop the clock when all is faded out: one that runs costs power. */
  rest() {
    const { context } = this;
    clearTimeout(this.resting);
    this.resting = window.setTimeout(() => {
      if (!this.playing && this.context === context) context?.suspend().catch(() => {});
    }, 20 * FADE * 1000);
  }

  /**
   * Change what plays; if it plays, by sources that take over from those that play now.
   * @param {Partial<Pick<Player, "tracks" | "levels" | "buffers" | "loop" | "speed">>} values
   * @param {number} [from]  by default it goes on where it is
   */
  change(values, from) {
    const { context, out } = this;
    if (!this.playing || !context || !out) {
      Object.assign(this, values);
      this.from = from ?? Math.min(this.from, this.duration);
      return;
    }
    const { tracks = this.tracks, buffers = this.buffers } = values;
    const made = buffers ?? buffersOf(tracks, this.rate); // before looking at the clock: it takes a while
    const at = Math.ceil((context.currentTime + AHEAD) * this.rate) / this.rate;
    const place = this.whole(from ?? this.placeAt(at));
    Object.assign(this, values, { buffers: made });
    clearTimeout(this.resting);
    const { levels, loop, speed, take: last } = this;
    last?.end(at);
    this.from = loop && (place < loop[0] || place >= loop[1]) ? loop[0] : place;
    this.began = at;
    this.take = begin(context, made, out, { levels, at, from: this.from, loop, speed, soft: Boolean(last) || this.from > 0 });
    this.take.sources[0].onended = () => {
      this.playing = false;
      this.from = 0;
      this.take = null;
      this.rest();
      for (const told of [...this.atEnd]) told();
    };
  }

  close() {
    clearTimeout(this.resting);
    this.playing = false;
    this.take = null;
    this.context?.close().catch(() => {});
    this.context = null;
  }
}

/** @type {WeakMap<object, {player: Player, views: number}>} */
const players = new WeakMap();

/** The player of a widget, shared by its views; closed with the last of them. @param {import("./view.js").Life} life @param {object} model */
export function playerOf(life, model) {
  const found = players.get(model) ?? { player: new Player(), views: 0 };
  players.set(model, found);
  found.views += 1;
  life.endings.push(() => {
    found.views -= 1;
    if (found.views) return;
    found.player.close();
    players.delete(model);
  });
  return found.player;
}
