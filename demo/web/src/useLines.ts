import { useRoomContext } from '@livekit/components-react';
import { useEffect, useState } from 'react';

const TOPIC = 'lk.transcription';
const KEPT = 20;

export interface Line {
  id: string;
  text: string;
  /** Whether no more will be said of it. */
  done: boolean;
}

/**
 * The latest lines of the agent, as they are said.
 *
 * Unlike `useTranscriptions`, it takes a room that ends in mid-line for the end of the line.
 */
export function useLines(): Line[] {
  const room = useRoomContext();
  const [lines, setLines] = useState<Line[]>([]);

  useEffect(() => {
    const note = (line: Line) =>
      setLines((lines) =>
        lines.some(({ id }) => id === line.id)
          ? lines.map((one) => (one.id === line.id ? line : one))
          : [...lines.slice(1 - KEPT), line],
      );
    room.registerTextStreamHandler(TOPIC, async (reader, speaker) => {
      if (speaker.identity === room.localParticipant.identity) return;
      const { id } = reader.info;
      let text = '';
      try {
        for await (const part of reader) note({ id, text: (text += part), done: false });
      } catch {
        // What was said so far stands.
      }
      if (text) note({ id, text, done: true });
    });
    return () => room.unregisterTextStreamHandler(TOPIC);
  }, [room]);

  return lines;
}
