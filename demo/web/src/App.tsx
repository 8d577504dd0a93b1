import { RoomAudioRenderer, RoomContext } from '@livekit/components-react';
import { useEffect, useState } from 'react';

import { AgentVisualizer } from './AgentVisualizer';
import { Caption } from './Caption';
import { Controls } from './Controls';
import { Face } from './Face';
import { Latencies } from './Latencies';
import { State } from './State';
import { TextBox } from './TextBox';
import { type Talk, useTalk } from './useTalk';

export function App() {
  const talk = useTalk();
  const { interrupt } = talk;

  useEffect(() => {
    const onKey = ({ key, isComposing, target }: KeyboardEvent) => {
      const closesSomething = isComposing || target instanceof HTMLSelectElement;
      if (key === 'Escape' && !closesSomething) interrupt();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [interrupt]);

  return (
    <>
      <header>
        <h1>avatar-core</h1>
        <Theme />
      </header>
      <main>
        {talk.phase === 'talking' && talk.room ? (
          <RoomContext.Provider value={talk.room}>
            <Conversation talk={talk} />
          </RoomContext.Provider>
        ) : (
          <Start talk={talk} />
        )}
      </main>
    </>
  );
}

function Conversation({ talk }: { talk: Talk }) {
  const { known } = talk;
  return (
    <>
      <RoomAudioRenderer />
      <section className="stage">
        <AgentVisualizer provider={known.provider} />
        <State provider={known.provider} ready={known.ready} />
        <Caption cuts={known.cuts} />
      </section>
      <section className="side">
        <Controls talk={talk} />
        <TextBox say={talk.say} />
        <Latencies latencies={known.latencies} />
        <p className="fault" role="status">
          {known.fault}
        </p>
        <Notice text={talk.notice} />
        <p className="trouble" role="alert">
          {talk.trouble}
        </p>
      </section>
    </>
  );
}

function Start({ talk }: { talk: Talk }) {
  const joining = talk.phase === 'joining';
  const over = talk.phase === 'over';
  return (
    <section className="start">
      <h2>A voice agent with a face</h2>
      <p>
        It speaks from this machine and listens to what you type. Interrupt it in mid-sentence, or
        kill its avatar while it speaks: its voice goes on.
      </p>
      {over && <Face talk={talk} />}
      <Notice text={talk.notice} />
      <button onClick={() => joining || void talk.start()} aria-disabled={joining} autoFocus>
        {joining ? 'Joining …' : over ? 'Begin again' : 'Start'}
      </button>
      <p className="trouble" role="alert">
        {talk.trouble}
      </p>
    </section>
  );
}

/** What a person should know of the provider; addresses in it are links. */
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

function Theme() {
  const [theme, setTheme] = useState('');
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme;
  }, [theme]);
  const dark = theme ? theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
  return (
    <button className="quiet" onClick={() => setTheme(dark ? 'light' : 'dark')}>
      {dark ? 'Light' : 'Dark'}
    </button>
  );
}
