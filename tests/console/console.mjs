// console.mjs URL PASSWORD SHOTS SEND MODE PLAIN: the console in Chromium, as a person uses it. URL is the mount, PLAIN
// its address without HTTPS; SHOTS a folder for screenshots. Events are sent by SEND, a command that takes the body on
// standard input; MODE, a command, gives the spool's folder a mode. Prints TAP lines.
import fs from 'node:fs'
import { execFileSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'

const [url, password, shots, send, mode, plain] = process.argv.slice(2)
const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
let count = 0
function ok (right, name, detail) {
  console.log(`${right ? 'ok' : 'not ok'} ${++count} - ${name}${right ? '' : '\n#   ' + detail}`)
  if (!right) process.exitCode = 1
}
const is = (got, want, name) => ok(JSON.stringify(got) === JSON.stringify(want), name, `got ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`)
const track = (id, more) => execFileSync(send, { input: JSON.stringify({ type: 'track', event: 'Order Completed', messageId: id, userId: 'u-1', properties: {}, ...more }) })

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: ['--no-sandbox'] })
const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 }, bypassCSP: false })
const page = await context.newPage()
page.setDefaultTimeout(60000)
const faults = []
page.on('console', message => { if (/Content Security Policy|Refused/.test(message.text())) faults.push(message.text()) })
page.on('pageerror', error => faults.push(String(error)))
page.on('dialog', dialog => { faults.push('a dialog: ' + dialog.message()); dialog.dismiss() })

// axe's script is evaluated through the debugger, which the page's policy does not concern.
async function accessible (name) {
  await page.evaluate(axe)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }))
  is(violations.map(v => `${v.id}: ${v.nodes.map(n => n.target).slice(0, 3)}`), [], `axe: ${name}`)
}
async function picture (name) {
  for (const [width, height] of [[320, 640], [1600, 900]])
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height })
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      ok(wide <= 0, `${name}: ${width} px, ${colorScheme}: nothing sticks out`, `${wide} px`)
      await page.waitForTimeout(50)
      await accessible(`${name}, ${width} px, ${colorScheme}`)
      await page.screenshot({ fullPage: name === 'overview', path: `${shots}/${name}-${width}-${colorScheme}.png` })
    }
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 1280, height: 800 })
}
const names = () => page.$$eval('#rows .row .name', all => all.map(e => e.textContent))

// --- login, by keyboard alone
await page.goto(url + '/console')
await page.waitForSelector('#password:focus')
await picture('login')
await page.keyboard.type('not the password at all')
await page.keyboard.press('Enter')
await page.waitForFunction(() => document.getElementById('login-error').textContent !== '')
is(await page.textContent('#login-error'), 'Wrong password of the console.', 'a wrong password is told')
await page.keyboard.type(password)
await page.keyboard.press('Enter')
await page.waitForSelector('#live:not([hidden])')
ok(true, 'the password lets in, by keyboard')

// --- live
const start = Date.now()
track('live-1', { event: 'Seen At Once' })
await page.waitForSelector('text=Seen At Once', { timeout: 30000 })
console.log(`# an event was on the page after ${Date.now() - start} ms`)
await page.click('#pause')
track('live-2', { event: 'While Paused' })
await page.waitForSelector('#new:not([hidden])')
is([await page.textContent('#new'), (await names()).includes('While Paused')], ['1 new', false], 'pause counts what is new, and shows it later')
await page.click('#pause')
await page.waitForSelector('text=While Paused')

// --- a spool that cannot be read
is(await page.isHidden('#insecure'), true, 'by HTTPS there is no warning')
execFileSync(mode, ['0'])
await page.waitForSelector('#problem:not([hidden])')
ok(/Remedy: /.test(await page.textContent('#problem')) && (await names()).includes('Seen At Once'), 'an unreadable spool is told, with a remedy, and what was there stays', await page.textContent('#problem'))
await accessible('unreadable')
await page.screenshot({ path: `${shots}/unreadable.png` })
execFileSync(mode, ['700'])
track('live-3', { event: 'Readable Again' })
await page.waitForSelector('text=Readable Again')
is(await page.isHidden('#problem'), true, 'and once it can be read, the page goes on')

