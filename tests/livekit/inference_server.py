"""A fake of LiveKit Inference: an LLM with one fixed response, a TTS of word tones, a silent STT.

It implements the protocol of livekit-agents 1.8.9 (`inference/llm.py`, `inference/tts.py`), so
that an unchanged application can use it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from avatar_core.testing.audio.tones import WordTones

CHUNK_BYTES = 9_600


class InferenceServer:
    """Gives the same response to every request.

    Args:
        response: The words of the response.

    Attributes:
        requests: The messages of each request to the LLM.
        url: Its URL, for LIVEKIT_INFERENCE_URL.
    """

    def __init__(self, response: Sequence[str]) -> None:
        self._response = response
        self.requests: list[list[dict[str, object]]] = []
        self.url = ""

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[InferenceServer]:
        """Serve on a free port of loopback while the block runs."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/tts", self._speak)
        app.router.add_get("/v1/stt", self._listen)
        runner = web.AppRunner(app, shutdown_timeout=0.5)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
            yield self
        finally:
            await runner.cleanup()

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number, word in enumerate(self._response):
            text = f" {word}" if number else word
            await response.write(_event(body["model"], {"role": "assistant", "content": text}))
        await response.write(_event(body["model"], {}, "stop"))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:  # ignores all audio
            pass
        return socket

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        spoken_words: list[str] = []
        rate_hz = 0
        async for message in socket:
            command = json.loads(message.data)
            if command["type"] == "session.create":
                rate_hz = int(command["sample_rate"])
            elif command["type"] == "input_transcript":
                spoken_words += command["transcript"].split()
            elif command["type"] == "session.flush":
                pcm = WordTones(rate_hz).speak(spoken_words)
                for start in range(0, len(pcm), CHUNK_BYTES):
                    audio = base64.b64encode(pcm[start : start + CHUNK_BYTES]).decode()
                    await _send(socket, "output_audio", audio=audio)
                await _send(socket, "done")
                spoken_words = []
        return socket


def _event(model: str, delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "response",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


async def _send(socket: web.WebSocketResponse, type: str, **fields: str) -> None:
    await socket.send_str(json.dumps({"type": type, "session_id": "speech", **fields}))
