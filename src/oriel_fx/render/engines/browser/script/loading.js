// What the page is waiting for: the clock stands until it has come, so that no frame depends on how fast a disk is.
const pending = new Map();
let pendingId = 0;
function track(promise, what) {
  const id = ++pendingId;
  pending.set(id, { what, since: real.now() });
  const done = () => pending.delete(id);
  promise.then(done, done);
  return promise;
}
const describeRequest = (input) => String((input && input.url) || input).slice(0, 200);

// What is asked for again and again without end is no load that a picture waits for.
const fetched = new Map();
const MOST_FETCHED = 100;
window.fetch = function fetch(input, init) {
  const what = describeRequest(input);
  const times = (fetched.get(what) || 0) + 1;
  fetched.set(what, times);
  const answer = real.fetch(input, init);
  if (times > MOST_FETCHED) answer.then((response) => untracked.add(response), () => {});
  else track(answer, what);
  return answer;
};
const untracked = new WeakSet();
for (const name of ["arrayBuffer", "blob", "json", "text", "formData", "bytes"]) {
  replace(Response.prototype, name, (old) => function () {
    return untracked.has(this) ? old.call(this) : track(old.call(this), "a response");
  });
}
replace(window, "createImageBitmap", (old) => function (...args) { return track(old.apply(window, args), "an image bitmap"); });
// A browser with WebGPU draws all else slowly, so a page has to ask before it is opened in one.
let gpuWanted = null;
const gpuAsked = new real.Promise((done) => { gpuWanted = done; });
if (window.GPU && !settings.webgpu) {
  replace(GPU.prototype, "requestAdapter", () => function () {
    faults.wantsGpu = true;
    gpuWanted();
    return new real.Promise(() => {});
  });
}
for (const [kind, name] of [
  ["GPU", "requestAdapter"], ["GPUAdapter", "requestDevice"], ["GPUDevice", "createRenderPipelineAsync"],
  ["GPUDevice", "createComputePipelineAsync"], ["GPUQueue", "onSubmittedWorkDone"], ["GPUBuffer", "mapAsync"],
]) {
  if (window[kind] && settings.webgpu) replace(window[kind].prototype, name, (old) => function (...args) { return track(old.apply(this, args), name); });
}
replace(HTMLImageElement.prototype, "decode", (old) => function () { return track(old.call(this), this.src); });
replace(XMLHttpRequest.prototype, "send", (old) => function (body) {
  track(new real.Promise((done) => this.addEventListener("loadend", () => done())), "a request");
  return old.call(this, body);
});
const loadOf = (image) => new real.Promise((done) => {
  for (const name of ["load", "error"]) image.addEventListener(name, () => done(), { once: true });
});
replaceGetter(HTMLImageElement.prototype, "src", function (get) { return get.call(this); }, function (value, set) {
  const loaded = loadOf(this);
  set.call(this, value);
  if (value && this.loading !== "lazy") track(loaded, String(value).slice(0, 200));
});

for (const name of ["arrayBuffer", "text", "bytes"]) replace(Blob.prototype, name, (old) => function () { return track(old.call(this), "a file"); });
for (const name of ["readAsArrayBuffer", "readAsText", "readAsDataURL", "readAsBinaryString"]) {
  replace(FileReader.prototype, name, (old) => function (...args) {
    track(new real.Promise((done) => this.addEventListener("loadend", () => done(), { once: true })), "a file");
    return old.apply(this, args);
  });
}
replace(HTMLCanvasElement.prototype, "toBlob", (old) => function (callback, ...args) {
  track(new real.Promise((done) => old.call(this, (blob) => { done(); call(callback, blob); }, ...args)), "a canvas's file");
});
replace(OfflineAudioContext.prototype, "startRendering", (old) => function () { return track(old.call(this), "a sound that is computed"); });
// Scripts, styles, and pictures that get their address otherwise: seen when they come into the page.
const LOADS = "script[src]:not([nomodule]), link[rel~=stylesheet]:not([disabled], [rel~=alternate]), img[src], image[href]";
const SCRIPTS = /^$|module|javascript|ecmascript/i;
const loads = new WeakSet();
function noteLoad(element) {
  const place = element.getAttribute("src") || element.getAttribute("href");
  if (loads.has(element) || !place || element.complete || element.loading === "lazy") return;
  // What no browser runs is never told to have come.
  if (element instanceof HTMLScriptElement && !SCRIPTS.test(element.type)) return;
  loads.add(element);
  track(loadOf(element), place.slice(0, 200));
}
new MutationObserver((changes) => {
  for (const { target, addedNodes, type } of changes) {
    if (type === "attributes") {
      loads.delete(target);
      if (target.matches(LOADS)) noteLoad(target);
    }
    for (const node of addedNodes) {
      if (!(node instanceof Element)) continue;
      if (node.matches(LOADS)) noteLoad(node);
      node.querySelectorAll(LOADS).forEach(noteLoad);
    }
  }
}).observe(document, { subtree: true, childList: true, attributeFilter: ["src", "href"] });
// There are none in a film; a page that wants one goes on without.
if (navigator.serviceWorker) {
  const nothing = () => real.Promise.resolve(true);
  const registration = Object.assign(new EventTarget(), { scope: `${location.origin}/`, active: null, installing: null, waiting: null, update: nothing, unregister: nothing });
  replace(ServiceWorkerContainer.prototype, "register", () => () => real.Promise.resolve(registration));
}

// Wait until nothing is pending, but for at most `PATIENCE_MS` for any one thing: some requests never end.
const PATIENCE_MS = 8000;
async function settle() {
  while (pending.size) {
    for (const [id, load] of pending) if (real.now() - load.since > PATIENCE_MS) pending.delete(id);
    if (!pending.size) return;
    await realWait(1);
  }
}
