// browser.mjs SCENARIO HOST KEY OUT [MODULES]: Segment's library in Chromium, on a page that sends to HOST/hookspool.
// OUT gets a line an event and request: its id, whether the request was answered 200, its fields. The
// library's own script comes from node_modules, or, in the scenario "alone", from the mount.
import fs from 'node:fs'
import http from 'node:http'
import { chromium } from 'playwright-core'
import { emit, wanted } from './common.mjs'

const [scenario, host, writeKey, out] = process.argv.slice(2)
const script = module => fs.readFileSync(new URL(`node_modules/${module}/dist/umd/index.js`, import.meta.url))
const file = fs.createWriteStream(out)
const settled = ms => new Promise(resolve => setTimeout(resolve, ms))

// SCENARIO: where the page is, which version, what the library is told, and what happens meanwhile.
const scenarios = {
  same: { same: true },
  two: {},
  'two-1.83': { module: 'analytics-next-1.83' },
  'same-1.83': { same: true, module: 'analytics-next-1.83' },
  batching: { segment: { deliveryStrategy: { strategy: 'batching', config: { size: 3, timeout: 200 } } } },
  leaving: { run: leave, segment: { deliveryStrategy: { config: { keepalive: true } } } },
  'leaving-1.83': { run: leave, module: 'analytics-next-1.83' },
  offline: { run: goOffline },
  // The test makes the mount answer 503 and then 200 again: see meet().
  unavailable: { run: outlive },
  'unavailable-1.83': { run: outlive, module: 'analytics-next-1.83' },
  'unavailable-batching': { run: outlive, segment: { deliveryStrategy: { strategy: 'batching', config: { size: 3, timeout: 200 } } } },
  // The source's rate is 1/s: more than its burst of ten comes at once, and the rest is answered 429.
  limited: { run: exceed },
  'limited-1.83': { run: exceed, module: 'analytics-next-1.83' },
  // Handlers are killed until all events have been sent once.
  killed: { run: goOn },
  alone: { html: alone }
}
const plan = { module: '@segment/analytics-next', segment: {}, run: callAll, html: own, ...scenarios[scenario] }

const page = (head, body) => `<!doctype html><meta charset=utf-8><title>A page</title>${head}<body>${body}</body>`

function own () {
  const options = { integrations: { 'Segment.io': { apiHost: `${host.replace(/^http:\/\//, '')}/hookspool/v1`, protocol: 'http', ...plan.segment } } }
  return page('<script src="/library.js"></script>',
    `<script>window.analytics = AnalyticsNext.AnalyticsBrowser.load({ writeKey: ${JSON.stringify(writeKey)},
      cdnURL: ${JSON.stringify(host + '/hookspool')} }, ${JSON.stringify(options)})</script>`)
}

// The two lines of docs/sdk.md: script and settings both come from the mount.
function alone () {
  return page(`<script>window.analytics = window.analytics || []; analytics._writeKey = ${JSON.stringify(writeKey)};
    analytics._cdn = ${JSON.stringify(host + '/hookspool')}; analytics.load = () => {}
    for (const call of ['track', 'identify', 'page', 'group', 'alias']) analytics[call] = (...all) => analytics.push([call, ...all])
    </script><script async src="${host}/hookspool/analytics.js/v1/${writeKey}/analytics.min.js"></script>`, '')
}

