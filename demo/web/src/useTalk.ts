import { DisconnectReason, Room, RoomEvent, RpcError } from 'livekit-client';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';

import { agentOf, missAgent } from './agent';
import { type Fact, type Known, learn, nothingKnown } from './facts';

export type Phase = 'idle' | 'joining' | 'talking' | 'over';

export interface Talk {
  phase: Phase;
  /** The room of the latest session. */
  room: Room | null;
  known: Known;
  /** Why there is no session, or what went wrong in it. */
  trouble: string;
  providers: string[];
  /** What should be known of the chosen provider. */
  notice: string;
  /** Chosen for the next start, and at the latest one. */
  provider: string;
  begun: string;
  choose: (provider: string) => void;
  start: () => Promise<void>;
  interrupt: () => void;
  kill: () => void;
  say: (text: string) => void;
}

interface Offer {
  provider: string;
  providers: string[];
  notices: Record<string, string>;
}

const LEFT: Partial<Record<DisconnectReason, string>> = {
  [DisconnectReason.ROOM_DELETED]: 'The conversation was ended by the agent.',
  [DisconnectReason.DUPLICATE_IDENTITY]: 'You joined this conversation from another place.',
};
const GONE = 'The server is gone. If the demo still runs, begin again.';
const RECONNECT_TRIES = 3;

/** One person's talk with the agent: its room, what is known, and what can be asked for. */
export function useTalk(): Talk {
  const [phase, setPhase] = useState<Phase>('idle');
  const [room, setRoom] = useState<Room | null>(null);
  const [trouble, setTrouble] = useState('');
  const [providers, setProviders] = useState<string[]>([]);
  const [notices, setNotices] = useState<Record<string, string>>({});
  const [provider, choose] = useState('');
  const [begun, setBegun] = useState('');
  const [known, tell] = useReducer(reduce, nothingKnown);
  const current = useRef<Room | null>(null);

  useEffect(() => {
    fetch('api/providers')
      .then((answer) => answer.json())
      .then((offer: Offer) => {
        setProviders(offer.providers);
        setNotices(offer.notices);
        choose(offer.provider);
      })
      .catch(() => setTrouble(GONE));
    const leave = () => void current.current?.disconnect();
    window.addEventListener('pagehide', leave);
    return () => window.removeEventListener('pagehide', leave);
  }, []);

  const start = useCallback(async () => {
    setPhase('joining');
    setTrouble('');
    tell(null);
    const left = current.current?.name ?? '';
    await current.current?.disconnect();
    const next = new Room({
      adaptiveStream: false,
      reconnectPolicy: {
        nextRetryDelayInMs: ({ retryCount }) => (retryCount < RECONNECT_TRIES ? 500 : null),
      },
    });
    current.current = next;
    next.registerRpcMethod('demo.tell', async ({ payload }) => {
      tell(JSON.parse(payload) as Fact);
      return 'ok';
    });
    const end = (why: string) => {
      if (current.current !== next) return;
      setTrouble(why);
      setPhase('over');
      void next.disconnect();
    };
    next.on(RoomEvent.Disconnected, (reason) => {
      if (reason === DisconnectReason.CLIENT_INITIATED) return;
      end((reason !== undefined && LEFT[reason]) || GONE);
    });
    try {
      const session = await open(provider, left);
      setBegun(session.provider);
      choose((chosen) => chosen || session.provider);
      await next.connect(session.url, session.token);
      await next.startAudio();
      setRoom(next);
      setPhase('talking');
      missAgent(next, end);
    } catch (error) {
      end(error instanceof Error ? error.message : GONE);
    }
  }, [provider]);

  const ask = useCallback(async (method: string) => {
    const agent = agentOf(current.current);
    if (!agent) return;
    try {
      await current.current?.localParticipant.performRpc({
        destinationIdentity: agent,
        method,
        payload: '',
      });
    } catch (error) {
      setTrouble(error instanceof RpcError ? `The agent did not answer: ${error.message}.` : GONE);
    }
  }, []);

  return {
    phase,
    room,
    known,
    trouble,
    providers,
    notice: notices[provider] ?? '',
    provider,
    begun,
    choose,
    start,
    interrupt: useCallback(() => void ask('demo.interrupt'), [ask]),
    kill: useCallback(() => void ask('demo.kill'), [ask]),
    say: useCallback((text: string) => {
      current.current?.localParticipant
        .sendText(text, { topic: 'lk.chat' })
        .catch(() => setTrouble(GONE));
    }, []),
  };
}

function reduce(known: Known, fact: Fact | null): Known {
  return fact ? learn(known, fact) : nothingKnown;
}

interface Session {
  url: string;
  token: string;
  provider: string;
}

/** Ask for a room and its agent; the one that was left is ended. */
async function open(provider: string, leaves: string): Promise<Session> {
  let answer: Response;
  try {
    answer = await fetch('api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider, leaves }),
    });
  } catch {
    throw new Error('The demo is gone. Start it again with `make demo`.');
  }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error?.message ?? answer.statusText);
  return body;
}
