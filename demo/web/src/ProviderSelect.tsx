import type { Conversation } from './useConversation';

interface Props {
  conversation: Conversation;
}

/** Selects the avatar provider for the next start. */
export function ProviderSelect({ conversation }: Props) {
  const { provider, providers, selectProvider } = conversation;
  return (
    <label className="provider">
      Provider
      <select value={provider} onChange={(event) => selectProvider(event.target.value)}>
        {providers.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}
