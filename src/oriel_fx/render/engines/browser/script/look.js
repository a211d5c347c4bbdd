// The one canvas that is all there is to see; null where anything else shows. `dirty`: the page has changed since.
const look = { dirty: true, canvas: null, why: "", ground: 0, scrolled: "" };
const stir = () => { look.dirty = true; };
const watcher = new MutationObserver(stir);
watcher.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
for (const name of ["load", "transitionend", "animationend", "beforetoggle", "toggle", "fullscreenchange"]) window.addEventListener(name, stir, true);
const stirring = (old) => function (...args) {
  stir();
  return old.apply(this, args);
};
for (const Observer of [ResizeObserver, IntersectionObserver]) replace(Observer.prototype, "observe", stirring);
// Style sheets change without the document's changing.
for (const Sheet of [CSSStyleSheet, CSSGroupingRule]) {
  for (const name of ["insertRule", "deleteRule", "addRule", "removeRule", "replace", "replaceSync"]) replace(Sheet.prototype, name, stirring);
}
const TOLD_BY_NONE = [
  [Document, "adoptedStyleSheets"], [ShadowRoot, "adoptedStyleSheets"], [StyleSheet, "disabled"], [CSSStyleRule, "style"],
  [Element, "scrollTop"], [Element, "scrollLeft"], [HTMLInputElement, "checked"],
];
for (const [Owner, name] of TOLD_BY_NONE) {
  replaceGetter(Owner.prototype, name, function (get) { stir(); return get.call(this); }, function (value, set) { stir(); set && set.call(this, value); });
}
for (const name of ["scroll", "scrollTo", "scrollBy", "scrollIntoView"]) replace(Element.prototype, name, stirring);

