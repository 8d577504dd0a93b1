import { useTranscriptions } from '@livekit/components-react';
import { useEffect, useRef, useState } from 'react';

interface Props {
  /** How many answers were cut short so far. */
  cuts: number;
}

/** What the agent says, as it is said; an interruption ends it where the sound ended. */
export function Caption({ cuts }: Props) {
  const line = useTranscriptions().findLast((said) => said.participantInfo.identity !== 'you');
  const latest = useRef<string>(undefined);
  latest.current = line?.streamInfo.id;
  const [cut, setCut] = useState<string>();

  useEffect(() => {
    if (cuts > 0) setCut(latest.current);
  }, [cuts]);

  const isCut = line !== undefined && cut === line.streamInfo.id;
  return (
    <p className="caption" data-cut={isCut} aria-live="polite" aria-label="Caption">
      {line?.text.trim()}
      {isCut && <span className="ellipsis"> … interrupted</span>}
    </p>
  );
}
