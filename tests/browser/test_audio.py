"""What the page hears is the song, at each frame's time, as Chromium's own Web Audio hears it."""

# ruff: noqa: E501 - pages are easier to read unbroken.

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import SONG_S, Film
from tests.browser.pages import canvas_page
from tests.songs import clicks, music, write_wav

AUDIO = '<audio id=a src="song.wav"></audio>'
ELEMENT = "const ctx = new AudioContext(); const src = ctx.createMediaElementSource(a);"
ANALYSER = """const an = ctx.createAnalyser(); Object.assign(an, SETUP); src.connect(an); an.connect(ctx.destination);
const bytes = new Uint8Array(an.frequencyBinCount), wave = new Uint8Array(an.fftSize);
const read = () => { an.getByteFrequencyData(bytes); an.getByteTimeDomainData(wave); return [[...bytes], [...wave]]; };"""
START = "a.play(); run(n => '#fff', read);"
# The reference: the song in a buffer, an OfflineAudioContext suspended at the frames' times.
TRUTH = """async (n) => { const url = oriel.song; const raw = await (await fetch(url)).arrayBuffer();
const ctx = new OfflineAudioContext(1, 44100 * 40, 44100); const buffer = await ctx.decodeAudioData(raw);
const src = new AudioBufferSourceNode(ctx, { buffer }); const an = new AnalyserNode(ctx, SETUP);
src.connect(an); an.connect(ctx.destination); src.start();
const bytes = new Uint8Array(an.frequencyBinCount), wave = new Uint8Array(an.fftSize), out = [];
const take = () => { an.getByteFrequencyData(bytes); an.getByteTimeDomainData(wave); out.push([[...bytes], [...wave]]); };
for (let i = 0; i < n; i++) { if (i === 0) { out.push(null); continue; }
  const stop = ctx.suspend(i / oriel.fps); if (i === 1) ctx.startRendering(); else ctx.resume(); await stop; take(); }
ctx.resume(); return out; }"""
SETUPS = [
    {"fftSize": 2048},
    {"fftSize": 256, "smoothingTimeConstant": 0},
    {"fftSize": 1024, "smoothingTimeConstant": 0.95, "minDecibels": -90, "maxDecibels": -10},
]


def with_setup(text: str, setup: dict[str, Any]) -> str:
    import json

    return text.replace("SETUP", json.dumps(setup))


def assert_truth(seen: list[Any], truth: list[Any], frames: range) -> None:
    for index in frames:
        for mine, real in zip(seen[index], truth[index], strict=True):
            assert np.abs(np.array(mine) - np.array(real)).max() <= 1, f"frame {index}"


@pytest.mark.parametrize("setup", SETUPS, ids=["usual", "sharp", "slow"])
def test_an_analyser_on_an_audio_element_tells_the_truth(film: Film, setup: dict[str, Any]) -> None:
    page = film(canvas_page(with_setup(ELEMENT + ANALYSER + START, setup), AUDIO))
    page.run(40)
    seen, truth = page.value("seen"), page.value(f"({with_setup(TRUTH, setup)})(40)")
    assert max(seen[30][0]) > 150
    assert_truth(seen, truth, range(1, 40))


def test_it_stays_true_over_a_long_song(film: Film, tmp_path: Path) -> None:
    song = write_wav(tmp_path / "long.wav", music(14))
    setup = {"fftSize": 512, "smoothingTimeConstant": 0.9}
    page = film(canvas_page(with_setup(ELEMENT + ANALYSER + START, setup), AUDIO), song=song, song_s=14.0, fps=15)
    page.run(190)
    truth = page.value(f"({with_setup(TRUTH, setup)})(190)")
    # Stretches of ten seconds: a join lies within.
    assert_truth(page.value("seen"), truth, range(1, 190, 3))


