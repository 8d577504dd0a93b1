import { useRoomContext } from '@livekit/components-react';
import { useEffect, useState } from 'react';

const TOPIC = 'lk.transcription';

export interface Line {
  id: string;
  text: string;
}

/**
 * The latest line the agent says, as it is said.
 *
 * Unlike `useTranscriptions`, it takes a room that ends in mid-line for the end of the line.
 */
export function useLine(): Line | undefined {
  const room = useRoomContext();
  const [line, setLine] = useState<Line>();

  useEffect(() => {
    let latest: string;
    room.registerTextStreamHandler(TOPIC, async (reader, speaker) => {
      if (speaker.identity === room.localParticipant.identity) return;
      const { id } = reader.info;
      latest = id;
      let text = '';
      try {
        for await (const part of reader) {
          text += part;
          if (latest === id) setLine({ id, text });
        }
      } catch {
        // What was said so far stands.
      }
    });
    return () => room.unregisterTextStreamHandler(TOPIC);
  }, [room]);

  return line;
}
