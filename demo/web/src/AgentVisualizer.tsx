import {
  BarVisualizer,
  type TrackReference,
  useTracks,
  useVoiceAssistant,
  VideoTrack,
} from '@livekit/components-react';
import { Track } from 'livekit-client';

interface Props {
  /** The provider of the avatar; `voice` if there is no avatar. */
  provider: string;
}

/** Shows the video of the agent's avatar, or bars for the agent's own voice. */
export function AgentVisualizer({ provider }: Props) {
  const { agent, state, videoTrack, audioTrack } = useVoiceAssistant();
  const microphones = useTracks([Track.Source.Microphone]);
  const voiceTrack = microphones.find((track) => track.participant.identity === agent?.identity);
  const face: TrackReference | undefined = provider === 'voice' ? undefined : videoTrack;
  const label = face ? "Video of the agent's avatar" : "The agent's voice, without an avatar";
  return (
    <figure className="visualizer" data-shows={face ? 'face' : 'bars'} aria-label={label}>
      {face ? (
        <VideoTrack trackRef={face} className="face" aria-hidden />
      ) : (
        <BarVisualizer state={state} track={voiceTrack ?? audioTrack} barCount={7} className="bars" />
      )}
    </figure>
  );
}
