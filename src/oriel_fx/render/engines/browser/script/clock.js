// The page may well have a class or a function of one of these names.
const {
  AudioBuffer, AudioBufferSourceNode, AudioNode, AudioParam, AudioWorkletNode, AnalyserNode, BaseAudioContext, Blob, ConvolverNode,
  DelayNode, GainNode, DOMException, Event, ErrorEvent, MessageEvent, Map, Set, WeakMap, WeakSet, WeakRef, Math, Number, Object, Array,
  String, JSON, Reflect, Error, TypeError, Uint8Array, Uint32Array, Float32Array, URL, HTMLAudioElement, HTMLVideoElement,
  HTMLMediaElement, HTMLSourceElement, HTMLCanvasElement, HTMLImageElement, HTMLScriptElement, CSSAnimation, DocumentTimeline, VideoFrame,
  WebGL2RenderingContext, MediaStream, parseFloat, getComputedStyle, structuredClone, queueMicrotask, isFinite,
} = window;

// The clock the page lives by: it stands still until a frame is stepped, then jumps to that frame's time.
// Everything real that is needed later is kept first, for the page may change it as well.
const real = {
  setTimeout: window.setTimeout.bind(window),
  clearTimeout: window.clearTimeout.bind(window),
  now: performance.now.bind(performance),
  fetch: window.fetch.bind(window),
  Date: window.Date,
  Worker: window.Worker,
  arrayBuffer: Response.prototype.arrayBuffer,
  Promise: window.Promise,
  startRendering: OfflineAudioContext.prototype.startRendering,
};
const clock = { now: 0, epoch: settings.epochMs, timers: new Map(), rafs: new Map(), nextId: 1, level: 0, inTimer: false, timersListen: false, asked: 0 };
// A page that waits for the time to pass asks again and again; then it passes, a thousandth of a millisecond a time.
const IMPATIENT = 20000;
const timeNow = () => (++clock.asked > IMPATIENT ? clock.now + (clock.asked - IMPATIENT) / 1000 : clock.now);

// One turn of the browser's own event loop, so that messages and finished loads reach the page.
const turns = [];
const channel = new MessageChannel();
channel.port1.onmessage = () => turns.shift()();
const turn = () => new real.Promise((done) => (turns.push(done), channel.port2.postMessage(0)));
const realWait = (ms) => new real.Promise((done) => real.setTimeout(done, ms));

function replace(target, name, make) {
  const old = Object.getOwnPropertyDescriptor(target, name);
  if (old) Object.defineProperty(target, name, { ...old, value: make(old.value) });
}
function replaceGetter(target, name, get, set) {
  const old = Object.getOwnPropertyDescriptor(target, name) || { configurable: true, enumerable: true };
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: old.enumerable,
    get: get && function () { return get.call(this, old.get); },
    set: set ? function (value) { set.call(this, value, old.set); } : old.set,
  });
}

replace(Performance.prototype, "now", (old) => function () { return this === performance ? timeNow() : old.call(this); });
replaceGetter(Performance.prototype, "timeOrigin", () => clock.epoch);
replaceGetter(AnimationTimeline.prototype, "currentTime", function () { return clock.now; });
replaceGetter(Event.prototype, "timeStamp", () => clock.now);

const dateNow = () => clock.epoch + Math.floor(timeNow());
const PageDate = new Proxy(real.Date, {
  construct: (Target, args, maker) => Reflect.construct(Target, args.length ? args : [dateNow()], maker === PageDate ? Target : maker),
  apply: () => new real.Date(dateNow()).toString(),
  get: (target, name) => (name === "now" ? dateNow : Reflect.get(target, name)),
});
real.Date.prototype.constructor = PageDate;
window.Date = PageDate;
replaceGetter(Intl.DateTimeFormat.prototype, "format", function (get) {
  const format = get.call(this);
  return (date) => format(date === undefined ? dateNow() : date);
});
replace(Intl.DateTimeFormat.prototype, "formatToParts", (old) => function (date) { return old.call(this, date === undefined ? dateNow() : date); });
if (window.Temporal) {
  const instant = () => Temporal.Instant.fromEpochMilliseconds(dateNow());
  const zoned = (zone) => instant().toZonedDateTimeISO(zone === undefined ? Temporal.Now.timeZoneId() : zone);
  const made = {
    instant, zonedDateTimeISO: zoned, plainDateTimeISO: (zone) => zoned(zone).toPlainDateTime(),
    plainDateISO: (zone) => zoned(zone).toPlainDate(), plainTimeISO: (zone) => zoned(zone).toPlainTime(),
  };
  for (const name in made) replace(Temporal.Now, name, () => made[name]);
}
replace(Performance.prototype, "mark", (old) => function (name, options) { return old.call(this, name, { startTime: clock.now, ...options }); });
replace(Performance.prototype, "measure", (old) => function (name, from, to) {
  if (to !== undefined) return old.call(this, name, from, to);
  if (from === undefined || typeof from === "string") return old.call(this, name, { start: from === undefined ? 0 : from, end: clock.now });
  return old.call(this, name, "end" in from || "duration" in from ? from : { ...from, end: clock.now });
});

