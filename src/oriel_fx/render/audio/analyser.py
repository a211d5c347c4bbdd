"""What a browser's AnalyserNode would report."""

from __future__ import annotations

import numpy as np

from oriel_fx.render.audio.pcm import SAMPLE_RATE, Floats, Pcm

FFT_SIZE = 256
N_BINS = FFT_SIZE // 2
STEPS_PER_S = 60
STEP_SAMPLES = SAMPLE_RATE // STEPS_PER_S
# 0.8 to this power is below what one byte can show.
PREROLL_STEPS = 150

_SMOOTHING = 0.8
_MIN_DB, _MAX_DB = -100.0, -30.0


def compute_bytes(pcm: Pcm, first_step: int, n_steps: int) -> Floats:
    """getByteFrequencyData at steps first_step…, 60 a second: float32 (n_steps, 128), whole numbers 0..255.

    fftSize 256, the 256 samples before each step, smoothingTimeConstant 0.8, -100…-30 dB. Starts at rest 150
    steps before. Source: Web Audio API, 1.8.6 "FFT Windowing and Smoothing over Time"; Blackman window, alpha
    0.16.
    """
    start, total = first_step - PREROLL_STEPS, n_steps + PREROLL_STEPS
    signal = pcm.read(start * STEP_SAMPLES - FFT_SIZE, (start + total - 1) * STEP_SAMPLES)
    windows = np.lib.stride_tricks.sliding_window_view(signal, FFT_SIZE)[::STEP_SAMPLES]
    magnitudes = np.abs(np.fft.rfft(windows * blackman(), axis=1)[:, :N_BINS]) / FFT_SIZE
    smoothed = np.zeros(N_BINS)
    rows = np.empty((n_steps, N_BINS))
    for step, magnitude in enumerate(magnitudes):
        smoothed = _SMOOTHING * smoothed + (1 - _SMOOTHING) * magnitude
        if step >= PREROLL_STEPS:
            rows[step - PREROLL_STEPS] = smoothed
    db = 20.0 * np.log10(np.maximum(rows, 1e-12))
    return np.clip(np.floor(255.0 * (db - _MIN_DB) / (_MAX_DB - _MIN_DB)), 0, 255).astype(np.float32)


def blackman() -> Floats:
    """The Web Audio Blackman window of 256 samples, periodic, alpha 0.16."""
    angle = 2 * np.pi * np.arange(FFT_SIZE) / FFT_SIZE
    window: Floats = (0.42 - 0.5 * np.cos(angle) + 0.08 * np.cos(2 * angle)).astype(np.float32)
    return window
