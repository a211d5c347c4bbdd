// CSS animations and transitions, the Web Animations API, SVG's SMIL: all stepped with the clock.
const animations = new WeakMap();
const heldByPage = new WeakSet();
const animationMethods = { pause: Animation.prototype.pause, play: Animation.prototype.play };
replace(Animation.prototype, "pause", (old) => function () { heldByPage.add(this); return old.call(this); });
replace(Animation.prototype, "play", (old) => function () {
  heldByPage.delete(this);
  animations.delete(this);
  return old.call(this);
});

// Shadow trees, which a document does not look into; the closed ones are known only to whoever made them.
const hosts = new WeakSet();
let shadows = [];
function remember(root) {
  if (hosts.has(root.host)) return;
  hosts.add(root.host);
  shadows.push(new WeakRef(root));
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
  if (!known) {
    if (animation.playState !== "running") return;
    animationMethods.pause.call(animation);
    // Begun since the last frame: it counts from this one.
    const timing = animation.effect ? animation.effect.getComputedTiming() : { endTime: Infinity };
    animation.currentTime = animation.playbackRate < 0 && isFinite(timing.endTime) ? timing.endTime : 0;
    animations.set(animation, { at: clock.now, time: animation.currentTime });
    return;
  }
  const elapsed = clock.now - known.at;
  known.at = clock.now;
  if (isHeld(animation)) return;
  known.time += elapsed * animation.playbackRate;
  const end = animation.effect ? animation.effect.getComputedTiming().endTime : Infinity;
  if (known.time >= end || (animation.playbackRate < 0 && known.time <= 0)) {
    animation.finish();
    animations.delete(animation);
  } else {
    animation.currentTime = known.time;
  }
}
// A drawing's own clock begins when the page gets it.
const smilBegan = new WeakMap();
function stepSmil(svg) {
  if (svg.ownerSVGElement || !svg.querySelector("animate,animateTransform,animateMotion,set")) return;
  if (!smilBegan.has(svg)) smilBegan.set(svg, clock.now);
  svg.pauseAnimations();
  svg.setCurrentTime((clock.now - smilBegan.get(svg)) / 1000);
}
