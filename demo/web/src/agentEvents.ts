/** An event that the agent sends by the RPC `demo.notify`. */
export type AgentEvent =
  | { type: 'state'; state: string; provider: string }
  | { type: 'joined'; provider: string; join_s: number }
  | { type: 'ready'; provider: string }
  | { type: 'failed'; provider: string; error: string }
  | { type: 'killed'; method: string }
  | { type: 'heard'; text: string }
  | { type: 'latency'; name: string; ms: number };

/** The state of the agent after all events so far. */
export interface AgentInfo {
  /** The provider of the avatar that is shown; `voice` if there is no avatar. */
  provider: string;
  /** Whether the avatar has joined, or none will join. */
  ready: boolean;
  /** The latest error of the avatar. */
  error: string;
  /** The number of interrupted responses. */
  interruptions: number;
  /** The latest value of each latency in milliseconds, by name. */
  latencies: Record<string, number>;
}

export const initialInfo: AgentInfo = {
  provider: '',
  ready: false,
  error: '',
  interruptions: 0,
  latencies: {},
};

/** Returns the state after one more event. */
export function applyEvent(info: AgentInfo, event: AgentEvent): AgentInfo {
  switch (event.type) {
    case 'state':
      return { ...info, provider: event.provider };
    case 'ready':
      return { ...info, provider: event.provider, ready: true };
    case 'joined': {
      const joined = { ...info, provider: event.provider, ready: true };
      return withLatency(joined, 'avatar joined in', 1000 * event.join_s);
    }
    case 'failed':
      return { ...info, error: event.error };
    case 'heard':
      return { ...info, interruptions: info.interruptions + 1 };
    case 'latency':
      return withLatency(info, event.name, event.ms);
    default:
      return info;
  }
}

function withLatency(info: AgentInfo, name: string, ms: number): AgentInfo {
  return { ...info, latencies: { ...info.latencies, [name]: Math.round(ms) } };
}
