import { useEffect, useRef, useState } from 'react';

import { useTranscript } from './useTranscript';

interface Props {
  /** The number of interrupted responses so far. */
  interruptions: number;
}

/**
 * Shows the transcript of the agent as it grows; an interrupted line ends where the audio ended.
 *
 * A screen reader reads each line once when it is complete, not every word as it arrives.
 */
export function Caption({ interruptions }: Props) {
  const lines = useTranscript();
  const line = lines.at(-1);
  const latestId = useRef<string>(undefined);
  latestId.current = line?.id;
  const [interruptedId, setInterruptedId] = useState<string>();

  useEffect(() => {
    if (interruptions > 0) setInterruptedId(latestId.current);
  }, [interruptions]);

  const isInterrupted = line !== undefined && interruptedId === line.id;
  return (
    <>
      <p className="caption" data-interrupted={isInterrupted}>
        {line?.text.trim()}
        {isInterrupted && <span className="ellipsis"> … interrupted</span>}
      </p>
      <div className="visually-hidden" role="log" aria-label="Transcript of the agent">
        {lines.map(({ id, text, done }) => done && <p key={id}>{text.trim()}</p>)}
      </div>
    </>
  );
}
