// compare.mjs SPOOL SENT...: holds the spool against what the drivers sent. Each event whose request was
// answered 200 must be there once, with all its fields; no event twice; none that was not sent (but see LEAVING).
// Prints the figures; exit code 1 at any difference.
import fs from 'node:fs'

const [spool, ...sent] = process.argv.slice(2)
const lines = name => fs.readFileSync(name, 'utf8').split('\n').filter(line => line !== '').map(line => JSON.parse(line))
const events = new Map()
for (const row of sent.flatMap(lines)) {
  const before = events.get(row.id)
  events.set(row.id, { ...row, must: row.must || (before?.must ?? false) })
}
const records = new Map()
const problems = []
let optional = 0
// Sent by pages that are left at once, whose last requests Chromium does not always show to its driver.
const LEAVING = 'Link Clicked'

for (const record of lines(spool)) {
  if (records.has(record.message_id)) problems.push(`twice in the spool: ${record.message_id}`)
  records.set(record.message_id, record)
  if (!events.has(record.message_id) && record.event !== LEAVING) problems.push(`in the spool and not sent: ${JSON.stringify(record)}`)
}
for (const { id, must, record } of events.values()) {
  const kept = records.get(id)
  if (kept === undefined) {
    if (must) problems.push(`answered 200, and not in the spool: ${id}`)
    else optional++
    continue
  }
  for (const [name, value] of Object.entries(record)) {
    if (!Object.is(kept[name], value)) problems.push(`${id}: ${name} is ${JSON.stringify(kept[name])}, sent was ${JSON.stringify(value)}`)
  }
  for (const name of ['source', 'received_at', 'timestamp', 'sent_at', 'channel']) {
    if (kept[name] === undefined) problems.push(`${id}: no ${name}`)
  }
  for (const name of Object.keys(kept)) {
    if (name === 'write_key' || name.startsWith('_metadata')) problems.push(`${id}: has ${name}`)
  }
}
console.log(`${events.size} events sent, ${records.size} in the spool, ${optional} of those the library gave up are not`)
for (const problem of problems.slice(0, 20)) console.log(problem)
if (problems.length > 20) console.log(`… and ${problems.length - 20} more`)
process.exit(problems.length > 0 || events.size === 0 ? 1 : 0)
