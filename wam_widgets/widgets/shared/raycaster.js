// @ts-check
// A volume and what is laid into it, seen along parallel lines of sight, in one march of a WebGL 2 shader.

import { peakOf } from "./colours.js";

/**
 * @typedef {[number, number, number]} Vector  along x, y and z: the last axis of an array, the middle one and the first
 * @typedef {object} Camera
 * @property {Vector} right
 * @property {Vector} up
 * @property {Vector} forward
 */
/** @typedef {"volume" | "maximum" | "surface"} Look */
/** @typedef {{program: WebGLProgram, place: (name: string) => WebGLUniformLocation | null}} Program */

/** Half the height of what is seen at a zoom of 1, where the longest side of the volume is 1. */
export const HALF_HEIGHT = 0.85;

const VERTICES = `#version 300 es
out vec2 place;
void main() {
  place = vec2(gl_VertexID == 1 ? 3. : -1., gl_VertexID == 2 ? 3. : -1.);
  gl_Position = vec4(place, 0., 1.);
}`;

// Colours are premultiplied by their opacity, as canvases are.
// What is the same for a whole picture makes a program of its own: software renderers run all branches of a shader for
// every step, and fetch from textures that nobody asked for.
const fragments = (/** @type {Look} */ look, /** @type {boolean} */ isSigned, /** @type {boolean} */ hasMore) => `#version 300 es
#define ${look}
const bool isSigned = ${isSigned}, hasMore = ${hasMore};
precision highp float;
precision highp sampler3D;
uniform sampler3D grey, first, second;
uniform sampler2D table;
uniform vec4 weights, further;
uniform vec3 right, up, forward, half_, low, high, size, ink;
uniform vec2 pan;
uniform float reach, threshold, opacity, curve, density, pace;
in vec2 place;
out vec4 colour;

vec4 decoded(vec4 stored) {
  return isSigned ? (255. * stored - 128.) / 127. : stored;
}
float valueAt(vec3 at) {
  float value = dot(decoded(texture(first, at)), weights);
  if (hasMore) value += dot(decoded(texture(second, at)), further);
  return value;
}
vec4 colourOf(float value) {
  return texture(table, vec2(clamp(isSigned ? .5 + .5 * value : value, 0., 1.), .5));
}
void main() {
  vec3 origin = right * (place.x * reach - pan.x) + up * (place.y * reach - pan.y) - 2. * forward;
  vec3 begin = (2. * low - 1.) * half_, end = (2. * high - 1.) * half_;
  vec3 slope = 1. / (abs(forward) + 1e-6) * sign(forward + vec3(1e-12));
  vec3 a = (begin - origin) * slope, b = (end - origin) * slope;
  vec3 near = min(a, b), far = max(a, b);
  float from = max(max(near.x, near.y), near.z), to = min(min(far.x, far.y), far.z);
  colour = vec4(0.);
  if (to <= from) return;
  vec3 voxels = size / (2. * half_); // per length, along each axis
  float step_ = pace / length(forward * voxels);
  float edges = step_ * max(max(voxels.x, voxels.y), voxels.z); // the shortest of a voxel: opacity grows with length
  vec4 seen = vec4(0.);
  float strongest = 0., brightest = 0., hit = 0.;
  for (float t = from + .5 * step_; t < to; t += step_) {
    vec3 at = (origin + t * forward) / (2. * half_) + .5;
    float value = valueAt(at), shade = texture(grey, at).r;
    float strong = abs(value);
#ifdef maximum
    if (strong > abs(strongest)) strongest = value;
    brightest = max(brightest, shade);
#else
#ifdef surface
    if (strong >= threshold && opacity > 0.) {
      hit = t;
      break;
    }
#else
    if (strong >= threshold) {
      vec4 found = colourOf(value);
      float alpha = (1. - pow(1. - .7 * opacity * pow(min(strong, 1.), curve), edges)) * (1. - seen.a);
      seen += vec4(found.rgb * alpha, alpha);
    }
#endif
    float fog = (1. - pow(1. - .25 * density * shade * shade, edges)) * (1. - seen.a);
    seen += vec4(ink * fog, fog);
    if (seen.a > .98) break;
#endif
  }
#ifdef maximum
  vec4 found = colourOf(strongest);
  float alpha = abs(strongest) >= threshold ? opacity * found.a : 0.;
  float fog = density * brightest * (1. - alpha);
  seen = vec4(found.rgb * alpha + ink * fog, alpha + fog);
#endif
#ifdef surface
  if (hit > 0.) {
    float back = step_;
    for (int i = 0; i < 4; i++) { // closer to where it crosses the threshold
      back *= .5;
      hit += abs(valueAt((origin + hit * forward) / (2. * half_) + .5)) >= threshold ? -back : back;
    }
    vec3 at = (origin + hit * forward) / (2. * half_) + .5, d = 1. / size;
    vec3 normal = vec3(
      abs(valueAt(at + vec3(d.x, 0, 0))) - abs(valueAt(at - vec3(d.x, 0, 0))),
      abs(valueAt(at + vec3(0, d.y, 0))) - abs(valueAt(at - vec3(0, d.y, 0))),
      abs(valueAt(at + vec3(0, 0, d.z))) - abs(valueAt(at - vec3(0, 0, d.z))));
    bool cut = hit - from < 2. * step_; // it goes on beyond the box: the cut is flat
    float lit = cut || length(normal) == 0. ? .85 : abs(dot(normalize(normal), forward));
    float strong = max(threshold, .6), alpha = opacity * (1. - seen.a);
    vec4 found = colourOf(isSigned ? sign(valueAt(at)) * strong : strong);
    seen += vec4(found.rgb * (.35 + .65 * lit) * alpha, alpha);
  }
#endif
  colour = seen;
}`;

