// CSS animations and transitions, the Web Animations API, SVG's SMIL: all stepped with the clock.
// Each that runs is held at a time which is set in every frame; the page sees it running.
const animations = new WeakMap();
const heldByPage = new WeakSet();
// What the page has set itself, before it was taken hold of.
const placedByPage = new WeakSet();
const animationReal = { pause: Animation.prototype.pause };
for (const name of ["playState", "currentTime"]) animationReal[name] = Object.getOwnPropertyDescriptor(Animation.prototype, name);
// Frames that add up to an animation's length do so but for this.
const ROUNDING_MS = 1e-6;
const stateOfAnimation = (animation) => animationReal.playState.get.call(animation);
const endOf = (animation) => (animation.effect ? animation.effect.getComputedTiming().endTime : Infinity);

replace(Animation.prototype, "pause", (old) => function () {
  heldByPage.add(this);
  if (!animations.has(this)) old.call(this);
});
replace(Animation.prototype, "play", (old) => function () {
  heldByPage.delete(this);
  const known = animations.get(this);
  if (known && stateOfAnimation(this) === "paused") {
    known.at = clock.now;
    return;
  }
  animations.delete(this);
  old.call(this);
});
for (const name of ["finish", "cancel"]) {
  replace(Animation.prototype, name, (old) => function () {
    animations.delete(this);
    return old.call(this);
  });
}
replaceGetter(Animation.prototype, "playState", function (get) {
  return animations.has(this) && !heldByPage.has(this) && get.call(this) === "paused" ? "running" : get.call(this);
});
replaceGetter(Animation.prototype, "currentTime", function (get) { return get.call(this); }, function (time, set) {
  set.call(this, time);
  const known = animations.get(this);
  if (known) Object.assign(known, { time: Number(time), at: clock.now });
  else placedByPage.add(this);
});
replaceGetter(Animation.prototype, "startTime", function (get) {
  const known = animations.get(this);
  return known && !heldByPage.has(this) ? known.at - known.time / (this.playbackRate || 1) : get.call(this);
}, function (start, set) {
  if (start === null) return set.call(this, start);
  this.currentTime = (clock.now - Number(start)) * this.playbackRate;
});

// Shadow trees, which a document does not look into; the closed ones are known only to whoever made them.
const hosts = new WeakSet();
let shadows = [];
function remember(root) {
  if (hosts.has(root.host)) return;
  hosts.add(root.host);
  shadows.push(new WeakRef(root));
  hush(root);
}
replace(Element.prototype, "attachShadow", (old) => function (options) {
  const root = old.call(this, options);
  remember(root);
  return root;
});
const isHost = (element) => hosts.has(element) || element.shadowRoot !== null;
function trees() {
  shadows = shadows.filter((kept) => kept.deref());
  return [document, ...shadows.map((kept) => kept.deref()).filter((root) => root && root.host.isConnected)];
}

function isHeld(animation) {
  if (heldByPage.has(animation)) return true;
  if (!(animation instanceof CSSAnimation) || !animation.effect || !animation.effect.target) return false;
  const style = getComputedStyle(animation.effect.target, animation.effect.pseudoElement || undefined);
  const states = style.animationPlayState.split(",");
  const at = style.animationName.split(",").map((name) => name.trim()).indexOf(animation.animationName);
  return (states[Math.max(0, at) % states.length] || "").trim() === "paused";
}

// Take hold of what has just begun, and bring all to the clock's time.
function stepAnimations() {
  for (const tree of trees()) {
    for (const animation of tree.getAnimations()) {
      // Those that follow scrolling have no time of their own.
      if (animation.timeline === null || animation.timeline instanceof DocumentTimeline) stepAnimation(animation);
    }
    for (const svg of tree.querySelectorAll("svg")) stepSmil(svg);
  }
}
function stepAnimation(animation) {
  const known = animations.get(animation);
  const setTime = (time) => animationReal.currentTime.set.call(animation, time);
  if (!known) {
    if (stateOfAnimation(animation) !== "running") return;
    animationReal.pause.call(animation);
    // Begun since the last frame: it counts from this one.
    if (!placedByPage.delete(animation)) setTime(animation.playbackRate < 0 && isFinite(endOf(animation)) ? endOf(animation) : 0);
    animations.set(animation, { at: clock.now, time: animation.currentTime });
    return;
  }
  const elapsed = clock.now - known.at;
  known.at = clock.now;
  if (isHeld(animation)) return;
  known.time += elapsed * animation.playbackRate;
  const over = animation.playbackRate < 0 ? known.time <= ROUNDING_MS : known.time >= endOf(animation) - ROUNDING_MS;
  if (over) animation.finish();
  else setTime(known.time);
}
// A drawing's own clock begins when the page gets it.
const smilBegan = new WeakMap();
function stepSmil(svg) {
  if (svg.ownerSVGElement || !svg.querySelector("animate,animateTransform,animateMotion,set")) return;
  if (!smilBegan.has(svg)) smilBegan.set(svg, clock.now);
  svg.pauseAnimations();
  svg.setCurrentTime((clock.now - smilBegan.get(svg)) / 1000);
}
