"""Trains the network with which the local avatar recognises visemes in audio.

    .venv/bin/python -m pip install scikit-learn
    .venv/bin/python tools/train_visemes.py

espeak-ng speaks random sentences in many voices and reports the time of each phoneme, from which
the network learns. The test at the end uses voices and sentences that were not in the training.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import numpy as np
import soxr
from avatar_demo.speech import SpokenText, Synthesiser
from avatar_provider_local.face.features import BANDS, HOP, RATE_HZ, WINDOW, Features, log_mel
from avatar_provider_local.face.visemes import FUTURE, PAST, VISEMES, Net, Tracker
from phonemes import viseme_spans

OUT = Path("providers/local/src/avatar_provider_local/face/visemes.npz")
VOICES = """
en-us+m1 en-us+m2 en-us+m3 en-us+m4 en-us+m5 en-us+m6 en-us+m7 en-us+f1 en-us+f2 en-us+f3
en-us+f4 en-us+klatt en-us+klatt2 en-us+klatt4 en-us+Andy en-us+Alicia en-us+steph
en-us+belinda en-us+edward en-us+max en-us+linda en-us+Michael en+m3 en+f2 en
""".split()
OTHER_VOICES = ("es+m2", "es+f3", "de+m4", "de+f1", "fr+m1", "fr+f2")
UNSEEN = ("en-us+f5", "en-us+m8", "en-us+klatt3", "en-us+Annie", "en-us+zac")
TRACT = (0.82, 1.32)
"""Factors of the length of the vocal tract, which are applied by resampling."""
TRAINING_SPOKEN_WORDS = """
time people water morning baby paper market window yellow orange purple number happy system
thousand question answer moment button bottle father mother brother weather thing nothing
bathroom birthday chicken church judge orange measure vision television pleasure machine
photograph telephone village voice valley river winter summer spring autumn apple banana
problem probably maybe robot rubber pepper coffee office safe knife roof wife move above of
big bad bed book boat bike beam boom map mop home come some sum lamb limb tap tip top type
keep cup soup shape sheep ship shop she shoe show show sure zoo zero lazy easy music busy
go get give good garden guitar quick queen quiet quite world word work were her bird first
we went away always well will would could should you use few view new food moon soon blue
law talk walk small fall all ball boy joy toy enjoy out now house about round loud cow how
day say make take late name table station information important important government
""".split()
ONSETS = "p b m f v t d k g s z l r n w h ch sh th j y bl br st tr pl kr fl sp sk".split()
RHYMES = "a e i o u ee oo ay ow oy am ap ab of ath ash ing ong urn all air ow eet oop ime".split()


def main() -> int:
    """Train and test the network, and write it to `OUT`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=14, help="sentences for each voice")
    parser.add_argument("--seed", type=int, default=7, help="seed of all random numbers")
    options = parser.parse_args()
    from sklearn.neural_network import MLPClassifier

    rng = Random(options.seed)
    spoken = [
        (voice, make_sentence(rng))
        for voice in (*VOICES, *OTHER_VOICES)
        for _ in range(options.sentences)
    ]
    sounds = [add_labels(speak(voice, text, rng), rng) for voice, text in spoken]
    mean = np.concatenate([speech_energies(samples) for samples, _ in sounds]).mean(axis=0)
    rows = [make_examples(samples, labels, mean) for samples, labels in sounds]
    inputs = np.concatenate([row for row, _ in rows])
    targets = np.concatenate([row for _, row in rows])
    print(f"{len(targets) / 6000:.0f} minutes of speech")
    learner = MLPClassifier((128, 64), early_stopping=True, random_state=options.seed, max_iter=40)
    learner.fit(inputs, targets)
    net = Net(
        mean.astype(np.float32),
        tuple(
            (matrix.astype(np.float32), bias.astype(np.float32))
            for matrix, bias in zip(learner.coefs_, learner.intercepts_, strict=True)
        ),
    )
    for name, voices in (("trained voices", VOICES[:6]), ("unseen voices", UNSEEN)):
        test_rng = Random(options.seed + 1)
        shares = [score(net, speak(voice, make_sentence(test_rng), None)) for voice in voices]
        print(f"{name}: {np.mean(shares):.3f} of the frames are correct")
    arrays = {f"matrix{at}": matrix for at, (matrix, _) in enumerate(net.layers)}
    arrays |= {f"bias{at}": bias for at, (_, bias) in enumerate(net.layers)}
    with OUT.open("wb") as file:
        np.savez_compressed(
            file, mean=net.mean, **{name: a.astype(np.float16) for name, a in arrays.items()}
        )
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB")
    return 0


