import { type Room, RoomEvent } from 'livekit-client';

const COME_MS = 30_000;
/** Longer than its reconnecting takes. */
const BACK_MS = 4_000;
const NEVER_CAME = `No agent came within ${COME_MS / 1000} seconds. Begin again.`;
const LEFT = 'The agent is gone. Begin again.';

/** The agent itself, not its avatar. */
export function agentOf(room: Room | null): string | undefined {
  const agents = [...(room?.remoteParticipants.values() ?? [])].filter((one) => one.isAgent);
  return agents.find((one) => !one.attributes['lk.publish_on_behalf'])?.identity;
}

/** Tells why, once a connected room has been without its agent for too long. */
export function missAgent(room: Room, tell: (why: string) => void) {
  let came = false;
  let missing: ReturnType<typeof setTimeout> | undefined;

  function stop() {
    clearTimeout(missing);
    missing = undefined;
  }

  function look() {
    if (agentOf(room)) {
      came = true;
      stop();
    } else {
      missing ??= setTimeout(() => tell(came ? LEFT : NEVER_CAME), came ? BACK_MS : COME_MS);
    }
  }

  look();
  room
    .on(RoomEvent.ParticipantConnected, look)
    .on(RoomEvent.ParticipantDisconnected, look)
    .on(RoomEvent.Reconnecting, stop)
    .on(RoomEvent.Reconnected, look)
    .on(RoomEvent.Disconnected, stop);
}
