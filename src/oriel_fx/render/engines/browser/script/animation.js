// CSS animations and transitions, the Web Animations API, SVG's SMIL and videos: all stepped with the clock.
const animations = new WeakMap();
const heldByPage = new WeakSet();
const animationMethods = { pause: Animation.prototype.pause, play: Animation.prototype.play };
replace(Animation.prototype, "pause", (old) => function () { heldByPage.add(this); return old.call(this); });
replace(Animation.prototype, "play", (old) => function () {
  heldByPage.delete(this);
  animations.delete(this);
  return old.call(this);
});

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
  for (const animation of document.getAnimations()) {
    const known = animations.get(animation);
    if (!known) {
      if (animation.playState !== "running") continue;
      animationMethods.pause.call(animation);
      // Begun since the last frame: it counts from this one.
      const timing = animation.effect ? animation.effect.getComputedTiming() : { endTime: Infinity };
      animation.currentTime = animation.playbackRate < 0 && isFinite(timing.endTime) ? timing.endTime : 0;
      animations.set(animation, { at: clock.now, time: animation.currentTime });
      continue;
    }
    const elapsed = clock.now - known.at;
    known.at = clock.now;
    if (isHeld(animation)) continue;
    known.time += elapsed * animation.playbackRate;
    const end = animation.effect ? animation.effect.getComputedTiming().endTime : Infinity;
    if (known.time >= end || (animation.playbackRate < 0 && known.time <= 0)) {
      animation.finish();
      animations.delete(animation);
    } else {
      animation.currentTime = known.time;
    }
  }
  for (const svg of document.querySelectorAll("svg")) {
    if (svg.ownerSVGElement || !svg.querySelector("animate,animateTransform,animateMotion,set")) continue;
    svg.pauseAnimations();
    svg.setCurrentTime(clock.now / 1000);
  }
}