def make_sentence(rng: Random) -> str:
    """Return a sentence of real and invented words, so that all pairs of phonemes occur.

    Args:
        rng: Selects the words.
    """
    sentence = []
    for _ in range(rng.randint(6, 14)):
        invented = "".join(rng.choice(ONSETS) + rng.choice(RHYMES) for _ in range(2))
        sentence.append(rng.choice(TRAINING_SPOKEN_WORDS) if rng.random() < 0.6 else invented)
        if rng.random() < 0.12:
            sentence[-1] += ","
    return " ".join(sentence) + "."


def speak(voice: str, text: str, rng: Random | None) -> SpokenText:
    """Synthesise a text at about the rate of a voice agent.

    Args:
        voice: Voice of espeak-ng.
        text: The text.
        rng: Selects 140 to 190 words per minute; None gives 165.
    """
    return Synthesiser(voice, rng.randint(140, 190) if rng else 165).speak(text)


def add_labels(spoken: SpokenText, rng: Random | None) -> tuple[np.ndarray, np.ndarray]:
    """Return int16 samples at `RATE_HZ`, and the index of the viseme of each frame.

    Args:
        spoken: The synthesised speech.
        rng: Varies vocal tract, level and noise; None leaves the speech as it is.
    """
    tract = rng.uniform(*TRACT) if rng else 1.0
    level = rng.uniform(0.15, 1.0) if rng else 1.0
    raw = np.frombuffer(spoken.pcm, "<i2").astype(np.float32)
    samples = soxr.resample(raw, spoken.rate_hz, RATE_HZ / tract) * level
    if rng:
        hiss = np.random.default_rng(rng.randint(0, 1 << 30)).standard_normal(samples.size)
        samples = samples + hiss.astype(np.float32) * 10 ** rng.uniform(-0.5, 1.2)
    count = max(0, (samples.size - WINDOW) // HOP + 1)
    centres = (np.arange(count) * HOP + WINDOW / 2) / RATE_HZ * tract
    labels = np.zeros(count, np.int64)
    for viseme, start_s, end_s in viseme_spans(spoken):
        labels[(centres >= start_s) & (centres < end_s)] = VISEMES.index(viseme)
    return np.clip(samples, -32768, 32767).astype(np.int16), labels


def speech_energies(samples: np.ndarray) -> np.ndarray:
    """Return the band energies (dB below the loudest band) of the frames that contain speech.

    Args:
        samples: int16 samples at `RATE_HZ`.
    """
    view = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float32) / 32768, WINDOW)
    energies = log_mel(view[::HOP])
    levels = energies.max(axis=1)
    return energies[levels > levels.max() - 28.0] - levels.max()


def make_examples(
    samples: np.ndarray, labels: np.ndarray, mean: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs of the network, `(frames, features)`, and the index of each viseme.

    Args:
        samples: int16 samples at `RATE_HZ`.
        labels: The index of the viseme of each frame.
        mean: The mean energy of each band.
    """
    frames, _ = Features(mean.astype(np.float32)).feed(samples)
    at = np.arange(len(frames))[:, None] + np.arange(-PAST, FUTURE + 1)
    inputs = frames[np.clip(at, 0, len(frames) - 1)].reshape(len(frames), -1)
    assert inputs.shape[1] == (PAST + 1 + FUTURE) * BANDS
    return inputs, labels[: len(frames)]


def score(net: Net, spoken: SpokenText) -> float:
    """Return the share of frames whose viseme the tracker recognises.

    Args:
        net: The network.
        spoken: The synthesised speech.
    """
    samples, labels = add_labels(spoken, None)
    tracker = Tracker(net)
    for start in range(0, len(samples), RATE_HZ // 2):
        tracker.feed(samples[start : start + RATE_HZ // 2].tobytes())
    times = ((np.arange(len(labels)) * HOP + WINDOW / 2) / RATE_HZ).astype(np.float32)
    kept = slice(-150, -FUTURE)
    correct = most_likely_visemes(tracker, times[kept]) == labels[kept]
    return float(correct.mean())


def most_likely_visemes(tracker: Tracker, times: np.ndarray) -> np.ndarray:
    """Return the index of the most likely viseme at each time.

    Args:
        tracker: A tracker that has received the speech.
        times: float32 seconds.
    """
    return tracker.at(times)[0].argmax(axis=1)


if __name__ == "__main__":
    sys.exit(main())
