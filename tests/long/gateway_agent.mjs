// An agent of LiveKit's Node framework with its unmodified inference avatar, for gateway_node.py.
//
// Each line of the input is a command: {"say": "<path of PCM, int16, mono, 24 kHz>"},
// {"interrupt": true} or {"close": true}. The agent prints one JSON object for each event.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { ReadableStream } from "node:stream/web";

const { AGENTS_JS, GATEWAY_URL, LIVEKIT_URL, MODEL, ROOM_TOKEN } = process.env;
const require = createRequire(`${AGENTS_JS}/package.json`);
const { inference, initializeLogger, voice } = require("@livekit/agents");
const { AudioFrame, Room } = require("@livekit/rtc-node");

const RATE_HZ = 24_000;
const FRAME_SAMPLES = RATE_HZ / 50;

/** Return the PCM of a file as a stream of frames of 20 ms. */
function readSpeech(path) {
  const bytes = readFileSync(path);
  const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= samples.length) return controller.close();
      const part = samples.slice(at, at + FRAME_SAMPLES);
      at += part.length;
      controller.enqueue(new AudioFrame(part, RATE_HZ, 1, part.length));
    },
  });
}

const print = (event) => console.log(JSON.stringify(event));

initializeLogger({ pretty: false, level: "error" });
const room = new Room();
await room.connect(LIVEKIT_URL, ROOM_TOKEN, { autoSubscribe: true, dynacast: false });
const session = new voice.AgentSession({});
const avatar = new inference.AvatarSession({ model: MODEL, baseURL: GATEWAY_URL });
await avatar.start(session, room, { livekitUrl: LIVEKIT_URL });
await session.start({ agent: new voice.Agent({ instructions: "" }), room });
await avatar.waitForJoin();
print({ event: "joined", session: avatar.sessionId });

let speech;
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  if (command.say) {
    const handle = (speech = session.say("recorded", { audio: readSpeech(command.say) }));
    handle.waitForPlayout().then(() => print({ event: "said", interrupted: handle.interrupted }));
  }
  if (command.interrupt) speech.interrupt();
  if (command.close) break;
}
await avatar.aclose();
await session.close();
await room.disconnect();
print({ event: "closed" });
process.exit(0);
