import { RoomAudioRenderer, RoomContext } from '@livekit/components-react';
import { useEffect, useState } from 'react';

import { AgentState } from './AgentState';
import { AgentVisualizer } from './AgentVisualizer';
import { Caption } from './Caption';
import { Controls } from './Controls';
import { Latencies } from './Latencies';
import { ProviderSelect } from './ProviderSelect';
import { TextBox } from './TextBox';
import { type Conversation, useConversation } from './useConversation';

export function App() {
  const conversation = useConversation();
  const { interrupt, phase, room } = conversation;

  useEffect(() => {
    const onKey = ({ key, isComposing, target }: KeyboardEvent) => {
      const closesPopup = isComposing || target instanceof HTMLSelectElement;
      if (key === 'Escape' && !closesPopup) interrupt();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [interrupt]);

  return (
    <>
      <header>
        <h1>avatar-core</h1>
        <ThemeButton />
      </header>
      <main>
        {phase === 'connected' && room ? (
          <RoomContext.Provider value={room}>
            <ConversationView conversation={conversation} />
          </RoomContext.Provider>
        ) : (
          <StartView conversation={conversation} />
        )}
      </main>
    </>
  );
}

interface ViewProps {
  conversation: Conversation;
}

function ConversationView({ conversation }: ViewProps) {
  const { agent, error, notice, sendText } = conversation;
  return (
    <>
      <RoomAudioRenderer />
      <section className="agent">
        <AgentVisualizer provider={agent.provider} />
        <AgentState provider={agent.provider} ready={agent.ready} />
        <Caption interruptions={agent.interruptions} />
      </section>
      <section className="panel">
        <Controls conversation={conversation} />
        <TextBox sendText={sendText} />
        <Latencies latencies={agent.latencies} />
        <p className="warning" role="status">
          {agent.error}
        </p>
        <Notice text={notice} />
        <p className="error" role="alert">
          {error}
        </p>
      </section>
    </>
  );
}

function StartView({ conversation }: ViewProps) {
  const { error, notice, phase, start } = conversation;
  const joining = phase === 'joining';
  const ended = phase === 'ended';
  return (
    <section className="start">
      <h2>A voice agent with a face</h2>
      <p>
        The agent runs on this machine, speaks, and responds to the text that you type. Interrupt it
        in the middle of a sentence, or kill its avatar while it speaks: its own voice continues.
      </p>
      {ended && <ProviderSelect conversation={conversation} />}
      <Notice text={notice} />
      <button onClick={() => joining || void start()} aria-disabled={joining} autoFocus>
        {joining ? 'Joining…' : ended ? 'Restart' : 'Start'}
      </button>
      <p className="error" role="alert">
        {error}
      </p>
    </section>
  );
}

/** Shows information about the provider; URLs in it become links. */
function Notice({ text }: { text: string }) {
  if (!text) return null;
  const parts = text.split(/(https?:\/\/[^\s)]+[^\s).,;:])/);
  return (
    <p className="notice">
      {parts.map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          <a key={part} href={part} target="_blank" rel="noreferrer">
            {part}
          </a>
        ),
      )}
    </p>
  );
}

function ThemeButton() {
  const [theme, setTheme] = useState('');
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  const dark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  return (
    <button className="secondary" onClick={() => setTheme(dark ? 'light' : 'dark')}>
      {dark ? 'Light theme' : 'Dark theme'}
    </button>
  );
}
