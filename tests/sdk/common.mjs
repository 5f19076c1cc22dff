// What the drivers share: the events that they send, and what the spool must have of each.

export const emit = (file, row) => file.write(JSON.stringify(row) + '\n')

// A library's event as it went over the wire, as fields that its record must have.
export function wanted (event) {
  const record = { original_timestamp: event.timestamp }
  const flat = ['type', 'event', 'messageId', 'userId', 'anonymousId', 'groupId', 'previousId', 'name', 'category']
  for (const key of flat) if (event[key] != null) record[snake(key)] = event[key]
  for (const part of ['properties', 'traits', 'context', 'integrations']) leaves(record, part, event[part])
  return record
}

const snake = key => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/[^A-Za-z0-9]+/g, '_').toLowerCase()

function leaves (record, name, value) {
  if (value === undefined) return
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    for (const [key, inner] of Object.entries(value)) leaves(record, name + '_' + snake(key), inner)
  } else {
    record[name] = Array.isArray(value) ? JSON.stringify(value) : value
  }
}