async function serve () {
  const server = http.createServer((request, response) => {
    if (request.url === '/library.js') response.setHeader('Content-Type', 'text/javascript').end(script(plan.module))
    else response.setHeader('Content-Type', 'text/html').end(plan.html())
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${server.address().port}`
}

// Each request that carries events, and what it was answered.
const seen = new Map() // by status: how many requests
const delivered = new Set() // ids
function record (context) {
  const note = (request, status) => {
    if (request.method() !== 'POST' || !request.url().startsWith(host)) return
    let body
    try { body = JSON.parse(request.postData()) } catch { return }
    seen.set(status, (seen.get(status) ?? 0) + 1)
    for (const event of body.batch ?? (body.messageId ? [body] : [])) {
      if (status === 200) delivered.add(event.messageId)
      emit(file, { id: event.messageId, must: status === 200, record: wanted(event) })
    }
  }
  context.on('requestfinished', async request => note(request, (await request.response().catch(() => null))?.status()))
  context.on('requestfailed', request => note(request, 0))
}

// Waits for a condition; the library backs off for longer and longer, so the bound is wide.
async function until (what, condition) {
  for (const begun = Date.now(); !condition(); await settled(50)) {
    if (Date.now() - begun > 150000) throw new Error(`${what}: not after 150 s; answers ${JSON.stringify([...seen])}, ${delivered.size} events delivered`)
  }
}

// Asks the test for something, and waits until that is done.
async function meet (name) {
  fs.writeFileSync(`${out}.${name}`, '')
  await until(name, () => fs.existsSync(`${out}.${name}.done`))
}

async function outlive (tab) {
  await track(tab, 1)
  await until('the first event', () => delivered.size === 1)
  await meet('down')
  await track(tab, 20)
  await until('answers of 503', () => (seen.get(503) ?? 0) >= 2)
  await meet('up')
  await until('all events', () => delivered.size === 21)
}

async function exceed (tab) {
  await track(tab, 20)
  await until('all events', () => delivered.size === 20)
  if (!seen.has(429)) throw new Error('no request was answered 429')
}

async function goOn (tab) {
  await track(tab, 1)
  await until('the first event', () => delivered.size === 1)
  await meet('begun') // without settings the library would send nothing
  for (let n = 1; n < 150; n++) {
    await track(tab, 1)
    await settled(30)
  }
  await meet('ended')
  await until('all events', () => delivered.size === 150)
}

async function track (tab, times) {
  await tab.evaluate(times => { for (let n = 0; n < times; n++) analytics.track('Order Completed', { n, total: 39.95 }) }, times)
}

async function calls (tab) {
  return tab.evaluate(async () => {
    const all = [
      analytics.identify('user-1', { email: 'person@example.com', nested: { plan: 'ü' } }),
      analytics.page('Docs', 'Home', { n: 1 }),
      analytics.group('group-1', { size: 3 }),
      analytics.alias('user-2', 'user-1')
    ]
    for (let n = 0; n < 20; n++) all.push(analytics.track('Order Completed', { n, total: 39.95, products: [{ sku: 'a' }] }))
    await Promise.all(all)
  })
}

async function callAll (tab, context, quiet) {
  await calls(tab)
  await quiet()
}

// Each event is followed at once by another page; the last one stays, and sends what is stored.
async function leave (tab, context, quiet) {
  for (let n = 0; n < 8; n++) {
    await tab.evaluate(n => { analytics.track('Link Clicked', { n }); location.search = '?' + n }, n).catch(() => {})
    await tab.waitForFunction(() => window.analytics && document.readyState === 'complete')
    await tab.evaluate(() => analytics.ready(() => {}))
  }
  await quiet()
}

async function goOffline (tab, context, quiet) {
  await tab.evaluate(() => analytics.track('Before', { n: -1 }))
  await context.setOffline(true)
  await tab.evaluate(() => { for (let n = 0; n < 5; n++) analytics.track('While Offline', { n }) })
  await settled(500)
  await context.setOffline(false)
  await quiet()
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] })
const context = await browser.newContext()
const site = await serve()
let open = 0, last = Date.now()
const touch = by => { open += by; last = Date.now() }

record(context)
context.on('request', () => touch(1))
context.on('requestfinished', () => touch(-1))
context.on('requestfailed', () => touch(-1))
const tab = await context.newPage()
tab.on('pageerror', error => console.log(`error on the page: ${error.message}`))
if (process.env.VERBOSE) tab.on('console', message => console.log(`console: ${message.text()}`))
if (plan.same) {
  await context.route(`${host}/page*`, route => route.fulfill({ contentType: 'text/html', body: plan.html() }))
  await context.route(`${host}/library.js`, route => route.fulfill({ contentType: 'text/javascript', body: script(plan.module) }))
}
// Quiet: nothing is under way, and nothing has been for the longest pause of a few retries.
const quiet = async () => {
  const stored = () => tab.evaluate(() => Object.keys(localStorage).filter(key => key.includes('persisted-queue') && key.includes(':items') && localStorage[key] !== '[]').length)
  while (open > 0 || Date.now() - last < 2500 || await stored() > 0) {
    if (Date.now() - last > 60000) throw new Error('the library neither sends what it has stored nor gives up')
    await settled(100)
  }
}

await tab.goto((plan.same ? host : site) + '/page')
await tab.waitForFunction(() => window.analytics !== undefined && (window.analytics.track !== undefined))
await plan.run(tab, context, quiet)
await browser.close()
file.end(() => process.exit(0))
