import type { Talk } from './useTalk';

interface Props {
  talk: Talk;
}

/** Whose face the next start is to show. */
export function Face({ talk }: Props) {
  return (
    <label className="face-choice">
      Face
      <select value={talk.provider} onChange={(event) => talk.choose(event.target.value)}>
        {talk.providers.map((name) => (
          <option key={name}>{name}</option>
        ))}
      </select>
    </label>
  );
}
