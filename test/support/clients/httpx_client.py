"""A client of httpx that may speak HTTP/2."""
import httpx
from steps import steps

with httpx.Client(http2=True) as client:
    for method, url, sent, read in steps:
        try:
            res = client.request(method, url, content=sent)
            version = res.http_version.removeprefix("HTTP/")
            print(res.headers.get("sallyport-problem") or read(res.content), res.status_code, version)
        except httpx.HTTPError as error:
            print(repr(error))
