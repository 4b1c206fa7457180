"""A client of the subprotocol ringcast.v1.json, written from docs/protocol.md."""

import asyncio
import json

import websockets

from support.process import PATIENCE

SUBPROTOCOL = "ringcast.v1.json"


class Dialog:
    def __init__(self, socket):
        self.socket = socket
        self.ids = iter(range(1, 10 ** 9))
        self.messages = []

    async def receive(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE))

    async def command(self, type, **members):
        """The reply to a command; messages that come before it are kept."""
        number = next(self.ids)
        await self.socket.send(json.dumps({"type": type, "id": number, **members}))
        while True:
            received = await self.receive()
            if received.get("id") == number:
                return received
            self.messages.append(received)

    async def message(self):
        return self.messages.pop(0) if self.messages else await self.receive()


class connect:
    def __init__(self, service, path="/", **options):
        self.connecting = websockets.connect(service.url(path), subprotocols=[SUBPROTOCOL],
                                             **options)

    async def __aenter__(self):
        socket = await self.connecting.__aenter__()
        assert socket.subprotocol == SUBPROTOCOL
        return Dialog(socket)

    async def __aexit__(self, *error):
        await self.connecting.__aexit__(*error)
