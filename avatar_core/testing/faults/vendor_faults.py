"""The faults of a vendor's worker as data: of its sound, of its track, and of its protocol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFaults:
    """Differences between the audio that a worker receives and the audio that a listener hears.

    Attributes:
        silent_at_s: Time from which the audio track carries silence instead of speech.
        playout_stall_at_s, playout_stall_s: Time at which the playout stops, and seconds until it
            continues; 0 means never. The worker keeps the audio that it receives meanwhile.
        playout_delay_s: Additional seconds between receiving audio and playing it.
        gain: Factor of the amplitude of the speech.
        auto_gain: The worker slowly adapts the gain to the level of the speech.
        drift: Share by which the speech is longer than the audio that the worker received; the
            pitch falls by the same share.
        ring_hz: Frequency of a ring modulation, which makes another voice of the speech; 0 means no
            modulation.
        fade_s: Duration of the fades at the start and at the end of each segment.
        music_rms: Root mean square of a background music, as a fraction of full scale. A music of
            0.025 is 20 dB below the word tones.
        greeting_at_s: Time at which the worker plays a sound of its own, which takes 1 s.
    """

    silent_at_s: float = 0.0
    playout_stall_at_s: float = 0.0
    playout_stall_s: float = 0.0
    playout_delay_s: float = 0.0
    gain: float = 1.0
    auto_gain: bool = False
    drift: float = 0.0
    ring_hz: float = 0.0
    fade_s: float = 0.0
    music_rms: float = 0.0
    greeting_at_s: float = 0.0

    @property
    def alters_speech(self) -> bool:
        """Whether the speech differs from the audio that the worker received."""
        altered = (self.drift, self.ring_hz, self.fade_s)
        return self.gain != 1.0 or self.auto_gain or any(altered)

    @property
    def adds_sound(self) -> bool:
        """Whether the audio track carries sound that the worker did not receive."""
        return bool(self.music_rms or self.greeting_at_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorFaults(SoundFaults):
    """The faults of a vendor's worker.

    Attributes:
        by_speech: Fields that end in `_at_s` are seconds of speech that the worker has played,
            instead of seconds after its join. The fields `deaf_at_s`, `mute_at_s`, `stall_at_s` and
            `greeting_at_s` always count from the join.
        hang_at_s, hang_s: Time at which the worker's event loop hangs, and seconds until the event
            loop continues; 0 means never. The audio track sends silence meanwhile.
        mutes_at_s: Time at which the worker mutes its audio track.
        unpublishes_at_s: Time at which the worker unpublishes its audio track.
        server_mutes_at_s: Time at which the server mutes the worker's audio track.
        revoked_at_s: Time at which the server revokes the worker's permission to publish.
        no_audio_track: The worker publishes no audio track.
        ignores_audio: The worker registers no handler for the byte streams with audio.
        discards_audio: The worker reads the byte streams with audio, and discards the audio.
        reports_early: The worker reports the start of a segment when its first audio arrives, and
            the end as if the worker had played the audio at once.
        reports_nothing: The worker never reports the start or the end of a segment.
    """

    by_speech: bool = False
    hang_at_s: float = 0.0
    hang_s: float = 0.0
    mutes_at_s: float = 0.0
    unpublishes_at_s: float = 0.0
    server_mutes_at_s: float = 0.0
    revoked_at_s: float = 0.0
    no_audio_track: bool = False
    ignores_audio: bool = False
    discards_audio: bool = False
    reports_early: bool = False
    reports_nothing: bool = False