@pytest.mark.parametrize("how", ["promise", "callback"])
def test_a_decoded_buffer_is_analysed_as_truly(film: Film, how: str) -> None:
    begin = "buffer => { src.buffer = buffer; src.start(0); window.length = buffer.duration; run(n => '#fff', read); }"
    decode = f"ctx.decodeAudioData(data).then({begin})" if how == "promise" else f"ctx.decodeAudioData(data, {begin})"
    script = "const ctx = new AudioContext(); const src = ctx.createBufferSource();" + ANALYSER
    script += f"fetch('demo.mp3').then(answer => answer.arrayBuffer()).then(data => {decode});"
    setup = {"fftSize": 512}
    page = film(canvas_page(with_setup(script, setup)))
    page.run(40)
    truth = page.value(f"({with_setup(TRUTH, setup)})(40)")
    assert page.value("length") == pytest.approx(SONG_S)
    assert_truth(page.value("seen"), truth, range(1, 40))


def test_an_element_tells_its_story_in_order(film: Film) -> None:
    script = """window.told = []; for (const name of ["play", "playing", "timeupdate", "pause", "ended", "canplay"])
    a.addEventListener(name, () => told.push([name, a.currentTime]));
    a.play(); run(n => '#fff', () => [a.currentTime, a.paused, a.ended, a.duration, performance.now()]);"""
    page = film(canvas_page(script, AUDIO), stop=130)
    page.run(126)
    seen = page.value("seen")
    for index in (0, 1, 30, 90, 119):
        assert seen[index][0] == pytest.approx(index / 30, abs=1e-6)
        assert seen[index][1:4] == [False, False, SONG_S]
    assert seen[122][:3] == [SONG_S, True, True]
    names = [name for name, _ in page.value("told")]
    assert names.index("play") < names.index("playing") < names.index("timeupdate") < names.index("ended")
    assert 14 <= names.count("timeupdate") <= 18


def test_pausing_and_seeking_are_heard(film: Film) -> None:
    script = ELEMENT + with_setup(ANALYSER, {"fftSize": 256, "smoothingTimeConstant": 0})
    script += """let n = 0; a.play(); run(() => { n++; if (n === 20) a.pause(); if (n === 40) { a.currentTime = 1; a.play(); }
    return '#fff'; }, () => { const [bytes, wave] = read(); return [a.currentTime, Math.max(...bytes), wave]; });"""
    page = film(canvas_page(script, AUDIO))
    page.run(60)
    seen = page.value("seen")
    assert seen[15][1] > 100 and seen[50][1] > 100
    assert set(seen[30][2]) == {128}
    assert seen[30][0] == seen[38][0] == pytest.approx(19 / 30, abs=0.04)
    assert seen[50][0] == pytest.approx(1 + 11 / 30, abs=0.04)
    # The sound at one and a third seconds is the same however one came there.
    assert np.abs(np.array(seen[50][2]) - 128).max() > 3


def test_filters_gains_and_splitters_are_chromiums_own(film: Film) -> None:
    script = (
        ELEMENT
        + """const low = ctx.createBiquadFilter(); low.type = "highpass"; low.frequency.value = 3000;
    const gain = new GainNode(ctx, { gain: 0 }); const split = ctx.createChannelSplitter(2);
    const make = () => { const an = ctx.createAnalyser(); an.fftSize = 256; an.smoothingTimeConstant = 0; return an; };
    const [dry, high, none, left] = [make(), make(), make(), make()];
    src.connect(dry); src.connect(low); low.connect(high); src.connect(gain); gain.connect(none);
    src.connect(split); split.connect(left, 0);
    const bytes = new Uint8Array(128); const at = (an, bin) => { an.getByteFrequencyData(bytes); return bytes[bin]; };
    a.play(); run(n => '#fff', () => [at(dry, 1), at(high, 1), at(none, 1), at(left, 1)]);"""
    )
    page = film(canvas_page(script, AUDIO))
    page.run(30)
    dry, high, none, left = page.value("seen")[25]
    assert dry > 180 and high < dry - 60 and none == 0 and left == pytest.approx(dry, abs=2)


