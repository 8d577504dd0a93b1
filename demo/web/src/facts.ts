/** What the agent tells of itself, by RPC `demo.tell`. */
export type Fact =
  | { what: 'state'; state: string; provider: string }
  | { what: 'joined'; provider: string; join_s: number }
  | { what: 'ready'; provider: string }
  | { what: 'failed'; provider: string; error: string }
  | { what: 'killed'; how: string }
  | { what: 'heard'; text: string }
  | { what: 'latency'; name: string; ms: number };

/** What is known of the agent: the sum of all facts. */
export interface Known {
  /** Whose face is shown; `voice` where there is none. */
  provider: string;
  /** Whether the avatar has joined, or it is sure that none will. */
  ready: boolean;
  /** The latest fault, as the agent tells it. */
  fault: string;
  /** How many answers were cut short so far. */
  cuts: number;
  /** Milliseconds by name, the latest of each. */
  latencies: Record<string, number>;
}

export const nothingKnown: Known = {
  provider: '',
  ready: false,
  fault: '',
  cuts: 0,
  latencies: {},
};

export function learn(known: Known, fact: Fact): Known {
  switch (fact.what) {
    case 'state':
      return { ...known, provider: fact.provider };
    case 'ready':
      return { ...known, provider: fact.provider, ready: true };
    case 'joined':
      return measured({ ...known, provider: fact.provider, ready: true }, 'joined in', 1000 * fact.join_s);
    case 'failed':
      return { ...known, fault: fact.error };
    case 'heard':
      return { ...known, cuts: known.cuts + 1 };
    case 'latency':
      return measured(known, fact.name, fact.ms);
    default:
      return known;
  }
}

function measured(known: Known, name: string, ms: number): Known {
  return { ...known, latencies: { ...known.latencies, [name]: Math.round(ms) } };
}
