import { useTranscriptions } from '@livekit/components-react';

interface Props {
  /** What was heard of an answer that was cut short, else null. */
  cut: string | null;
}

/** What the agent says, as it is said; an interruption ends it where the sound ended. */
export function Caption({ cut }: Props) {
  const said = useTranscriptions().filter((line) => line.participantInfo.identity !== 'you');
  const text = said.at(-1)?.text.trim() ?? '';
  const isCut = cut !== null && text !== '' && cut.trim() === text;
  return (
    <p className="caption" data-cut={isCut} aria-live="polite" aria-label="Caption">
      {text}
      {isCut && <span className="ellipsis"> … interrupted</span>}
    </p>
  );
}
