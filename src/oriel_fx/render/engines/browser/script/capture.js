// Frames leave the page through a file of its private file system, which Oriel reads as memory: see ring.py.
const HEADER_BYTES = 4096;
const WORKER = `
let file, bytes, slots, made = 0;
const word = new Uint32Array(1);
async function open(facts) {
  const root = await navigator.storage.getDirectory();
  const handle = await root.getFileHandle(facts.name, { create: true });
  file = await handle.createSyncAccessHandle();
  bytes = facts.bytes; slots = facts.slots;
  file.truncate(${HEADER_BYTES} + slots * bytes);
  file.write(new Uint8Array(16), { at: 0 });
  file.flush();
}
async function put(frame) {
  for (;;) {
    file.read(word, { at: 4 });
    if (made - word[0] < slots) break;
    await new Promise((done) => setTimeout(done, 1));
  }
  const slot = made % slots;
  let pixels = frame.pixels;
  if (frame.picture) {
    pixels = frame.spare ? new Uint8Array(frame.spare) : new Uint8Array(frame.picture.allocationSize());
    await frame.picture.copyTo(pixels);
    frame.picture.close();
  }
  file.write(new Uint32Array([frame.number, frame.ground, 0, frame.kind]), { at: 64 + slot * 16 });
  file.write(pixels, { at: ${HEADER_BYTES} + slot * bytes });
  file.write(new Uint32Array([++made]), { at: 0 });
  return pixels.buffer;
}
let last = Promise.resolve();
onmessage = ({ data }) => {
  last = last.then(async () => {
    try {
      if (data.open) { await open(data.open); postMessage({}); }
      else { const spare = await put(data); postMessage({ spare }, [spare]); }
    } catch (error) { postMessage({ error: String(error) }); }
  });
};`;
const BGRA = 1, RGBA_UP = 2, RGBA = 3;
const ring = { worker: null, waiting: [], spare: [], kind: 0 };

async function openRing() {
  if (ring.worker) return;
  const worker = new real.Worker(URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" })));
  worker.onmessage = ({ data }) => {
    if (data.spare) ring.spare.push(data.spare);
    const waiting = ring.waiting.shift();
    if (data.error) waiting.failed(new Error(data.error));
    else waiting.done();
  };
  ring.worker = worker;
  await post({ open: { name: settings.ringName, bytes: settings.width * settings.height * 4, slots: settings.slots } }, []);
}
function post(message, transfer) {
  return new real.Promise((done, failed) => {
    ring.waiting.push({ done, failed });
    ring.worker.postMessage(message, transfer);
  });
}

// Which drawing context each canvas has, and that WebGL's picture is still there once the page has drawn it.
const contextKinds = new WeakMap();
for (const Canvas of [HTMLCanvasElement, window.OffscreenCanvas]) {
  if (!Canvas) continue;
  replace(Canvas.prototype, "getContext", (old) => function (kind, options) {
    const gl = /webgl/.test(kind);
    const context = old.call(this, kind, gl ? { ...options, preserveDrawingBuffer: true } : options);
    if (context && !contextKinds.has(this)) contextKinds.set(this, { kind, context });
    return context;
  });
}
replace(HTMLCanvasElement.prototype, "transferControlToOffscreen", (old) => function () {
  const made = old.call(this);
  contextKinds.set(this, { kind: "elsewhere" });
  return made;
});

// The one canvas that is all there is to see; null where anything else shows.
const look = { dirty: true, canvas: null, why: "", ground: 0 };
const watcher = new MutationObserver(() => { look.dirty = true; });
watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
for (const name of ["load", "transitionend", "animationend"]) window.addEventListener(name, () => { look.dirty = true; }, true);
for (const Observer of [ResizeObserver, IntersectionObserver]) {
  replace(Observer.prototype, "observe", (old) => function (...args) { look.dirty = true; return old.apply(this, args); });
}

function findCanvas() {
  if (!look.dirty) return look.canvas;
  look.dirty = false;
  look.canvas = null;
  const canvases = [...document.querySelectorAll("canvas")].filter(shows);
  if (canvases.length !== 1) return no(canvases.length ? "there are several canvases" : "no canvas fills the page");
  const canvas = canvases[0];
  const { kind, context } = contextKinds.get(canvas) || {};
  if (kind === "elsewhere") return no("a worker draws the canvas");
  if (/webgl/.test(kind || "") && !(context.getContextAttributes() || {}).premultipliedAlpha) return no("its colours are not premultiplied");
  if (canvas.width !== settings.width || canvas.height !== settings.height) return no(`the canvas is ${canvas.width} x ${canvas.height}`);
  const box = canvas.getBoundingClientRect();
  const near = (a, b) => Math.abs(a - b) < 0.51;
  if (!near(box.left, 0) || !near(box.top, 0) || !near(box.width, innerWidth) || !near(box.height, innerHeight)) return no("the canvas does not fill the page");
  for (let node = canvas; node; node = node.parentElement) if (isAltered(getComputedStyle(node))) return no("CSS changes how the canvas looks");
  if (document.getAnimations().length) return no("CSS animations run");
  const other = firstOther(document.body || document.documentElement, canvas);
  if (other) return no(`<${other.tagName ? other.tagName.toLowerCase() : "text"}> shows beside the canvas`);
  const ground = groundBehind(canvas);
  if (!ground) return no("there is a picture behind the canvas");
  look.ground = ground === NOTHING ? NO_GROUND : (ground[0] << 16) | (ground[1] << 8) | ground[2];
  look.canvas = canvas;
  look.why = "";
  return canvas;
}
function no(why) {
  look.why = why;
  return null;
}
function shows(element) {
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height || box.right <= 0 || box.bottom <= 0 || box.left >= innerWidth || box.top >= innerHeight) return false;
  return !element.checkVisibility || element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
}
function isAltered(style) {
  return style.opacity !== "1" || style.filter !== "none" || style.transform !== "none" || style.mixBlendMode !== "normal" ||
    style.clipPath !== "none" || style.borderRadius !== "0px" || style.backdropFilter !== "none" || (style.maskImage && style.maskImage !== "none");
}
const PAINTED = new Set(["IMG", "VIDEO", "SVG", "svg", "IFRAME", "INPUT", "BUTTON", "SELECT", "TEXTAREA", "OBJECT", "EMBED", "PROGRESS", "METER", "HR"]);
function firstOther(root, canvas) {
  for (const element of root.querySelectorAll("*")) {
    if (element === canvas || element.contains(canvas) && !hasOwnText(element) && !hasBorder(element)) continue;
    if (["SCRIPT", "STYLE", "TEMPLATE", "SOURCE", "LINK", "META"].includes(element.tagName) || !shows(element)) continue;
    if (element instanceof HTMLAudioElement) { if (element.controls) return element; continue; }
    if (PAINTED.has(element.tagName) || hasOwnText(element) || hasBorder(element) || hasGround(element) || element.shadowRoot) return element;
  }
  return hasOwnText(root) ? root : null;
}
const hasOwnText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
const isClear = (color) => color === "rgba(0, 0, 0, 0)" || color === "transparent";
function hasGround(element) {
  const style = getComputedStyle(element);
  return !isClear(style.backgroundColor) || style.backgroundImage !== "none" || style.boxShadow !== "none";
}
function hasBorder(element) {
  const style = getComputedStyle(element);
  return ["Top", "Right", "Bottom", "Left"].some((side) => parseFloat(style[`border${side}Width`]) && style[`border${side}Style`] !== "none");
}
const NOTHING = [];
const NO_GROUND = 1 << 24;
// What lies under a canvas that is not opaque: the colours behind it, from the inside out.
function groundBehind(canvas) {
  for (let node = canvas; node; node = node.parentElement) {
    const style = getComputedStyle(node);
    if (style.backgroundImage !== "none") return null;
    if (isClear(style.backgroundColor)) continue;
    const parts = (style.backgroundColor.match(/[\d.]+/g) || []).map(Number);
    return parts.length === 4 && parts[3] < 1 ? null : parts.slice(0, 3);
  }
  return NOTHING;
}

