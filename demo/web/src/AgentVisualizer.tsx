import {
  BarVisualizer,
  type TrackReference,
  useTracks,
  useVoiceAssistant,
  VideoTrack,
} from '@livekit/components-react';
import { Track } from 'livekit-client';

interface Props {
  /** Whose face speaks, as the agent tells it; `voice` where there is none. */
  provider: string;
}

/** The agent as it can be seen: its avatar's video, or the bars of its own voice. */
export function AgentVisualizer({ provider }: Props) {
  const { agent, state, videoTrack, audioTrack } = useVoiceAssistant();
  const microphones = useTracks([Track.Source.Microphone]);
  const own = microphones.find((track) => track.participant.identity === agent?.identity);
  const face: TrackReference | undefined = provider === 'voice' ? undefined : videoTrack;
  const label = face ? 'The face of the agent' : 'The voice of the agent, without a face';
  return (
    <figure className="visualizer" data-shows={face ? 'face' : 'bars'} aria-label={label}>
      {face ? (
        <VideoTrack trackRef={face} className="face" aria-hidden />
      ) : (
        <BarVisualizer state={state} track={own ?? audioTrack} barCount={7} className="bars" />
      )}
    </figure>
  );
}
