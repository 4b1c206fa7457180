"""What the two websockets peers share: arguments, and starting a server with either version's API."""

import argparse
import asyncio
import signal

try:  # websockets 13 and newer
    from websockets.asyncio.server import broadcast, serve
except ImportError:  # websockets 10 to 12
    from websockets import broadcast, serve

__all__ = ["broadcast", "run"]


async def serve_until_stopped(handler, port):
    stopped = asyncio.get_running_loop().create_future()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop, stopped)
    async with serve(handler, "127.0.0.1", port):
        await stopped


def stop(stopped):
    if not stopped.done():
        stopped.set_result(None)


def run(handler):
    """Serves the handler on the port of the command line until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    asyncio.run(serve_until_stopped(handler, parser.parse_args().port))
