"""A session of requests."""
import requests
from steps import steps

session = requests.Session()
for method, url, sent, read in steps:
    try:
        res = session.request(method, url, data=sent)
        print(res.headers.get("sallyport-problem") or read(res.content), res.status_code, res.raw.version / 10)
    except requests.RequestException as error:
        print(repr(error))
