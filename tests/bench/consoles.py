#!/usr/bin/env python3
"""consoles.py PORT PASSWORD TOKEN: three open consoles and a monitor, as the console's script asks.

Logs in, prints "ready", and asks each second until SIGTERM: the consoles for what is new, one of them for a user that
sends nothing, and the monitor for the figures. Then prints one JSON object. Exit code 1 if an answer was not 200.
"""
import http.client
import json
import signal
import sys
import threading
import urllib.parse

PORT, PASSWORD, TOKEN = int(sys.argv[1]), sys.argv[2], sys.argv[3]
MOUNT, POLL_S = '/hookspool', 1
stop = threading.Event()
counts = {'polls': 0, 'scrapes': 0, 'bytes': 0, 'bad': 0}


class Client:
    """A browser or a monitor, with a connection that stays open."""

    def __init__(self, headers):
        self.connection = http.client.HTTPConnection('127.0.0.1', PORT, timeout=30)
        self.headers = headers

    def ask(self, path, body=None, headers=None):
        self.connection.request('POST' if body else 'GET', MOUNT + path, body, {**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read()
        counts['bytes'] += len(text)
        counts['bad'] += answer.status != 200
        return answer, text


def log_in():
    answer, _ = Client({}).ask('/console/login', urllib.parse.urlencode({'password': PASSWORD}), {
        'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin'})
    return {'Cookie': (answer.getheader('Set-Cookie') or '').split(';')[0]}


def live(cookie, values):
    """The page asks for an overview, then for the newest events, then for what came after them."""
    browser = Client(cookie)
    browser.ask('/console/overview')
    while True:
        _, text = browser.ask('/console/feed?' + urllib.parse.urlencode(values))
        counts['polls'] += 1
        values['after'] = json.loads(text.split(b'\n', 1)[0])['newest']
        if stop.wait(POLL_S):
            return


def monitor():
    scraper = Client({'Authorization': 'Bearer ' + TOKEN, 'Accept': 'application/openmetrics-text;version=1.0.0'})
    while True:
        scraper.ask('/metrics')
        counts['scrapes'] += 1
        if stop.wait(POLL_S):
            return


signal.signal(signal.SIGTERM, lambda *_: stop.set())
cookie = log_in()
print('ready', flush=True)
threads = [threading.Thread(target=live, args=(cookie, values)) for values in ({}, {}, {'user': 'nobody'})]
threads.append(threading.Thread(target=monitor))
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(counts))
sys.exit(counts['bad'] > 0)
