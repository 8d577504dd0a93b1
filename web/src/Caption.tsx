import { useEffect, useRef, useState } from 'react';

import { useLine } from './useLine';

interface Props {
  /** How many answers were cut short so far. */
  cuts: number;
}

/** What the agent says, as it is said; an interruption ends it where the sound ended. */
export function Caption({ cuts }: Props) {
  const line = useLine();
  const latest = useRef<string>(undefined);
  latest.current = line?.id;
  const [cut, setCut] = useState<string>();

  useEffect(() => {
    if (cuts > 0) setCut(latest.current);
  }, [cuts]);

  const isCut = line !== undefined && cut === line.id;
  return (
    <p className="caption" data-cut={isCut} aria-live="polite" aria-label="Caption">
      {line?.text.trim()}
      {isCut && <span className="ellipsis"> … interrupted</span>}
    </p>
  );
}