def test_what_is_scheduled_in_each_frame_is_heard_at_once_and_does_not_slow_the_film_down(film: Film) -> None:
    script = (
        ELEMENT
        + """window.stretches = 0;
    window.AnalyserNode = new Proxy(AnalyserNode, { construct: (Real, args) => (stretches++, new Real(...args)) });
    const plain = AudioNode.prototype.connect, by = new Set();
    AudioNode.prototype.connect = function (...args) { by.add(this.context === ctx); return plain.apply(this, args); };
    const gain = ctx.createGain(), an = ctx.createAnalyser(); an.fftSize = 256; an.smoothingTimeConstant = 0;
    src.connect(gain); gain.connect(an); gain.gain.setValueAtTime(1, 0);
    const wave = new Uint8Array(256), loudest = () => { an.getByteTimeDomainData(wave); return Math.max(...wave.map(v => Math.abs(v - 128))); };
    a.play(); run(n => '#fff', n => { const loud = loudest();
      gain.gain.cancelScheduledValues(ctx.currentTime); gain.gain.setValueAtTime(n % 10 < 5 ? 0 : 1, ctx.currentTime);
      return [loud, gain.gain.value, stretches, [...by]]; });"""
    )
    page = film(canvas_page(script, AUDIO))
    page.run(60)
    loud, gains, stretches, by = zip(*page.value("seen")[:60], strict=True)
    # What one frame schedules, the next hears.
    assert [level == 0 for level in loud[2:]] == [(n - 1) % 10 < 5 for n in range(2, 60)]
    assert list(gains[2:]) == [0 if (n - 1) % 10 < 5 else 1 for n in range(2, 60)]
    assert stretches[-1] == 1 and by[-1] == [True]


def test_a_script_processor_meters_the_song(film: Film) -> None:
    script = (
        ELEMENT
        + """const meter = ctx.createScriptProcessor(1024, 1, 1); window.level = 0;
    meter.onaudioprocess = e => { level = Math.max(...e.inputBuffer.getChannelData(0)); };
    src.connect(meter); meter.connect(ctx.destination); a.play(); run(n => '#fff', () => level);"""
    )
    page = film(canvas_page(script, AUDIO))
    page.run(30)
    levels = page.value("seen")[5:30]
    assert max(levels) > 0.1 and len({round(level, 4) for level in levels}) > 5


def test_an_audio_worklet_meters_the_song(film: Film) -> None:
    module = """registerProcessor("meter", class extends AudioWorkletProcessor { process(inputs) {
    const x = inputs[0][0]; if (x) this.port.postMessage(Math.max(...x)); return true; } })"""
    script = (
        ELEMENT
        + f"""window.level = 0; window.count = 0; (async () => {{
    await ctx.audioWorklet.addModule(URL.createObjectURL(new Blob([{module!r}], {{ type: "text/javascript" }})));
    const meter = new AudioWorkletNode(ctx, "meter"); meter.port.onmessage = e => {{ level = e.data; count++; }};
    src.connect(meter); a.play(); run(n => '#fff', () => level); }})();"""
    )
    page = film(canvas_page(script.replace("\\n", " "), AUDIO))
    page.run(30)
    assert max(page.value("seen")[5:30]) > 0.1
    assert page.value("count") > 200


def test_a_page_that_listens_to_the_microphone_hears_the_song(film: Film) -> None:
    script = "const ctx = new AudioContext(); navigator.mediaDevices.getUserMedia({ audio: true }).then(stream => {"
    script += "const src = ctx.createMediaStreamSource(stream);" + ANALYSER + "run(n => '#fff', read); });"
    page = film(canvas_page(with_setup(script, {"fftSize": 256})))
    page.run(20)
    assert max(page.value("seen")[15][0]) > 150


def test_a_click_is_seen_in_its_own_frame(film: Film, tmp_path: Path) -> None:
    times = [0.51, 1.21, 2.02, 2.91]
    song = write_wav(tmp_path / "clicks.wav", clicks(times, 4.0, length_s=0.02))
    script = ELEMENT + with_setup(ANALYSER, {"fftSize": 1024, "smoothingTimeConstant": 0}) + START
    page = film(canvas_page(script, AUDIO), song=song)
    page.run(110)
    loud = [max(wave) > 132 for _, wave in page.value("seen")]
    for time_s in times:
        first = next(index for index in range(int(time_s * 30) - 3, 120) if loud[index])
        assert first == int(np.ceil(time_s * 30)), time_s


