import { type FormEvent, useState } from 'react';

const MOST = 1000;
const ASKS = ['Who are you?', 'What happens when your avatar dies?', 'How fast are you?'];

interface Props {
  say: (text: string) => void;
}

/** What the person types to the agent. */
export function TextBox({ say }: Props) {
  const [text, setText] = useState('');
  const tooLong = text.length > MOST;
  const unsayable = !text.trim() || tooLong;

  function send(event: FormEvent) {
    event.preventDefault();
    if (unsayable) return;
    say(text);
    setText('');
  }

  return (
    <form className="talk" onSubmit={send}>
      <div className="asks">
        {ASKS.map((ask) => (
          <button key={ask} type="button" className="quiet" onClick={() => say(ask)}>
            {ask}
          </button>
        ))}
      </div>
      <div className="row">
        <input
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="Say something to the agent"
          aria-label="Say something to the agent"
          aria-invalid={tooLong}
          aria-describedby="length"
          autoComplete="off"
          autoFocus
        />
        <button type="submit" aria-disabled={unsayable}>
          Send
        </button>
      </div>
      <p id="length" className="hint" role="alert">
        {tooLong && `That is ${text.length} characters; the agent takes ${MOST}.`}
      </p>
    </form>
  );
}
