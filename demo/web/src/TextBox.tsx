import { type FormEvent, useState } from 'react';

const MAX_CHARACTERS = 1000;
const SUGGESTIONS = ['Who are you?', 'What happens when your avatar dies?', 'How fast are you?'];

interface Props {
  sendText: (text: string) => void;
}

/** Sends text to the agent, typed or from a list of suggestions. */
export function TextBox({ sendText }: Props) {
  const [text, setText] = useState('');
  const isTooLong = text.length > MAX_CHARACTERS;
  const isInvalid = !text.trim() || isTooLong;

  function submit(event: FormEvent) {
    event.preventDefault();
    if (isInvalid) return;
    sendText(text);
    setText('');
  }

  return (
    <form className="text" onSubmit={submit}>
      <div className="suggestions">
        {SUGGESTIONS.map((suggestion) => (
          <button
            key={suggestion}
            type="button"
            className="secondary"
            onClick={() => sendText(suggestion)}
          >
            {suggestion}
          </button>
        ))}
      </div>
      <div className="row">
        <input
          value={text}
          onChange={(event) => setText(event.target.value)}
          placeholder="Type a message to the agent"
          aria-label="Type a message to the agent"
          aria-invalid={isTooLong}
          aria-describedby="length"
          autoComplete="off"
          autoFocus
        />
        <button type="submit" aria-disabled={isInvalid}>
          Send
        </button>
      </div>
      <p id="length" className="hint" role="alert">
        {isTooLong && `The message has ${text.length} characters; the limit is ${MAX_CHARACTERS}.`}
      </p>
    </form>
  );
}
