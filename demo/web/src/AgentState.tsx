import { useVoiceAssistant } from '@livekit/components-react';

const LABELS: Record<string, string> = {
  speaking: 'speaking',
  listening: 'listening',
  thinking: 'thinking',
  idle: 'listening',
};

interface Props {
  provider: string;
  ready: boolean;
}

/** Shows the agent's state and the provider of its avatar in one line. */
export function AgentState({ provider, ready }: Props) {
  const { state } = useVoiceAssistant();
  const label = ready ? (LABELS[state] ?? 'joining') : 'starting';
  const output = provider === 'voice' ? 'with its own voice' : provider && `with avatar “${provider}”`;
  return (
    <p className="state" role="status" data-state={label} data-provider={provider}>
      <span className="dot" aria-hidden /> {label} <span className="output">{output}</span>
    </p>
  );
}
