"""What every client in Python does: method, URL, the file that is sent, and how to tell the content of the reply."""
import hashlib
import sys


def digest(content):
    return hashlib.sha256(content).hexdigest()


https, http, elsewhere, body = sys.argv[1:]
steps = [
    ("GET", f"{https}/v1/hello", None, bytes.decode),
    ("GET", f"{https}/v1/hello", None, bytes.decode),
    ("PUT", f"{https}/v1/sum", open(body, "rb"), bytes.decode),
    ("GET", f"{https}/v1/large", None, digest),
    ("GET", f"{https}/admin", None, bytes.decode),
    ("PUT", f"{https}/admin", open(body, "rb"), bytes.decode),
    ("GET", f"{http}/v1/hello", None, bytes.decode),
    ("GET", f"{http}/admin", None, bytes.decode),
    ("GET", f"{elsewhere}/", None, bytes.decode),
]