// --- what a sender wrote is text
const evil = '"><img src=x onerror=alert(1)><script>alert(2)</script>\u202Eabc\u0001\''
track('evil', { event: evil, userId: evil, properties: { [evil]: evil, url: 'javascript:alert(3)', long: 'x'.repeat(1 << 20) } })
await page.waitForFunction(() => [...document.querySelectorAll('.row .name')].some(e => e.textContent.startsWith('"><img')), null, { timeout: 30000 })
is((await names())[0], evil, 'markup is text')
await page.click('#rows .row >> nth=0')
await page.waitForSelector('.detail pre')
is(await page.$$eval('main img, main script, main iframe', all => all.length), 0, 'and makes no element')
ok((await page.textContent('.detail pre')).length > 1 << 20, 'a long value is whole')
track('long-name', { event: 'Long Name', properties: { ['k'.repeat(3000)]: 1 } })
await page.click('#rows .row >> nth=0')
await page.waitForSelector('text=Long Name')
await page.click('#rows .row >> nth=0')
await page.waitForSelector('.detail table')
await page.setViewportSize({ width: 320, height: 640 })
is(await page.evaluate(() => document.documentElement.scrollWidth), 320, 'a name without a place to break it does not stick out')
await page.setViewportSize({ width: 1280, height: 800 })
await page.click('#rows .row >> nth=0')
track('deleted', { type: 'delete', userId: 'u-gone' })
await page.selectOption('#filters [name=type]', 'delete')
await page.waitForFunction(() => document.querySelectorAll('#rows .row').length === 1)
is(await page.textContent('#rows .user'), 'u-gone', 'the requests to delete a user can be filtered')
await page.click('#clear')
await page.waitForFunction(() => document.querySelectorAll('#rows .row').length > 3)

// --- rows and filters
await page.focus('#rows .row >> nth=1')
await page.keyboard.press('Enter')
await page.waitForSelector('#rows li:nth-child(2) .detail table')
await picture('live')
await page.click('text=This user\'s events')
await page.waitForFunction(() => location.hash === '#live?user=u-1')
await page.waitForFunction(() => document.querySelectorAll('#rows .row').length > 1)
ok(!(await names()).includes(evil), 'a user\'s events are theirs alone')
await page.fill('#filters [name=event]', 'Seen At Once')
await page.keyboard.press('Enter')
await page.waitForFunction(() => document.querySelectorAll('#rows .row').length === 1)
is(await names(), ['Seen At Once'], 'filters')
await page.reload()
await page.waitForFunction(() => document.querySelectorAll('#rows .row').length === 1)
is([await names(), await page.inputValue('#filters [name=user]')], [['Seen At Once'], 'u-1'], 'a filter can be bookmarked')
await page.click('#clear')
await page.waitForFunction(() => document.querySelectorAll('#rows .row').length > 3)
for (let i = 0; i < 40 && !(await page.textContent('#end')); i++) {
  await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight))
  await page.waitForTimeout(100)
}
is([await page.textContent('#end'), new Set(await page.$$eval('#rows li', all => all.map(e => e.line))).size], ['The spool begins here.', await page.$$eval('#rows li', all => all.length)],
  'older events come by scrolling, each once')
console.log(`# ${await page.$$eval('#rows li', all => all.length)} rows`)

