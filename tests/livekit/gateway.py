"""LiveKit Inference on loopback: a model with one answer, a voice of word tones, a deaf ear.

It speaks the protocol of livekit-agents 1.8.9 (`inference/llm.py`, `inference/tts.py`), so that
an application's own agent runs as it is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from avatar_core.testing.audio.tones import WordTones

PIECE_BYTES = 9_600


class Gateway:
    """Answers every question in the same words.

    Attributes:
        asked: The dialogue of each request to the model.
        url: Its address, for LIVEKIT_INFERENCE_URL.
    """

    def __init__(self, answer: Sequence[str]) -> None:
        self._answer = answer
        self.asked: list[list[dict[str, object]]] = []
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Gateway]:
        """Serve while the block runs."""
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
        asked = await request.json()
        self.asked.append(asked["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number, word in enumerate(self._answer):
            text = f" {word}" if number else word
            await response.write(_event(asked["model"], {"role": "assistant", "content": text}))
        await response.write(_event(asked["model"], {}, "stop"))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def _listen(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for _ in socket:  # nobody in the room says anything
            pass
        return socket

    async def _speak(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        words: list[str] = []
        rate_hz = 0
        async for message in socket:
            order = json.loads(message.data)
            if order["type"] == "session.create":
                rate_hz = int(order["sample_rate"])
            elif order["type"] == "input_transcript":
                words += order["transcript"].split()
            elif order["type"] == "session.flush":
                pcm = WordTones(rate_hz).speak(words)
                for start in range(0, len(pcm), PIECE_BYTES):
                    audio = base64.b64encode(pcm[start : start + PIECE_BYTES]).decode()
                    await _send(socket, "output_audio", audio=audio)
                await _send(socket, "done")
                words = []
        return socket


def _event(model: str, delta: dict[str, str], finish: str | None = None) -> bytes:
    chunk = {
        "id": "answer",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()


async def _send(socket: web.WebSocketResponse, type: str, **fields: str) -> None:
    await socket.send_str(json.dumps({"type": type, "session_id": "speech", **fields}))