def test_timers_hear_the_song_at_their_own_time(film: Film, tmp_path: Path) -> None:
    """A click at 1.1 s: a timer due then hears it in the same frame, though it runs before the frame is drawn."""
    song = write_wav(tmp_path / "click.wav", clicks([1.1], 3.0, length_s=0.1))
    script = (
        ELEMENT
        + """const an = ctx.createAnalyser(); an.fftSize = 256; src.connect(an); const wave = new Uint8Array(256);
    window.heard = []; a.play(); setInterval(() => { an.getByteTimeDomainData(wave); heard.push([a.currentTime, Math.max(...wave)]); }, 10); run(n => "#fff");"""
    )
    page = film(canvas_page(script, AUDIO), song=song, song_s=3.0)
    page.run(60)
    first = next(time_s for time_s, level in page.value("heard") if level > 140)
    assert 1.1 <= first <= 1.12


def test_a_suspended_context_stands_still_and_goes_on_where_it_stood(film: Film) -> None:
    script = """const ctx = new AudioContext(); (async () => {
      const buffer = await ctx.decodeAudioData(await (await fetch(oriel.song)).arrayBuffer());
      window.node = new AudioBufferSourceNode(ctx, { buffer }); const an = ctx.createAnalyser(); an.fftSize = 256; node.connect(an); node.start();
      const wave = new Uint8Array(256); window.ended = 0; node.onended = () => { ended = performance.now(); };
      run(n => { if (n === 10) ctx.suspend(); if (n === 40) ctx.resume(); return "#fff"; },
          () => { an.getByteTimeDomainData(wave); return [performance.now(), ctx.currentTime, [...wave]]; }); })();"""
    page = film(canvas_page(script), song_s=6.0)
    page.run(170)
    seen = page.value("seen")
    still = seen[12:39]
    assert len({one[1] for one in still}) == 1 and len({tuple(one[2]) for one in still}) == 1
    assert seen[60][1] - still[0][1] == pytest.approx((seen[60][0] - seen[40][0]) / 1000, abs=0.07)
    # A second of it was no second of the song.
    assert page.value("ended") - seen[0][0] == pytest.approx(1000 * (SONG_S + 1), abs=120)


METERS = {
    "a pause": "setTimeout(() => a.pause(), 400); setTimeout(() => a.play(), 600)",
    "a new node": "setTimeout(() => src.connect(ctx.createBiquadFilter()), 500)",
}


@pytest.mark.parametrize("name", METERS)
def test_a_meter_goes_on_when_the_graph_changes(film: Film, name: str) -> None:
    script = (
        ELEMENT
        + f"""const meter = ctx.createScriptProcessor(1024, 1, 1); window.calls = 0; let level = 0;
    meter.onaudioprocess = e => {{ calls++; level = Math.max(...e.inputBuffer.getChannelData(0)); }}; src.connect(meter); meter.connect(ctx.destination);
    a.play(); {METERS[name]}; run(n => "#fff", () => [calls, level]);"""
    )
    page = film(canvas_page(script, AUDIO))
    page.run(50)
    seen = page.value("seen")
    steps = [later[0] - earlier[0] for earlier, later in pairwise(seen[3:])]
    # 44,100 samples a second, 1024 at a time, 30 frames a second; some more or less where a stretch begins.
    assert max(steps) <= 8
    assert all(level > 0.01 for _, level in seen[35:])


WORKLET = """class Level extends AudioWorkletProcessor { constructor() { super(); this.gain = 0; this.port.onmessage = e => { this.gain = e.data.gain; }; }
process([input]) { let most = 0; for (const v of input[0] || []) most = Math.max(most, Math.abs(v)); this.port.postMessage(most * this.gain); return true; } }
registerProcessor("level", Level);"""


