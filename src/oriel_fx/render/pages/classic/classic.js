// The original Oriel visualizer: a wireframe solid that swells with the bass and changes colour with the treble.
//
// Live, the page asks for a song and plays it; filmed by Oriel, `window.oriel` brings song and settings, and each
// frame is a function of its time. The solid itself comes from Oriel (solid.json), so that both engines draw one shape.

const oriel = window.oriel;
const config = {
  baseColor: "#ffffff", glowColor: "#00ffff", rotationSpeed: 0.1, pulseIntensity: 0.45,
  bassFrequency: 2, trebleFrequency: 50, thickness: 0.003, ...(oriel && oriel.config),
};
// The original read its analyser 60 times a second; its smoothing means something at that pace only.
const STEPS_PER_S = 60;

const canvas = document.getElementById("view");
// In a video that can be clear, the lines float on nothing.
const clear = Boolean(oriel && oriel.transparent);
if (clear) document.documentElement.style.background = document.body.style.background = "transparent";
const gl = canvas.getContext("webgl2", { antialias: false, alpha: clear });
const solid = await (await fetch("solid.json")).json();

const VERTEX = `#version 300 es
layout(location = 0) in vec3 a;
layout(location = 1) in vec3 b;
uniform float scale, angle, cameraZ, near, focal, reach;
uniform vec2 size;
out vec2 along;
out float lengthPx;
vec3 turn(vec3 p) {
  p *= scale;
  float cx = cos(angle), sx = sin(angle), cy = cos(1.5 * angle), sy = sin(1.5 * angle);
  float towards = p.z * cy - p.x * sy;
  return vec3(p.x * cy + p.z * sy, p.y * cx - towards * sx, p.y * sx + towards * cx);
}
vec2 onScreen(vec3 p) { return size / 2.0 + p.xy * focal / max(cameraZ - p.z, near); }
void main() {
  vec3 p = turn(a), q = turn(b);
  float plane = cameraZ - near;
  if (p.z > plane && q.z > plane) { gl_Position = vec4(2.0, 2.0, 2.0, 1.0); return; }
  if (p.z > plane) p = mix(q, p, (plane - q.z) / (p.z - q.z));
  if (q.z > plane) q = mix(p, q, (plane - p.z) / (q.z - p.z));
  vec2 from = onScreen(p), to = onScreen(q);
  lengthPx = distance(from, to);
  vec2 forth = lengthPx > 0.0 ? (to - from) / lengthPx : vec2(1.0, 0.0);
  vec2 side = vec2(-forth.y, forth.x);
  vec2 corner = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  along = vec2(mix(-reach, lengthPx + reach, corner.x), mix(-reach, reach, corner.y));
  gl_Position = vec4((from + forth * along.x + side * along.y) / size * 2.0 - 1.0, 0.0, 1.0);
}`;
const FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 color;
uniform float halfWidth;
in vec2 along;
in float lengthPx;
out vec4 shown;
void main() {
  // A round-ended line, its edge one pixel soft.
  float away = length(vec2(along.x - clamp(along.x, 0.0, lengthPx), along.y));
  shown = vec4(color, clamp(halfWidth + 0.5 - away, 0.0, 1.0));
}`;

function build() {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  return program;
}
const program = build();
const place = (name) => gl.getUniformLocation(program, name);
const places = Object.fromEntries(
  ["scale", "angle", "cameraZ", "near", "focal", "reach", "size", "color", "halfWidth"].map((name) => [name, place(name)]),
);

// One instance an edge: both its ends.
const ends = new Float32Array(solid.edges.length * 3);
solid.edges.forEach((vertex, i) => ends.set(solid.vertices.slice(3 * vertex, 3 * vertex + 3), 3 * i));
gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
gl.bufferData(gl.ARRAY_BUFFER, ends, gl.STATIC_DRAW);
for (const attribute of [0, 1]) {
  gl.enableVertexAttribArray(attribute);
  gl.vertexAttribPointer(attribute, 3, gl.FLOAT, false, 24, 12 * attribute);
  gl.vertexAttribDivisor(attribute, 1);
}
gl.enable(gl.BLEND);
gl.blendFuncSeparate(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA);

const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
const base = parts(config.baseColor);
const glow = parts(config.glowColor);

function draw(timeS, bass, treble) {
  const { width, height } = canvas;
  const stroke = Math.max(1, config.thickness * Math.min(width, height));
  gl.viewport(0, 0, width, height);
  gl.clearColor(0, 0, 0, clear ? 0 : 1);
  gl.clear(gl.COLOR_BUFFER_BIT);
  gl.uniform1f(places.scale, 1 + bass * config.pulseIntensity);
  gl.uniform1f(places.angle, timeS * config.rotationSpeed);
  gl.uniform1f(places.cameraZ, solid.camera.z);
  gl.uniform1f(places.near, solid.camera.near);
  gl.uniform1f(places.focal, height / 2 / Math.tan((solid.camera.fovDeg * Math.PI) / 360));
  gl.uniform1f(places.reach, stroke / 2 + 1.5);
  // The native engine draws its thinnest lines this wide.
  gl.uniform1f(places.halfWidth, Math.max(0.85, stroke / 2));
  gl.uniform2f(places.size, width, height);
  gl.uniform3f(places.color, ...base.map((from, i) => (from + (glow[i] - from) * treble) / 255));
  gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, solid.edges.length / 2);
}

function makeAnalyser(context) {
  const analyser = context.createAnalyser();
  analyser.fftSize = 256;
  const bytes = new Uint8Array(analyser.frequencyBinCount);
  const at = (bin) => (bytes[Math.min(bin, 127)] + bytes[Math.min(bin + 1, 127)]) / 510;
  return {
    node: analyser,
    read: () => (analyser.getByteFrequencyData(bytes), [at(config.bassFrequency), at(config.trebleFrequency)]),
  };
}

// Filmed: the analyser is asked at the original's pace over a stretch of song, once, and frames look their values up.
// It sees the 256 samples before each step and nothing else, so each step gets a block of whole render quanta that
// ends with those samples: the answers are then those at the step itself, not at the next quantum's end.
const STRETCH_STEPS = 20 * STEPS_PER_S;
const PREROLL_STEPS = 150;
const RATE = 44100;
const STEP_SAMPLES = RATE / STEPS_PER_S;
const BLOCK = 256;
const stretches = new Map();
async function hearStretch(number) {
  const first = number * STRETCH_STEPS - PREROLL_STEPS;
  const count = STRETCH_STEPS + PREROLL_STEPS;
  const song = await oriel.audio(first * STEP_SAMPLES - 256, count * STEP_SAMPLES + 256, RATE);
  const blocks = new AudioBuffer({ numberOfChannels: 2, length: count * BLOCK, sampleRate: RATE });
  for (const channel of [0, 1]) {
    const samples = song.getChannelData(channel);
    for (let step = 0; step < count; step++) {
      blocks.copyToChannel(samples.subarray(step * STEP_SAMPLES, step * STEP_SAMPLES + 256), channel, step * BLOCK);
    }
  }
  const context = new OfflineAudioContext(1, (count + 1) * BLOCK, RATE);
  const source = new AudioBufferSourceNode(context, { buffer: blocks });
  const { node, read } = makeAnalyser(context);
  source.connect(node);
  source.start();
  const values = [];
  let rendering = null;
  for (let step = 0; step < count; step++) {
    const stopped = context.suspend(((step + 1) * BLOCK) / RATE);
    if (rendering) context.resume();
    else rendering = context.startRendering();
    await stopped;
    values.push(read());
  }
  context.resume();
  await rendering;
  return { first, values };
}
async function hear(timeS) {
  const step = Math.floor(timeS * STEPS_PER_S + 1e-6);
  const number = Math.floor(step / STRETCH_STEPS);
  if (!stretches.has(number)) {
    stretches.clear();
    stretches.set(number, await hearStretch(number));
  }
  const { first, values } = stretches.get(number);
  return values[step - first];
}

function fit() {
  canvas.width = innerWidth * devicePixelRatio;
  canvas.height = innerHeight * devicePixelRatio;
}

function playLive(file) {
  const context = new AudioContext();
  const audio = new Audio(URL.createObjectURL(file));
  const { node, read } = makeAnalyser(context);
  context.createMediaElementSource(audio).connect(node);
  node.connect(context.destination);
  audio.play();
  const next = () => {
    requestAnimationFrame(next);
    draw(audio.currentTime, ...read());
  };
  next();
}

fit();
addEventListener("resize", fit);
if (oriel) {
  oriel.seekable = true;
  oriel.frame = async (number, timeS) => draw(timeS, ...(await hear(timeS)));
} else {
  const input = Object.assign(document.createElement("input"), { type: "file", accept: "audio/*", id: "play" });
  input.onchange = () => (input.remove(), playLive(input.files[0]));
  document.body.append(input);
  draw(0, 0, 0);
}
