import { Face } from './Face';
import type { Talk } from './useTalk';

interface Props {
  talk: Talk;
}

/** Interrupt, kill, switch. */
export function Controls({ talk }: Props) {
  const faceless = talk.known.provider === 'voice';
  return (
    <div className="controls" role="group" aria-label="Controls">
      <button onClick={talk.interrupt} aria-keyshortcuts="Escape">
        Interrupt <kbd>Esc</kbd>
      </button>
      <button onClick={() => faceless || talk.kill()} className="danger" aria-disabled={faceless}>
        Kill the avatar
      </button>
      <Face talk={talk} />
      <button className="quiet" onClick={() => void talk.start()}>
        {talk.provider === talk.begun ? 'Begin again' : 'Switch provider'}
      </button>
    </div>
  );
}
