import { useRoomContext } from '@livekit/components-react';
import { useEffect, useState } from 'react';

const TOPIC = 'lk.transcription';
const MAX_LINES = 20;

export interface TranscriptLine {
  id: string;
  text: string;
  /** Whether the line is complete. */
  done: boolean;
}

/**
 * Returns the latest lines of the agent's transcript, which grow while the agent speaks.
 *
 * Unlike `useTranscriptions`, it completes a line when the room disconnects in its middle.
 */
export function useTranscript(): TranscriptLine[] {
  const room = useRoomContext();
  const [lines, setLines] = useState<TranscriptLine[]>([]);

  useEffect(() => {
    const update = (line: TranscriptLine) =>
      setLines((lines) =>
        lines.some(({ id }) => id === line.id)
          ? lines.map((other) => (other.id === line.id ? line : other))
          : [...lines.slice(1 - MAX_LINES), line],
      );
    room.registerTextStreamHandler(TOPIC, async (reader, speaker) => {
      if (speaker.identity === room.localParticipant.identity) return;
      const { id } = reader.info;
      let text = '';
      try {
        for await (const part of reader) update({ id, text: (text += part), done: false });
      } catch {
        // The stream broke off: the text so far is the whole line.
      }
      if (text) update({ id, text, done: true });
    });
    return () => room.unregisterTextStreamHandler(TOPIC);
  }, [room]);

  return lines;
}
