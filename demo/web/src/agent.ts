import { type Room, RoomEvent } from 'livekit-client';

const JOIN_TIMEOUT_MS = 30_000;
/** Longer than the agent takes to reconnect. */
const RETURN_TIMEOUT_MS = 4_000;
const NEVER_JOINED = `No agent joined within ${JOIN_TIMEOUT_MS / 1000} seconds. Press Restart.`;
const LEFT = 'The agent left the room. Press Restart.';

/** Returns the identity of the agent itself, not of its avatar. */
export function findAgent(room: Room | null): string | undefined {
  const agents = [...(room?.remoteParticipants.values() ?? [])].filter(({ isAgent }) => isAgent);
  return agents.find(({ attributes }) => !attributes['lk.publish_on_behalf'])?.identity;
}

/** Calls `onMissing` with a message when a connected room has been without its agent too long. */
export function watchAgent(room: Room, onMissing: (message: string) => void) {
  let joined = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function stop() {
    clearTimeout(timer);
    timer = undefined;
  }

  function check() {
    if (findAgent(room)) {
      joined = true;
      stop();
    } else {
      const timeoutMs = joined ? RETURN_TIMEOUT_MS : JOIN_TIMEOUT_MS;
      timer ??= setTimeout(() => onMissing(joined ? LEFT : NEVER_JOINED), timeoutMs);
    }
  }

  check();
  room
    .on(RoomEvent.ParticipantConnected, check)
    .on(RoomEvent.ParticipantDisconnected, check)
    .on(RoomEvent.Reconnecting, stop)
    .on(RoomEvent.Reconnected, check)
    .on(RoomEvent.Disconnected, stop);
}
