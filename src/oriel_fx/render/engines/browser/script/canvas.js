// Canvases: which drawing context each has, and that WebGL's picture is still there once the page has drawn it.
const contextKinds = new WeakMap();
// Of WebGL contexts whose page relies on the picture being cleared once it was shown: how many had been when they last
// were. It has to be kept until it is read, so it is cleared here, with the first thing drawn after it was shown.
const clearedAt = new WeakMap();
const shown = { frames: 0 };
for (const Canvas of [HTMLCanvasElement, window.OffscreenCanvas]) {
  if (!Canvas) continue;
  replace(Canvas.prototype, "getContext", (old) => function (kind, options) {
    const gl = /webgl/.test(kind);
    const context = old.call(this, kind, gl ? { ...options, preserveDrawingBuffer: true } : options);
    if (context && !contextKinds.has(this)) {
      contextKinds.set(this, { kind, context });
      if (gl && !(options && options.preserveDrawingBuffer)) clearedAt.set(context, shown.frames);
    }
    return context;
  });
}
replace(HTMLCanvasElement.prototype, "transferControlToOffscreen", (old) => function () {
  const made = old.call(this);
  contextKinds.set(this, { kind: "elsewhere" });
  return made;
});

const DRAWING = /^(clear$|clearBuffer|blitFramebuffer$|draw.*(Arrays|Elements)|multiDraw)/;
const clearReal = {};
for (const Gl of [window.WebGLRenderingContext, window.WebGL2RenderingContext]) {
  if (!Gl) continue;
  clearReal[Gl.name] = Gl.prototype.clear;
  for (const name of Object.getOwnPropertyNames(Gl.prototype).filter((name) => DRAWING.test(name))) {
    replace(Gl.prototype, name, (old) => function (...args) {
      clearIfShown(this, name === "clear" ? args[0] : 0);
      return old.apply(this, args);
    });
  }
  replace(Gl.prototype, "getExtension", (old) => function (wanted) {
    const extension = old.call(this, wanted);
    for (const name in extension || {}) {
      if (!DRAWING.test(name) || Object.hasOwn(extension, name)) continue;
      const draw = extension[name];
      extension[name] = (...args) => {
        clearIfShown(this, 0);
        return draw.apply(extension, args);
      };
    }
    return extension;
  });
}
// `wiped`: the buffers that the page is about to clear itself.
function clearIfShown(gl, wiped) {
  if (!(clearedAt.get(gl) < shown.frames) || gl.getParameter(gl.FRAMEBUFFER_BINDING)) return;
  clearedAt.set(gl, shown.frames);
  const { depth, stencil } = gl.getContextAttributes() || {};
  const scissored = gl.isEnabled(gl.SCISSOR_TEST);
  const colors = gl.getParameter(gl.COLOR_WRITEMASK);
  const depths = gl.getParameter(gl.DEPTH_WRITEMASK);
  let owed = gl.COLOR_BUFFER_BIT | (depth ? gl.DEPTH_BUFFER_BIT : 0) | (stencil ? gl.STENCIL_BUFFER_BIT : 0);
  if (!scissored && colors.every(Boolean) && depths) owed &= ~wiped;
  if (!owed) return;
  const [color, far, mark] = [gl.COLOR_CLEAR_VALUE, gl.DEPTH_CLEAR_VALUE, gl.STENCIL_CLEAR_VALUE].map((name) => gl.getParameter(name));
  const [front, back] = [gl.STENCIL_WRITEMASK, gl.STENCIL_BACK_WRITEMASK].map((name) => gl.getParameter(name));
  const discards = gl.RASTERIZER_DISCARD && gl.isEnabled(gl.RASTERIZER_DISCARD);
  if (scissored) gl.disable(gl.SCISSOR_TEST);
  if (discards) gl.disable(gl.RASTERIZER_DISCARD);
  gl.colorMask(true, true, true, true);
  gl.depthMask(true);
  gl.stencilMask(0xffffffff);
  gl.clearColor(0, 0, 0, 0);
  gl.clearDepth(1);
  gl.clearStencil(0);
  clearReal[gl.constructor.name].call(gl, owed);
  gl.colorMask(...colors);
  gl.depthMask(depths);
  gl.stencilMaskSeparate(gl.FRONT, front);
  gl.stencilMaskSeparate(gl.BACK, back);
  gl.clearColor(...color);
  gl.clearDepth(far);
  gl.clearStencil(mark);
  if (discards) gl.enable(gl.RASTERIZER_DISCARD);
  if (scissored) gl.enable(gl.SCISSOR_TEST);
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
