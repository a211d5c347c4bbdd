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

window.fetch = function fetch(input, init) { return track(real.fetch(input, init), describeRequest(input)); };
for (const name of ["arrayBuffer", "blob", "json", "text", "formData", "bytes"]) {
  replace(Response.prototype, name, (old) => function () { return track(old.call(this), "a response"); });
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

// Wait until nothing is pending, but for at most `PATIENCE_MS` for any one thing: some requests never end.
const PATIENCE_MS = 8000;
async function settle() {
  while (pending.size) {
    for (const [id, load] of pending) if (real.now() - load.since > PATIENCE_MS) pending.delete(id);
    if (!pending.size) return;
    await realWait(1);
  }
}
