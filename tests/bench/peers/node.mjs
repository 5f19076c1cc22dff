// A receiver of Segment's webhooks in Node, without packages: what its documentation
// suggests, made durable. One fdatasync serves all requests that wait (group commit).
//
//	SECRET=… FILE=events.jsonl WORKERS=2 node node.mjs PORT|SOCKET
import cluster from 'node:cluster'
import { createHmac, timingSafeEqual } from 'node:crypto'
import { openSync, write, fdatasync, fsyncSync, chmodSync } from 'node:fs'
import { dirname } from 'node:path'
import { createServer } from 'node:http'

const { SECRET, FILE } = process.env
const BODY_MAX = 32 << 20
const FIXED = ['type', 'event', 'timestamp', 'userId', 'anonymousId', 'messageId', 'groupId',
  'previousId', 'name', 'category', 'receivedAt', 'sentAt', 'originalTimestamp', 'version',
  'channel', 'projectId']
const isFixed = new Set(FIXED)
const TYPES = new Set(['identify', 'track', 'page', 'screen', 'group', 'alias', 'delete'])

// --- who: the signature of the body, or of the first event of a batch

const sign = text => createHmac('sha1', SECRET).update(text).digest()

function signed(header, raw, parsed) {
  if (!/^[0-9a-f]{40}$/.test(header ?? '')) return false
  const given = Buffer.from(header, 'hex')
  return (Array.isArray(parsed) && parsed.length > 0 &&
    timingSafeEqual(given, sign(JSON.stringify(parsed[0])))) || timingSafeEqual(given, sign(raw))
}

// --- valid: the Spec

const text = v => typeof v === 'string' && v !== ''

function wrong(e) {
  if (e === null || typeof e !== 'object' || Array.isArray(e)) return 'not an object'
  if (!TYPES.has(e.type)) return 'unknown type'
  if (!text(e.userId) && !text(e.anonymousId)) return 'userId or anonymousId required'
  if (e.type === 'track' && !text(e.event)) return 'event required'
  if (e.type === 'group' && !text(e.groupId)) return 'groupId required'
  if (e.type === 'alias' && !text(e.previousId)) return 'previousId required'
  for (const at of ['timestamp', 'sentAt', 'receivedAt', 'originalTimestamp'])
    if (e[at] !== undefined && typeof e[at] !== 'string') return at + ' must be a string'
  return null
}

// --- flat

const names = new Map()

function snake(key) {
  let name = names.get(key)
  if (name === undefined) {
    name = key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9\u0080-\uffff]+/g, '_')
      .replace(/^_+|_+$/g, '').toLowerCase() || '_'
    if (names.size < 100000) names.set(key, name)
  }
  return name
}

function put(record, name, value) {
  if (value !== null && typeof value === 'object') {
    if (!Array.isArray(value)) {
      for (const key in value) put(record, name + '_' + snake(key), value[key])
      return
    }
    value = JSON.stringify(value)
  }
  let free = name
  for (let i = 2; free in record; i++) free = name + '_' + i
  record[free] = value
}

function flatten(e, now) {
  const record = Object.create(null)
  for (const key of FIXED) if (e[key] !== undefined) record[snake(key)] = e[key]
  record.spooled_at = now
  for (const key in e) if (!isFixed.has(key)) put(record, snake(key), e[key])
  return JSON.stringify(record) + '\n'
}

// --- kept: group commit

const fd = openSync(FILE, 'a', 0o600)
const dir = openSync(dirname(FILE), 'r')
fsyncSync(dir)
let waiting = [], busy = false

function keep(lines, done) {
  waiting.push({ lines, done })
  if (!busy) commit()
}

function commit() {
  const group = waiting
  const bytes = Buffer.from(group.length === 1 ? group[0].lines : group.map(w => w.lines).join(''))
  waiting = []
  busy = true
  const finish = error => {
    busy = false
    if (waiting.length > 0) commit()
    for (const w of group) w.done(error)
  }
  const more = from => write(fd, bytes, from, bytes.length - from, null, (error, n) => {
    if (error) finish(error)
    else if (from + n < bytes.length) more(from + n)
    else fdatasync(fd, finish)
  })
  more(0)
}

// --- answered

function answer(res, status, body) {
  const bytes = JSON.stringify(body) + '\n'
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(bytes) })
  res.end(bytes)
}

function take(req, res, raw) {
  let parsed
  try {
    parsed = JSON.parse(raw.toString('utf8'))
  } catch {
    return answer(res, 400, { message: 'not JSON' })
  }
  if (!signed(req.headers['x-signature'], raw, parsed)) return answer(res, 401, { message: 'signature' })
  const now = new Date().toISOString()
  let lines = '', accepted = 0, rejected = 0, message
  for (const e of Array.isArray(parsed) ? parsed : [parsed]) {
    const why = wrong(e)
    if (why === null) {
      lines += flatten(e, now)
      accepted++
    } else {
      message ??= why
      rejected++
    }
  }
  if (accepted === 0) return answer(res, 400, { accepted, rejected, message })
  keep(lines, error => error ? answer(res, 503, { message: 'not kept' })
    : answer(res, 200, { accepted, rejected, message }))
}

const server = createServer((req, res) => {
  if (req.method !== 'POST') return answer(res, req.method === 'GET' ? 200 : 405, {})
  const parts = []
  let n = 0
  req.on('data', part => {
    n += part.length
    if (n <= BODY_MAX) parts.push(part)
  })
  req.on('end', () => {
    if (n > BODY_MAX) answer(res, 413, { message: 'too large' })
    else take(req, res, parts.length === 1 ? parts[0] : Buffer.concat(parts))
  })
})

function listen(where) {
  if (/^\d+$/.test(where)) server.listen({ port: +where, host: '127.0.0.1', backlog: 1024 })
  else server.listen({ path: where, backlog: 1024 }, () => chmodSync(where, 0o660))
}

const workers = +(process.env.WORKERS ?? 1)
if (cluster.isPrimary && workers > 1) {
  for (let i = 0; i < workers; i++) cluster.fork()
} else {
  listen(process.argv[2])
}
