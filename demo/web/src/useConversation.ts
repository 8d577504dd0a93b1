import { DisconnectReason, Room, RoomEvent, RpcError } from 'livekit-client';
import { useCallback, useEffect, useReducer, useRef, useState } from 'react';

import { findAgent, watchAgent } from './agent';
import { type AgentEvent, type AgentInfo, applyEvent, initialInfo } from './agentEvents';

export type Phase = 'idle' | 'joining' | 'connected' | 'ended';

export interface Conversation {
  phase: Phase;
  /** The room of the latest session. */
  room: Room | null;
  agent: AgentInfo;
  /** Why there is no session, or what went wrong in it. */
  error: string;
  providers: string[];
  /** Information about the selected provider that the user should read. */
  notice: string;
  /** The provider for the next start. */
  provider: string;
  /** The provider of the latest start. */
  startedProvider: string;
  selectProvider: (provider: string) => void;
  start: () => Promise<void>;
  interrupt: () => void;
  killAvatar: () => void;
  sendText: (text: string) => void;
}

interface ProviderList {
  provider: string;
  providers: string[];
  notices: Record<string, string>;
}

const DISCONNECTED: Partial<Record<DisconnectReason, string>> = {
  [DisconnectReason.ROOM_DELETED]: 'The agent ended the conversation.',
  [DisconnectReason.DUPLICATE_IDENTITY]: 'You joined this conversation from another page.',
};
const CONNECTION_LOST =
  'The connection to the server was lost. If the demo is still running, press Restart.';
const MAX_RETRIES = 3;

/** Manages one user's conversation with the agent: the room, the agent's state, and the actions. */
export function useConversation(): Conversation {
  const [phase, setPhase] = useState<Phase>('idle');
  const [room, setRoom] = useState<Room | null>(null);
  const [error, setError] = useState('');
  const [providers, setProviders] = useState<string[]>([]);
  const [notices, setNotices] = useState<Record<string, string>>({});
  const [provider, selectProvider] = useState('');
  const [startedProvider, setStartedProvider] = useState('');
  const [agent, dispatch] = useReducer(reduce, initialInfo);
  const current = useRef<Room | null>(null);

  useEffect(() => {
    fetch('api/providers')
      .then((response) => response.json())
      .then((list: ProviderList) => {
        setProviders(list.providers);
        setNotices(list.notices);
        selectProvider(list.provider);
      })
      .catch(() => setError(CONNECTION_LOST));
    const leave = () => void current.current?.disconnect();
    window.addEventListener('pagehide', leave);
    return () => window.removeEventListener('pagehide', leave);
  }, []);

  const start = useCallback(async () => {
    setPhase('joining');
    setError('');
    dispatch(null);
    const previousRoom = current.current?.name ?? '';
    await current.current?.disconnect();
    const next = new Room({
      adaptiveStream: false,
      reconnectPolicy: {
        nextRetryDelayInMs: ({ retryCount }) => (retryCount < MAX_RETRIES ? 500 : null),
      },
    });
    current.current = next;
    next.registerRpcMethod('demo.notify', async ({ payload }) => {
      dispatch(JSON.parse(payload) as AgentEvent);
      return 'ok';
    });
    const end = (message: string) => {
      if (current.current !== next) return;
      setError(message);
      setPhase('ended');
      void next.disconnect();
    };
    next.on(RoomEvent.Disconnected, (reason) => {
      if (reason === DisconnectReason.CLIENT_INITIATED) return;
      end((reason !== undefined && DISCONNECTED[reason]) || CONNECTION_LOST);
    });
    try {
      const session = await createSession(provider, previousRoom);
      setStartedProvider(session.provider);
      selectProvider((selected) => selected || session.provider);
      await next.connect(session.url, session.token);
      await next.startAudio();
      setRoom(next);
      setPhase('connected');
      watchAgent(next, end);
    } catch (error) {
      end(error instanceof Error ? error.message : CONNECTION_LOST);
    }
  }, [provider]);

  const callAgent = useCallback(async (method: string) => {
    const identity = findAgent(current.current);
    if (!identity) return;
    try {
      await current.current?.localParticipant.performRpc({
        destinationIdentity: identity,
        method,
        payload: '',
      });
    } catch (error) {
      const known = error instanceof RpcError;
      setError(known ? `The agent did not respond: ${error.message}.` : CONNECTION_LOST);
    }
  }, []);

  return {
    phase,
    room,
    agent,
    error,
    providers,
    notice: notices[provider] ?? '',
    provider,
    startedProvider,
    selectProvider,
    start,
    interrupt: useCallback(() => void callAgent('demo.interrupt'), [callAgent]),
    killAvatar: useCallback(() => void callAgent('demo.kill'), [callAgent]),
    sendText: useCallback((text: string) => {
      current.current?.localParticipant
        .sendText(text, { topic: 'lk.chat' })
        .catch(() => setError(CONNECTION_LOST));
    }, []),
  };
}

function reduce(info: AgentInfo, event: AgentEvent | null): AgentInfo {
  return event ? applyEvent(info, event) : initialInfo;
}

interface Session {
  url: string;
  token: string;
  provider: string;
}

/** Requests a new room with an agent; the server ends the previous room of this page. */
async function createSession(provider: string, previousRoom: string): Promise<Session> {
  let response: Response;
  try {
    response = await fetch('api/session', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider, leave: previousRoom }),
    });
  } catch {
    throw new Error('The demo does not respond. Start it again with `make demo`.');
  }
  const body = await response.json();
  if (!response.ok) throw new Error(body.error?.message ?? response.statusText);
  return body;
}
