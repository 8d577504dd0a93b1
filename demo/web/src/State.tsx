import { useVoiceAssistant } from '@livekit/components-react';

const SAID: Record<string, string> = {
  speaking: 'speaking',
  listening: 'listening',
  thinking: 'thinking',
  idle: 'listening',
};

interface Props {
  provider: string;
  ready: boolean;
}

/** One line on how the agent is. */
export function State({ provider, ready }: Props) {
  const { state } = useVoiceAssistant();
  const how = ready ? (SAID[state] ?? 'joining') : 'getting ready';
  const who = provider === 'voice' ? 'by its own voice' : provider && `with the face “${provider}”`;
  return (
    <p className="state" role="status" data-state={how} data-provider={provider}>
      <span className="dot" aria-hidden /> {how} <span className="who">{who}</span>
    </p>
  );
}