// As Chromium does: a millisecond at least, and four for timers that set timers, and that repeat.
const leastWait = (level, wait) => Math.max(level > 5 ? 4 : 1, wait);
function addTimer(callback, delay, args, repeats) {
  const level = clock.level + 1;
  const wait = Math.min(Number(delay) || 0, 2147483647);
  const id = clock.nextId++;
  clock.timers.set(id, { id, due: clock.now + leastWait(level, wait), callback, args, repeats, wait, level });
  return id;
}
window.setTimeout = function setTimeout(callback, delay, ...args) { return addTimer(callback, delay, args, false); };
window.setInterval = function setInterval(callback, delay, ...args) { return addTimer(callback, delay, args, true); };
window.clearTimeout = function clearTimeout(id) { clock.timers.delete(Number(id)); };
window.clearInterval = window.clearTimeout;
window.requestAnimationFrame = function requestAnimationFrame(callback) {
  if (typeof callback !== "function") throw new TypeError("requestAnimationFrame needs a function");
  const id = clock.nextId++;
  clock.rafs.set(id, callback);
  return id;
};
window.cancelAnimationFrame = function cancelAnimationFrame(id) { clock.rafs.delete(id); };
window.webkitRequestAnimationFrame = window.requestAnimationFrame;
window.requestIdleCallback = function requestIdleCallback(callback) {
  return addTimer(() => callback({ didTimeout: false, timeRemaining: () => 10 }), 1, [], false);
};
window.cancelIdleCallback = window.clearTimeout;
if (window.Scheduler) {
  replace(Scheduler.prototype, "postTask", (old) => function (callback, options) {
    if (!(options && options.delay > 0)) return old.call(this, callback, options);
    return new real.Promise((done) => addTimer(done, options.delay, [], false)).then(() => old.call(this, callback, { ...options, delay: 0 }));
  });
}

function call(callback, ...args) {
  try {
    if (typeof callback === "function") callback.apply(window, args);
    else (0, eval)(String(callback));
  } catch (error) {
    reportError(error);
  }
}

// Run what is due up to `until`, in order, each at its own time; between two, promises settle.
async function runTimers(until) {
  for (let count = 0; ; count++) {
    let next = null;
    for (const timer of clock.timers.values()) {
      if (timer.due <= until && (!next || timer.due < next.due || (timer.due === next.due && timer.id < next.id))) next = timer;
    }
    if (!next) break;
    if (count > 20000) throw new Error("timers without end: more than 20,000 in one frame");
    clock.now = Math.max(clock.now, next.due);
    clock.asked = 0;
    if (!next.repeats) clock.timers.delete(next.id);
    // Where timers read the sound, they read it at their own time.
    if (clock.timersListen) await stepAudio();
    clock.level = next.level;
    clock.inTimer = true;
    call(next.callback, ...next.args);
    // All that its promises do belongs to it.
    await turn();
    clock.inTimer = false;
    clock.level = 0;
    if (next.repeats) next.due += leastWait(++next.level, next.wait);
  }
  clock.now = Math.max(clock.now, until);
  clock.asked = 0;
}

async function runFrameCallbacks() {
  const callbacks = [...clock.rafs.entries()];
  for (const [id, callback] of callbacks) {
    if (!clock.rafs.delete(id)) continue;
    call(callback, clock.now);
    // What it awaits is drawn before the next one is called, and before the picture is taken.
    await turn();
  }
}

// Math.random from a seed: mulberry32. And random bytes from it, which no film needs to keep secret.
let randomState = settings.seed >>> 0;
function seedRandom(seed) { randomState = seed >>> 0; }
replace(Crypto.prototype, "getRandomValues", (old) => function (array) {
  old.call(this, array);
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  for (let i = 0; i < bytes.length; i++) bytes[i] = nextRandom() * 256;
  return array;
});
replace(Crypto.prototype, "randomUUID", () => function () {
  const digits = Array.from({ length: 32 }, () => Math.floor(nextRandom() * 16));
  digits[12] = 4;
  digits[16] = 8 + (digits[16] & 3);
  return digits.map((digit) => digit.toString(16)).join("").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
});
const nextRandom = Math.random = function random() {
  randomState = (randomState + 0x6d2b79f5) >>> 0;
  let t = randomState;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
