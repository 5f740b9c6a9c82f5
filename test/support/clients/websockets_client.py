"""The steps of websockets.mjs by the package websockets."""
import sys

from websockets.exceptions import InvalidHandshake
from websockets.sync.client import connect

for url in sys.argv[1:]:
    try:
        with connect(url, max_size=None) as socket:
            socket.send("hello")
            text = socket.recv()
            socket.send(bytes(1024 * 1024))
            print(text, len(socket.recv()))
    except InvalidHandshake as error:
        print("refused:", error)
