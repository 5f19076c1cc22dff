#!/usr/bin/env node
// forward.js URL: a handler for `hookspool each --batch`: posts records to an HTTP API.
//
//     hookspool each --cursor forward --batch 100 --on '*=exec node forward.js https://api.example/events'
//
// It reads all records of a batch from standard input, one a line, and sends them as one JSON array.
// The exit code is about all of them: 0 done; 65 the API will never take them, and each gives them
// again one by one; 75 try again later. A record may come again: the API should know it by message_id.
'use strict';

const DONE = 0, BAD = 65, LATER = 75, SETTINGS = 78;
const url = process.argv[2];

function post(text, done) {
  const client = url.startsWith('https:') ? require('https') : require('http');
  const request = client.request(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) },
    timeout: 30000,
  }, (response) => {
    response.resume();
    response.on('end', () => done(response.statusCode));
  });
  request.on('timeout', () => request.destroy(new Error('no answer within 30 s')));
  request.on('error', (error) => { console.error(error.message); process.exit(LATER); });
  request.end(text);
}

function exitCode(status) {
  if (status >= 200 && status < 300) return DONE;
  // These say "later" or "not you": the records themselves are fine.
  if (status >= 500 || [401, 403, 408, 429].includes(status)) return LATER;
  return BAD;
}

if (!url) {
  console.error('usage: forward.js URL');
  process.exit(SETTINGS);
}
// The lines go into the array as they are: JSON.parse would round numbers of more than 17 digits.
const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter(Boolean);
post('[' + lines.join(',') + ']', (status) => {
  if (status >= 300) console.error('the API answers ' + status);
  process.exitCode = exitCode(status);
});