// A small page is looked through in every frame, since not all that changes it is told. A large one only where it is
// known to have changed, or it was scrolled, or animations run.
const SMALL_ELEMENTS = 400;
const elements = document.getElementsByTagName("*");
function findCanvas() {
  const scrolled = `${scrollX} ${scrollY}`;
  const unstirred = !look.dirty && elements.length > SMALL_ELEMENTS && scrolled === look.scrolled;
  if (unstirred && !(look.canvas && (document.getAnimations().length || !fills(look.canvas)))) return look.canvas;
  look.dirty = false;
  look.scrolled = scrolled;
  look.canvas = null;
  const canvases = [...document.querySelectorAll("canvas")].filter(shows);
  if (canvases.length !== 1) return no(canvases.length ? "there are several canvases" : "no canvas fills the page");
  const canvas = canvases[0];
  const { kind, context } = contextKinds.get(canvas) || {};
  if (kind === "elsewhere") return no("a worker draws the canvas");
  if (/webgl/.test(kind || "") && !(context.getContextAttributes() || {}).premultipliedAlpha) return no("its colours are not premultiplied");
  if (canvas.width !== settings.width || canvas.height !== settings.height) return no(`the canvas is ${canvas.width} x ${canvas.height}`);
  if (!fills(canvas)) return no("the canvas does not fill the page");
  if (context && context.getContextAttributes && (context.getContextAttributes() || {}).colorType === "float16") return no("its colours are finer than bytes");
  if (isAltered(canvas)) return no("CSS changes how the canvas looks");
  if (document.getAnimations().length) return no("CSS animations run");
  const other = firstOther(canvas);
  if (other) return no(`<${other.tagName.toLowerCase()}> shows beside the canvas`);
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
function fills(canvas) {
  const box = canvas.getBoundingClientRect();
  const near = (a, b) => Math.abs(a - b) < 0.51;
  return near(box.left, 0) && near(box.top, 0) && near(box.width, innerWidth) && near(box.height, innerHeight);
}
const BULLET_PX = "40px";
function grown(box, lengths) {
  const reach = (lengths.match(/-?[\d.]+px/g) || []).reduce((sum, length) => sum + Math.abs(parseFloat(length)), 0);
  return { left: box.left - reach, top: box.top - reach, right: box.right + reach, bottom: box.bottom + reach, width: box.width + reach, height: box.height + reach };
}
const inSight = (box) => box.width && box.height && box.right > 0 && box.bottom > 0 && box.left < innerWidth && box.top < innerHeight;
const isVisible = (element) => !element.checkVisibility || element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const shows = (element) => inSight(element.getBoundingClientRect()) && isVisible(element);

const PLAIN = {
  opacity: "1", filter: "none", transform: "none", translate: "none", rotate: "none", scale: "none", mixBlendMode: "normal", clipPath: "none",
  clip: "auto", borderRadius: "0px", backdropFilter: "none", maskImage: "none", webkitBoxReflect: "none",
};
// Whether CSS changes what is seen of the canvas: its own, or that of what it lies in.
function isAltered(canvas) {
  const own = getComputedStyle(canvas);
  if (hasBorder(own) || ["Top", "Right", "Bottom", "Left"].some((side) => parseFloat(own[`padding${side}`]))) return true;
  for (let node = canvas; node; node = node.parentElement) {
    const style = node === canvas ? own : getComputedStyle(node);
    for (const name in PLAIN) if (style[name] !== undefined && style[name] !== PLAIN[name]) return true;
    const clips = node !== canvas && node !== document.body && style.overflow !== "visible" && own.position !== "fixed";
    if (clips && node !== document.documentElement && !fills(node)) return true;
  }
  return false;
}
const PAINTED = new Set(["IMG", "VIDEO", "SVG", "svg", "IFRAME", "INPUT", "BUTTON", "SELECT", "TEXTAREA", "OBJECT", "EMBED", "PROGRESS", "METER", "HR"]);
const UNSEEN = new Set(["SCRIPT", "STYLE", "TEMPLATE", "SOURCE", "LINK", "META", "HEAD", "TITLE", "NOSCRIPT"]);
function firstOther(canvas) {
  for (const element of elements) {
    if (element === canvas || UNSEEN.has(element.tagName) || !isVisible(element)) continue;
    if (paintsBeside(element) || isHost(element)) return element;
    if (showsText(element)) return element;
    const style = getComputedStyle(element);
    if (element.contains(canvas)) {
      if (hasBorder(style)) return element;
      continue;
    }
    const box = element.getBoundingClientRect();
    // Shadows and bullets lie outside of a box, which may be nothing itself.
    if (style.boxShadow !== "none" && inSight(grown(box, style.boxShadow))) return element;
    if (style.display.includes("list-item") && style.listStyleType !== "none" && inSight(grown(box, BULLET_PX))) return element;
    if (element.matches(":modal")) return element;
    if (!inSight(box)) continue;
    if (style.content !== "normal" || style.backdropFilter !== "none") return element;
    if (element instanceof HTMLAudioElement ? element.controls : PAINTED.has(element.tagName) || hasBorder(style) || hasGround(style)) return element;
  }
  return null;
}
// Whether `::before` or `::after` paints: at any place, so the element's own box says nothing.
function paintsBeside(element) {
  for (const name of ["::before", "::after"]) {
    const style = getComputedStyle(element, name);
    if (style.content === "none" || style.content === "normal" || style.display === "none" || style.opacity === "0" || style.visibility !== "visible") continue;
    if (style.content !== '""' || hasGround(style) || hasBorder(style) || style.backdropFilter !== "none") return true;
  }
  return false;
}
// Words may stand outside of their element's box.
function showsText(element) {
  for (const node of element.childNodes) {
    if (node.nodeType !== 3 || !node.data.trim()) continue;
    const range = document.createRange();
    range.selectNode(node);
    if (inSight(range.getBoundingClientRect())) return true;
  }
  return false;
}
const isClear = (color) => color === "rgba(0, 0, 0, 0)" || color === "transparent";
const hasGround = (style) => !isClear(style.backgroundColor) || style.backgroundImage !== "none" || style.boxShadow !== "none";
function hasBorder(style) {
  if (style.outlineStyle !== "none" && parseFloat(style.outlineWidth)) return true;
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
