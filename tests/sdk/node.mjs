// node.mjs PACKAGE HOST PATH KEY EVENTS OUT: sends that many events of all six calls with a version of
// @segment/analytics-node. OUT gets a line an event: its id, whether the library says that it was
// delivered, and its fields.
import fs from 'node:fs'
import { emit, wanted } from './common.mjs'

const [name, host, path, writeKey, count, out] = process.argv.slice(2)
const { Analytics } = await import(name)
const file = fs.createWriteStream(out)
const analytics = new Analytics({ writeKey, host, path, maxEventsInBatch: 100, flushInterval: 200, maxRetries: 1000 })
const calls = ['track', 'identify', 'page', 'screen', 'group', 'alias']
let open = 0, lost = 0

function event (n) {
  const base = { userId: `user-${n}`, context: { run: n, app: { name: 'tests' } } }
  switch (calls[n % calls.length]) {
    case 'track': return { ...base, event: 'Order Completed', properties: { n, total: 39.95, products: [{ sku: 'a' }, { sku: 'ü' }] } }
    case 'identify': return { ...base, traits: { n, email: `p${n}@example.com`, address: { city: 'Köln' } } }
    case 'page': return { ...base, name: 'Home', category: 'Docs', properties: { n, url: 'https://example.com/' } }
    case 'screen': return { ...base, name: 'Home', anonymousId: `a-${n}`, properties: { n } }
    case 'group': return { ...base, groupId: `g-${n}`, traits: { n, plan: null } }
    case 'alias': return { ...base, previousId: `old-${n}` }
  }
}

function send (n) {
  open++
  analytics[calls[n % calls.length]](event(n), (error, context) => {
    open--
    if (error) lost++
    emit(file, { id: context.event.messageId, must: !error, record: wanted(context.event) })
  })
}

for (let n = 0; n < Number(count); n++) {
  send(n)
  while (open > 2000) await new Promise(resolve => setTimeout(resolve, 5))
}
await analytics.closeAndFlush({ timeout: 120000 })
while (open > 0) await new Promise(resolve => setTimeout(resolve, 20))
file.end(() => { console.log(`${count} sent, ${lost} given up`); process.exit(0) })
