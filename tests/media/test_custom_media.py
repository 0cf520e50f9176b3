"""The example of a user's own medium is a medium: it carries sound both ways and tells the truth about it."""

from __future__ import annotations

import asyncio

from agent_core.ports import FRAME_BYTES
from examples.custom_media import TcpMedia
from voice_gateway.media import Media

CALLER_FRAME = b"\1\2" * (FRAME_BYTES // 2)
AGENT_SOUND = b"\3\4" * (FRAME_BYTES * 4)  # 8 frames


async def connected() -> tuple[TcpMedia, asyncio.StreamReader, asyncio.StreamWriter, asyncio.Server]:
    accepted: asyncio.Future[TcpMedia] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda r, w: accepted.set_result(TcpMedia(r, w)), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return await accepted, reader, writer, server


async def hang_up(media: Media, writer: asyncio.StreamWriter, server: asyncio.Server) -> None:
    await media.close()
    writer.close()
    server.close()
    await server.wait_closed()


def test_the_caller_is_heard_until_it_hangs_up() -> None:
    async def scenario() -> list[bytes]:
        media, _, writer, server = await connected()
        writer.write(CALLER_FRAME * 3 + b"half a frame")
        writer.close()
        frames = [frame async for frame in media.frames()]
        await hang_up(media, writer, server)
        return frames

    assert asyncio.run(scenario()) == [CALLER_FRAME] * 3


def test_what_was_played_and_what_was_dropped_add_up_to_what_was_said() -> None:
    async def scenario() -> tuple[int, int, bytes]:
        media, reader, writer, server = await connected()
        playing = asyncio.get_running_loop().create_task(media.play(AGENT_SOUND))
        heard = await reader.readexactly(2 * FRAME_BYTES)
        dropped = media.clear()
        played = media.played_bytes
        await playing
        await hang_up(media, writer, server)
        return played, dropped, heard + await reader.read()

    played, dropped, heard = asyncio.run(scenario())
    assert played + dropped == len(AGENT_SOUND)
    assert heard == AGENT_SOUND[:played]
    assert dropped > 0
