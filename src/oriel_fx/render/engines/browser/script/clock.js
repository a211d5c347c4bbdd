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
};
const clock = { now: 0, epoch: settings.epochMs, timers: new Map(), rafs: new Map(), nextId: 1, level: 0, inTimer: false, timersListen: false };

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

replace(Performance.prototype, "now", (old) => function () { return this === performance ? clock.now : old.call(this); });
replaceGetter(Performance.prototype, "timeOrigin", () => clock.epoch);
replaceGetter(AnimationTimeline.prototype, "currentTime", function () { return clock.now; });
replaceGetter(Event.prototype, "timeStamp", () => clock.now);

const dateNow = () => clock.epoch + Math.floor(clock.now);
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

function addTimer(callback, delay, args, repeat) {
  const level = clock.level + 1;
  // As Chromium does: a millisecond at least, and four for timers that set timers.
  const wait = Math.max(level > 5 ? 4 : 1, Math.min(Number(delay) || 0, 2147483647));
  const id = clock.nextId++;
  clock.timers.set(id, { id, due: clock.now + wait, callback, args, every: repeat ? wait : 0, level });
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
    if (next.every) next.due += next.every;
    else clock.timers.delete(next.id);
    // Where timers read the sound, they read it at their own time.
    if (clock.timersListen) await stepAudio();
    clock.level = next.every ? 0 : next.level;
    clock.inTimer = true;
    call(next.callback, ...next.args);
    clock.inTimer = false;
    clock.level = 0;
    await null;
  }
  clock.now = Math.max(clock.now, until);
}

function runFrameCallbacks() {
  const callbacks = [...clock.rafs.entries()];
  for (const [id, callback] of callbacks) {
    if (!clock.rafs.delete(id)) continue;
    call(callback, clock.now);
  }
}

// Math.random from a seed: mulberry32.
let randomState = settings.seed >>> 0;
function seedRandom(seed) { randomState = seed >>> 0; }
Math.random = function random() {
  randomState = (randomState + 0x6d2b79f5) >>> 0;
  let t = randomState;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
