import type { Talk } from './useTalk';

interface Props {
  talk: Talk;
}

/** Interrupt, kill, switch. */
export function Controls({ talk }: Props) {
  const { begun, known, provider, providers } = talk;
  return (
    <div className="controls" role="group" aria-label="Controls">
      <button onClick={talk.interrupt} aria-keyshortcuts="Escape">
        Interrupt <kbd>Esc</kbd>
      </button>
      <button onClick={talk.kill} className="danger" disabled={known.provider === 'voice'}>
        Kill the avatar
      </button>
      <label>
        Face
        <select value={provider} onChange={(event) => talk.choose(event.target.value)}>
          {providers.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <button className="quiet" onClick={() => void talk.start()}>
        {provider === begun ? 'Begin again' : 'Switch provider'}
      </button>
    </div>
  );
}
