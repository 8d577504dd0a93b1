import { useEffect, useRef, useState } from 'react';

import { useLines } from './useLines';

interface Props {
  /** How many answers were cut short so far. */
  cuts: number;
}

/**
 * What the agent says, as it is said; an interruption ends it where the sound ended.
 *
 * A screen reader is told whole lines, once each, and not the words as they come.
 */
export function Caption({ cuts }: Props) {
  const lines = useLines();
  const line = lines.at(-1);
  const latest = useRef<string>(undefined);
  latest.current = line?.id;
  const [cut, setCut] = useState<string>();

  useEffect(() => {
    if (cuts > 0) setCut(latest.current);
  }, [cuts]);

  const isCut = line !== undefined && cut === line.id;
  return (
    <>
      <p className="caption" data-cut={isCut}>
        {line?.text.trim()}
        {isCut && <span className="ellipsis"> … interrupted</span>}
      </p>
      <div className="unseen" role="log" aria-label="What the agent has said">
        {lines.map(({ id, text, done }) => done && <p key={id}>{text.trim()}</p>)}
      </div>
    </>
  );
}
