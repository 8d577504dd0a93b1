import { ProviderSelect } from './ProviderSelect';
import type { Conversation } from './useConversation';

interface Props {
  conversation: Conversation;
}

/** Buttons that interrupt the agent, kill its avatar, and restart with another provider. */
export function Controls({ conversation }: Props) {
  const { agent, interrupt, killAvatar, provider, start, startedProvider } = conversation;
  const hasNoAvatar = agent.provider === 'voice';
  return (
    <div className="controls" role="group" aria-label="Controls">
      <button onClick={interrupt} aria-keyshortcuts="Escape">
        Interrupt <kbd>Esc</kbd>
      </button>
      <button
        onClick={() => hasNoAvatar || killAvatar()}
        className="danger"
        aria-disabled={hasNoAvatar}
      >
        Kill the avatar
      </button>
      <ProviderSelect conversation={conversation} />
      <button className="secondary" onClick={() => void start()}>
        {provider === startedProvider ? 'Restart' : 'Switch provider'}
      </button>
    </div>
  );
}