/**
 * Make what draws a volume on a canvas. Null where the browser has no WebGL 2.
 * @param {HTMLCanvasElement} canvas
 */
export function raycaster(canvas) {
  const context = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
  if (!context) return null;
  const gl = context;
  /** @type {Map<string, Program>} */
  const programs = new Map();
  /** @type {Map<string, WebGLTexture>} */
  const textures = new Map();
  const units = ["grey", "first", "second", "table"];
  let hasMore = false;

  /** @param {Look} look @param {boolean} isSigned @returns {Program} */
  const compiled = (look, isSigned) => {
    const program = gl.createProgram();
    for (const [kind, source] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, VERTICES], [gl.FRAGMENT_SHADER, fragments(look, isSigned, hasMore)]])) {
      const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
        throw new Error(`The shader doesn't compile: ${gl.getShaderInfoLog(shader)}`);
      }
      gl.attachShader(program, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(`The shaders don't fit together: ${gl.getProgramInfoLog(program)}`);
    }
    gl.useProgram(program);
    /** @type {Map<string, WebGLUniformLocation | null>} */
    const places = new Map();
    const place = (/** @type {string} */ name) => {
      if (!places.has(name)) places.set(name, gl.getUniformLocation(program, name));
      return places.get(name) ?? null;
    };
    units.forEach((name, unit) => gl.uniform1i(place(name), unit));
    return { program, place };
  };
  /** @param {string} name @param {number} kind @param {number} smooth @param {() => void} fill */
  const texture = (name, kind, smooth, fill) => {
    const made = textures.get(name) ?? gl.createTexture();
    textures.set(name, made);
    gl.activeTexture(gl.TEXTURE0 + units.indexOf(name));
    gl.bindTexture(kind, made);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(kind, side, gl.CLAMP_TO_EDGE);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(kind, filter, smooth);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    fill();
  };

  return {
    gl,
    /** Begin anew, after the context was lost. */
    forget() {
      programs.clear();
      textures.clear();
    },
    /** Voxels of the longest side that can be drawn. @returns {number} */
    most: () => gl.getParameter(gl.MAX_3D_TEXTURE_SIZE),
    /** @param {Uint8Array} grey @param {number[]} size  along z, y and x */
    setGrey(grey, [depth, height, width]) {
      texture("grey", gl.TEXTURE_3D, gl.LINEAR, () =>
        gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, width, height, depth, 0, gl.RED, gl.UNSIGNED_BYTE, grey));
    },
    /**
     * Lay in the maps of up to eight scales, each in steps of 8 bits of its own: software renderers are far slower with
     * finer ones.
     * @param {Float32Array[]} maps
     * @param {number[]} size
     * @param {boolean} signed
     * @returns {number[]} the value that each map's largest step stands for
     */
    setMaps(maps, [depth, height, width], signed) {
      const peaks = maps.map((map) => peakOf([map]) || 1);
      for (const [name, from] of /** @type {[string, number][]} */ ([["first", 0], ["second", 4]])) {
        const empty = from >= maps.length;
        const steps = new Uint8Array(empty ? 4 : 4 * maps[0].length).fill(signed ? 128 : 0);
        maps.slice(from, from + 4).forEach((map, channel) => {
          const peak = peaks[from + channel];
          for (let i = 0, to = channel; i < map.length; i++, to += 4) {
            steps[to] = Math.round(signed ? 128 + (127 * map[i]) / peak : (255 * map[i]) / peak);
          }
        });
        const size = empty ? /** @type {const} */ ([1, 1, 1]) : /** @type {const} */ ([width, height, depth]);
        texture(name, gl.TEXTURE_3D, gl.LINEAR, () =>
          gl.texImage3D(gl.TEXTURE_3D, 0, gl.RGBA8, ...size, 0, gl.RGBA, gl.UNSIGNED_BYTE, steps));
      }
      hasMore = maps.length > 4;
      return peaks;
    },
    /** @param {Uint8Array} table  of colours, red, green, blue and opacity */
    setTable(table) {
      texture("table", gl.TEXTURE_2D, gl.NEAREST, () =>
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, table.length / 4, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, table));
    },
    /**
     * @param {Look} look
     * @param {object} how
     * @param {number[]} how.weights  what each map's largest step is, where the colours end at 1
     * @param {Camera} how.camera
     * @param {boolean} how.isSigned
     * @param {Record<string, number>} how.numbers  uniforms
     * @param {Record<string, number[]>} how.vectors  uniforms
     */
    draw(look, { weights, camera, isSigned, numbers, vectors }) {
      const name = `${look} ${isSigned} ${hasMore}`;
      const { program, place } = programs.get(name) ?? compiled(look, isSigned);
      programs.set(name, { program, place });
      gl.useProgram(program);
      gl.viewport(0, 0, canvas.width, canvas.height);
      const padded = [...weights, ...Array(8).fill(0)];
      gl.uniform4fv(place("weights"), padded.slice(0, 4));
      gl.uniform4fv(place("further"), padded.slice(4, 8));
      for (const [uniform, vector] of Object.entries(/** @type {Record<string, number[]>} */ ({ ...camera, ...vectors }))) {
        if (vector.length === 2) gl.uniform2fv(place(uniform), vector);
        else gl.uniform3fv(place(uniform), vector);
      }
      for (const [uniform, value] of Object.entries(numbers)) gl.uniform1f(place(uniform), value);
      gl.drawArrays(gl.TRIANGLES, 0, 3);
    },
    /** Give back what browsers have few of. */
    end() {
      gl.getExtension("WEBGL_lose_context")?.loseContext();
    },
  };
}

