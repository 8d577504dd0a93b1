"""Decides which tracks of the remote participants the local participant receives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from livekit import rtc

from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.rtc.media import AUDIENCE_PROBE

RESUBSCRIBE_S = 0.5
"""Least seconds from the end of the subscription to a track to its next request. If both requests
reach the server together, the track never arrives again (livekit-server 1.13.5)."""


class TrackObserver(Protocol):
    """The interface of an object that receives the audio tracks of one remote participant."""

    def add_track(self, track: rtc.Track) -> None:
        """Receive a track that was subscribed.

        Args:
            track: The track.
        """

    def remove_track(self, sid: str) -> None:
        """Note that a track is no longer subscribed.

        Args:
            sid: Sid of the track. A track that was never added has no effect.
        """

    def stop(self) -> None:
        """Note that the subscription has ended with the connection to the room."""

    async def aclose(self) -> None:
        """End the subscription, and unsubscribe from the tracks."""


class Subscriptions:
    """Subscribes to the sound of some participants, and unsubscribes from our own avatar's tracks.

    `RtcLink` creates this object. The room may subscribe to tracks by itself (`auto_subscribe`).

    If a participant unsubscribes while the server still negotiates the track, the whole connection
    can break ("Sender Track has been removed", livekit-server 1.13.5). After `track_subscribed` the
    negotiation has ended, so this object never unsubscribes before that event.

    Args:
        room: A connected room.
    """

    def __init__(self, room: rtc.Room) -> None:
        self._room = room
        self._local = room.local_participant
        self._observers: list[tuple[str, TrackObserver]] = []
        self._unwanted: set[str] = set()
        """Sids of tracks from which to unsubscribe once they are subscribed."""
        self._ended_at: dict[str, float] = {}
        """Loop time of the end of each recent subscription in seconds, by the sid of the track."""
        self._room_handlers: list[tuple[Any, Callable[..., None]]] = [
            ("track_published", self._on_published),
            ("track_subscribed", self._on_subscribed),
            ("track_unsubscribed", self._on_lost),
            ("track_unpublished", self._on_lost),
            ("participant_disconnected", self._on_left),
            ("reconnected", self._request_all),
            ("moved", self._request_all),
        ]
        for event, handler in self._room_handlers:
            room.on(event, handler)

    def add(self, identity: str, observer: TrackObserver) -> Unsubscribe:
        """Subscribe to the audio tracks of a participant, now and whenever they are published.

        Args:
            identity: Identity of the participant.
            observer: Receives the tracks, also those that are subscribed already.

        Returns:
            A function that unsubscribes, unless another observer receives the tracks.
        """
        pair = (identity, observer)
        self._observers.append(pair)
        for publication in self._publications(identity):
            self._request(publication)
            if publication.track is not None:
                observer.add_track(publication.track)
        return lambda: self._remove(pair)

    def stop(self) -> None:
        """End the subscriptions of all observers, because the room was left; idempotent.

        The room may be joined again, with another link and its subscriptions.
        """
        for _, observer in self._observers:
            observer.stop()
        self._observers.clear()
        for event, handler in self._room_handlers:
            self._room.off(event, handler)
        self._room_handlers.clear()

    async def aclose(self) -> None:
        """Close all observers, and stop handling the events of the room; idempotent."""
        await asyncio.gather(*(observer.aclose() for _, observer in self._observers))
        self.stop()

    def _remove(self, pair: tuple[str, TrackObserver]) -> None:
        if pair not in self._observers:
            return
        self._observers.remove(pair)
        identity, _ = pair
        if self._is_observed(identity) or not self._room.isconnected():
            return
        for publication in self._publications(identity):
            if publication.subscribed:
                self._end(publication)
            else:
                self._unwanted.add(publication.sid)

    def _is_observed(self, identity: str) -> bool:
        return any(observed == identity for observed, _ in self._observers)

    def _observers_of(self, identity: str) -> list[TrackObserver]:
        return [observer for observed, observer in self._observers if observed == identity]

    def _publications(self, identity: str) -> Iterator[rtc.RemoteTrackPublication]:
        """Yield the publications of a participant that carry its sound."""
        participant = self._room.remote_participants.get(identity)
        if participant is not None:
            yield from filter(is_sound, list(participant.track_publications.values()))

    def _request(self, publication: rtc.RemoteTrackPublication) -> None:
        self._unwanted.discard(publication.sid)
        ended_at = self._ended_at.get(publication.sid)
        early_s = 0.0 if ended_at is None else ended_at + RESUBSCRIBE_S - loop_time()
        if early_s > 0:
            asyncio.get_running_loop().call_later(early_s, self._request_all)
        else:
            publication.set_subscribed(True)

    def _end(self, publication: rtc.RemoteTrackPublication) -> None:
        now = loop_time()
        recent = {sid: at for sid, at in self._ended_at.items() if now - at < RESUBSCRIBE_S}
        self._ended_at = {**recent, publication.sid: now}
        publication.set_subscribed(False)

    def _request_all(self, *_: object) -> None:
        for identity in {identity for identity, _ in self._observers}:
            for publication in self._publications(identity):
                self._request(publication)

    def _on_published(
        self, publication: rtc.RemoteTrackPublication, other: rtc.RemoteParticipant
    ) -> None:
        if self._is_observed(other.identity) and is_sound(publication):
            self._request(publication)

    def _on_subscribed(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication, other: rtc.Participant
    ) -> None:
        """Pass a track to its observers, or unsubscribe from a track that nobody needs.

        The tracks of our own avatar would cost a third of the CPU time.
        """
        observers = self._observers_of(other.identity) if is_sound(publication) else []
        for observer in observers:
            observer.add_track(track)
        is_own = other.attributes.get(PUBLISH_ON_BEHALF) == self._local.identity
        if not observers and (is_own or publication.sid in self._unwanted):
            self._end(publication)
        self._unwanted.discard(publication.sid)

    def _on_lost(self, *arguments: Any) -> None:
        publication, other = arguments[-2:]
        for observer in self._observers_of(other.identity):
            observer.remove_track(publication.sid)

    def _on_left(self, other: rtc.RemoteParticipant) -> None:
        for publication in other.track_publications.values():
            self._unwanted.discard(publication.sid)
            for observer in self._observers_of(other.identity):
                observer.remove_track(publication.sid)


def is_sound(publication: rtc.RemoteTrackPublication) -> bool:
    """Return whether a publication carries the sound of its participant.

    Args:
        publication: A publication of a remote participant.

    Returns:
        False for video, for the sound of a shared screen, and for the silent track with which
        another link waits for a subscriber.
    """
    return (
        publication.kind == rtc.TrackKind.KIND_AUDIO
        and publication.source != rtc.TrackSource.SOURCE_SCREENSHARE_AUDIO
        and publication.name != AUDIENCE_PROBE
    )