// --- the other views
for (const view of ['rejected', 'schema', 'overview']) {
  await page.click(`#views a[href="#${view}"]`)
  await page.waitForSelector(`#${view}:not([hidden]) .card`)
  if (view === 'rejected') await page.click('text=Show payloads')
  if (view === 'schema') await page.click('summary >> nth=0')
  if (view === 'overview') {
    const shown = await page.textContent('#overview')
    ok(/[\d,]+event ids known/.test(shown), 'the ids in the index', shown)
    ok(/Refusal of a sender: .* ago, type not supported\. Remedy: /.test(shown), 'the last error, with its time and remedy', shown)
    ok(/secret #22 d1 h/.test(shown), 'a sender that has gone quiet', shown)
  }
  if (view === 'schema') {
    const marked = () => [...document.querySelectorAll('main *')].filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.includes('\u202E')))
    is(await page.evaluate(`[...new Set((${marked})().map(e => getComputedStyle(e).unicodeBidi))]`), ['isolate'], 'a mark of direction turns only the text that it is in')
  }
  await picture(view)
}

// --- a failure is told until it is over
const fails = (path) => page.route(path, route => route.fulfill({ status: 503, contentType: 'application/json', body: '{"message":"no answer","remedy":"wait"}' }))
const told = () => page.waitForSelector('#problem:not([hidden])')
await fails('**/console/overview')
await told()
await page.unroute('**/console/overview')
await page.waitForSelector('#problem', { state: 'hidden', timeout: 30000 })
ok(true, 'a failure of the overview is told until the overview is there again')
await page.click('#views a[href="#live"]')
await page.waitForSelector('#older:not([hidden])')
await fails(/before=/)
await page.evaluate(() => window.scrollTo(0, document.body.scrollHeight))
await told()
await page.waitForResponse(/after=/)
await page.waitForResponse(/after=/)
is(await page.isVisible('#problem'), true, 'a failure to get older events is told while newer ones come')
await page.unroute(/before=/)
await page.click('#older')
await page.waitForSelector('#problem', { state: 'hidden', timeout: 30000 })
ok(true, 'until there are older events')

// --- a pause on a busy spool
const flood = Array.from({ length: 1400 }, (_, i) => JSON.stringify({ type: 'track', event: `Flood ${i}`, message_id: `f-${i}` }) + '\n').join('')
await page.evaluate(() => window.scrollTo(0, 0))
await page.click('#pause')
await page.waitForSelector('#live-state >> text=Paused.')
let floods = 0
await page.route(/after=/, async route => {
  if (++floods > 4) return route.continue()
  const head = (await (await route.fetch()).text()).split('\n')[0]
  await route.fulfill({ status: 200, contentType: 'application/json', body: head + '\n' + flood })
})
await page.waitForSelector('#new >> text=5600 new', { timeout: 60000 })
await page.unroute(/after=/)
ok(await page.evaluate('live.pending.reduce((sum, batch) => sum + batch.items.length, 0)') <= 3001, 'what waits has a limit, and is counted all the same')
await page.click('#pause')
await page.waitForSelector('text=Flood 1399')
is(await page.$$eval('#rows .note', all => all.length), 1, 'and the page says that there were more')
await page.click('#views a[href="#overview"]')
await page.waitForSelector('#figures .card')

// --- the end of the session
let late
await page.route('**/console/overview', async route => {
  if (late) return route.continue()
  const response = await route.fetch()
  late = () => route.fulfill({ response })
})
for (let i = 0; i < 300 && !late; i++) await page.waitForTimeout(100)
await page.click('#logout')
await page.waitForSelector('#login:not([hidden])')
await Promise.all([page.waitForResponse('**/console/overview'), late()])
await page.unroute('**/console/overview')
await page.waitForTimeout(100)
is(await page.$$eval('#rows li, #figures .card', all => all.length), 0, 'after log-out nothing is left on the page, nor comes in late')

// --- without HTTPS
await page.goto(plain + '/console')
await page.waitForSelector('#insecure:not([hidden])')
await page.fill('#password', password)
await page.keyboard.press('Enter')
await page.waitForSelector('#live:not([hidden])')
is([await page.isVisible('#insecure'), (await context.cookies(plain)).map(c => c.secure)], [true, [false]], 'without HTTPS the page warns, before and after the log-in')
await picture('insecure')
is(faults, [], 'no script ran that is not the page\'s, and its policy was never broken')
console.log(`1..${count}`)
await browser.close()