const dot = (/** @type {Vector} */ a, /** @type {Vector} */ b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/** @returns {Vector} */
const cross = (/** @type {Vector} */ a, /** @type {Vector} */ b) => [
  a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0],
];

/**
 * The camera that is turned round the axis that points up, and raised, by so many degrees.
 * @param {[number, number]} rotation
 * @param {number} upward  number of the axis, counted as in arrays
 * @returns {Camera}
 */
export function cameraOf([azimuth, elevation], upward) {
  const [a, e] = [azimuth, elevation].map((each) => (each * Math.PI) / 180);
  const axes = /** @type {Vector[]} */ ([[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
  const top = 2 - upward;
  const [up, ahead, aside] = [axes[top], axes[(top + 1) % 3], axes[(top + 2) % 3]];
  const mix = (/** @type {number} */ u, /** @type {number} */ v, /** @type {number} */ w) =>
    /** @type {Vector} */ (up.map((_, i) => u * up[i] + v * ahead[i] + w * aside[i]));
  const forward = mix(-Math.sin(e), -Math.cos(e) * Math.cos(a), -Math.cos(e) * Math.sin(a));
  const upright = mix(Math.cos(e), -Math.sin(e) * Math.cos(a), -Math.sin(e) * Math.sin(a));
  return { right: cross(forward, upright), up: upright, forward };
}

/** Where a point is on the screen, in longest sides right and up of the middle. @param {Camera} camera @param {Vector} point @returns {[number, number]} */
export const projected = ({ right, up }, point) => [dot(point, right), dot(point, up)];