def test_a_worklet_keeps_its_module_and_what_it_was_told(film: Film) -> None:
    script = (
        ELEMENT
        + f"""window.told = 0; let latest = 0; (async () => {{
    const url = URL.createObjectURL(new Blob([{WORKLET!r}], {{ type: "text/javascript" }})); await ctx.audioWorklet.addModule(url); URL.revokeObjectURL(url);
    const node = new AudioWorkletNode(ctx, "level"); const given = new MessageChannel().port1; node.port.postMessage({{ given }}, [given]); node.port.postMessage({{ gain: 1 }}); node.port.onmessage = e => {{ told++; latest = e.data; }};
    src.connect(node); a.play(); setTimeout(() => src.connect(ctx.createGain()), 500); run(n => "#fff", () => [told, latest]); }})();"""
    )
    page = film(canvas_page(script, AUDIO))
    page.run(40)
    seen = page.value("seen")
    assert all(level > 0.01 for _, level in seen[5:40])
    assert max(later[0] - earlier[0] for earlier, later in pairwise(seen[3:])) < 40


def test_a_ramp_goes_on_when_the_graph_changes(film: Film) -> None:
    script = """const ctx = new AudioContext(); const tone = new ConstantSourceNode(ctx), gain = ctx.createGain(), an = ctx.createAnalyser(); an.fftSize = 32;
    tone.connect(gain); gain.connect(an); tone.start(); gain.gain.setValueAtTime(0, 0); gain.gain.linearRampToValueAtTime(1, 2);
    const wave = new Float32Array(32); a.play(); setTimeout(() => gain.connect(ctx.createBiquadFilter()), 800);
    run(n => "#fff", () => { an.getFloatTimeDomainData(wave); return [ctx.currentTime, wave[31]]; });"""
    page = film(canvas_page(script, AUDIO))
    page.run(50)
    for time_s, level in page.value("seen")[2:50]:
        assert level == pytest.approx(min(1, time_s / 2), abs=0.03)


def test_the_volume_is_heard(film: Film) -> None:
    script = (
        ELEMENT
        + """const an = ctx.createAnalyser(); an.fftSize = 2048; src.connect(an); const wave = new Float32Array(2048); a.play();
    const loud = () => { an.getFloatTimeDomainData(wave); return Math.max(...wave); }; setTimeout(() => { a.volume = 0.1; }, 500); setTimeout(() => { a.muted = true; }, 1000);
    run(n => "#fff", loud);"""
    )
    page = film(canvas_page(script, AUDIO))
    page.run(45)
    seen = page.value("seen")
    assert max(seen[20:28]) < 0.3 * max(seen[4:13])
    assert max(seen[36:]) == 0 < max(seen[20:28])


def test_waves_of_its_own_and_streams_of_its_own(film: Film) -> None:
    script = """const ctx = new AudioContext(); let state = ""; ctx.onstatechange = () => { state = ctx.state; };
    const osc = ctx.createOscillator(), an = ctx.createAnalyser(); an.fftSize = 2048; osc.frequency.value = 440;
    const real = new Float32Array(6), imag = new Float32Array(6); imag[5] = 1; osc.setPeriodicWave(ctx.createPeriodicWave(real, imag));
    const sink = ctx.createMediaStreamDestination(); const half = ctx.createGain(); half.gain.value = 0.1; osc.connect(half); half.connect(sink);
    ctx.createMediaStreamSource(sink.stream).connect(an); osc.start(); a.play();
    const bytes = new Uint8Array(1024), wave = new Float32Array(2048);
    run(n => "#fff", () => { an.getByteFrequencyData(bytes); an.getFloatTimeDomainData(wave);
      return [state, sink.stream.getAudioTracks().length, bytes.indexOf(Math.max(...bytes)) * 44100 / 2048, Math.max(...wave)]; });"""
    page = film(canvas_page(script, AUDIO))
    page.run(15)
    state, tracks, loudest_hz, most = page.value("seen")[14]
    assert (state, tracks) == ("running", 1)
    assert loudest_hz == pytest.approx(2200, abs=25) and most == pytest.approx(0.1, abs=0.03)