function readGl(gl, pixels) {
  const two = typeof WebGL2RenderingContext !== "undefined" && gl instanceof WebGL2RenderingContext;
  const target = two ? gl.READ_FRAMEBUFFER : gl.FRAMEBUFFER;
  const bound = gl.getParameter(two ? gl.READ_FRAMEBUFFER_BINDING : gl.FRAMEBUFFER_BINDING);
  const packed = two ? gl.getParameter(gl.PIXEL_PACK_BUFFER_BINDING) : null;
  const names = two ? [gl.PACK_ALIGNMENT, gl.PACK_ROW_LENGTH, gl.PACK_SKIP_PIXELS, gl.PACK_SKIP_ROWS] : [gl.PACK_ALIGNMENT];
  const kept = names.map((name) => gl.getParameter(name));
  gl.bindFramebuffer(target, null);
  if (two) gl.bindBuffer(gl.PIXEL_PACK_BUFFER, null);
  names.forEach((name, i) => gl.pixelStorei(name, i ? 0 : 4));
  gl.readPixels(0, 0, settings.width, settings.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
  names.forEach((name, i) => gl.pixelStorei(name, kept[i]));
  if (two) gl.bindBuffer(gl.PIXEL_PACK_BUFFER, packed);
  gl.bindFramebuffer(target, bound);
}

// Hand one frame of the canvas to the worker; it reads and writes while the page draws the next.
function sendCanvas(canvas, number) {
  const { width, height } = settings;
  const known = contextKinds.get(canvas) || {};
  const spare = ring.spare.pop();
  if (/webgl/.test(known.kind || "")) {
    const pixels = spare ? new Uint8Array(spare) : new Uint8Array(width * height * 4);
    readGl(known.context, pixels);
    return post({ number, ground: look.ground, kind: RGBA_UP, pixels }, [pixels.buffer]);
  }
  const picture = new VideoFrame(canvas, { timestamp: 0 });
  const transfer = spare ? [picture, spare] : [picture];
  return post({ number, ground: look.ground, kind: /^RGB/.test(picture.format) ? RGBA : BGRA, picture, spare }, transfer);
}
