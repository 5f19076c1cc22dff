// Makes the *.json beside it: events as JSON.stringify writes them, each with something
// that has tripped a parser or a re-serialiser. Run by hand: node generate.js
// The files are committed, so the tests need no node. A file's name is its messageId.
'use strict';
const { writeFileSync } = require('fs');

const event = (messageId, properties) => ({
  type: 'track', event: 'Stringified', messageId, userId: 'u-1',
  timestamp: '2026-11-23T10:15:00.000Z', properties,
});
const nest = (depth, make) => (depth ? make(nest(depth - 1, make)) : 'bottom');
const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i);
const chars = (from, to) => String.fromCharCode(...range(from, to));

const properties = {
  'numbers-plain': { zero: 0, minusZero: -0, one: 1.0, tenth: 0.1, sum: 0.1 + 0.2, neg: -1.5 },
  'numbers-extreme': {
    max: Number.MAX_VALUE, min: Number.MIN_VALUE, safe: Number.MAX_SAFE_INTEGER,
    unsafe: 2 ** 64, big: 1e21, notYetBig: 1e20, small: 1e-7, notYetSmall: 1e-6, exp: 1.5e300,
  },
  'numbers-none': { nan: NaN, infinity: Infinity, minusInfinity: -Infinity, list: [NaN, undefined] },
  'empty-containers': { object: {}, array: [], nested: [[], {}, [[]], [{}]], string: '' },
  'empty-keys': { '': 'no key', ' ': 'a blank', '\t': 'a tab', '_': 'an underscore' },
  'literals': { yes: true, no: false, nothing: null, list: [true, false, null] },
  'words-as-strings': { a: 'true', b: 'null', c: '1', d: '{}', e: '[]', f: '"', g: '""' },
  'escapes': { quote: '"', backslash: '\\', slash: '/', short: '\b\f\n\r\t', mix: '\\"\\\\"\\n' },
  'control-characters': { all: chars(0, 0x20), del: '\x7f', c1: chars(0x80, 0xa0) },
  'nul': { only: '\0', inside: 'a\0b' },
  'latin': { german: 'größe', french: 'œuvre', polish: 'żółć', 'schlüssel': 'ß' },
  'scripts': { ru: 'привет', el: 'γεια', he: 'שלום', ar: 'سلام', hi: 'नमस्ते', th: 'สวัสดี', ja: '日本語', ko: '한국어' },
  'emoji': { face: '😀', family: '👨‍👩‍👧‍👦', flag: '🇩🇪', skin: '👍🏽', keycap: '1️⃣' },
  'astral': { first: '\u{10000}', last: '\u{10ffff}', noncharacter: '\uffff\ufffe\ufdd0' },
  'line-separators': { ls: 'a\u2028b', ps: 'a\u2029b', nel: 'a\u0085b', bom: '\ufeffa' },
  'lone-surrogates': { high: '\ud800', low: '\udc00', swapped: '\udc00\ud800', end: 'x\udbff', pair: '\ud83d\ude00' },
  'combining': { nfc: '\u00e9', nfd: 'e\u0301', zalgo: 'a' + chars(0x300, 0x340), zw: '\u200b\u200d\u2060' },
  'right-to-left': { override: '\u202eabc\u202c', isolate: '\u2066abc\u2069' },
  'markup': { script: '</script><!-- & -->', entity: '&lt;&#x27;', url: 'https://example.com/?a=b&c=%20#x' },
  'integer-keys': { 10: 'ten', 9: 'nine', b: 'b', a: 'a', '-1': 'minus', '1.5': 'not an index' },
  'prototype-keys': JSON.parse('{"__proto__":{"x":1},"constructor":{"prototype":2},"toString":"s"}'),
  'odd-keys': { 'total billed': 1, 'a.b': 2, 'a/b': 3, '$ref': 4, 'x"y': 5, 'tab\there': 6, '日本': 7 },
  'surrogate-keys': { '\ud800': 'high', '\udc00': 'low', '😀': 'pair' },
  'dates': { date: new Date(0), invalid: new Date(NaN), list: [new Date(86400000)] },
  'to-json': { custom: { toJSON: () => ({ replaced: true }) }, boxed: [Object(1), Object('s'), Object(true)] },
  'dropped': { undef: undefined, func: () => 1, symbol: Symbol('s'), kept: [undefined, () => 1, Symbol('s')] },
  'map-and-set': { map: new Map([[1, 2]]), set: new Set([1]), regexp: /x/g, error: new Error('e') },
  'typed-arrays': { bytes: new Uint8Array([1, 2, 255]), floats: new Float64Array([0.5, -0]) },
  'products': { products: range(1, 30).map((i) => ({ sku: `p-${i}`, price: i * 1.1, tags: ['a', 'b'] })) },
  'deep-objects': nest(60, (x) => ({ d: x })),
  'deep-arrays': { deep: nest(60, (x) => [x]) },
  'deep-mixed': { deep: nest(30, (x) => [{ d: x }]) },
  'long-string': { text: 'lorem ipsum "dolor" \\ sit\n'.repeat(1200) },
  'many-keys': Object.fromEntries(range(0, 1500).map((i) => [`key ${i}`, i])),
  'sparse-array': { sparse: Object.assign([], { 5: 'five' }), holes: [, 1, ,] },
};

for (const [name, value] of Object.entries(properties))
  writeFileSync(`${__dirname}/${name}.json`, JSON.stringify(event(name, value)));

// The third argument of JSON.stringify, and other shapes around the same values.
writeFileSync(`${__dirname}/indent-two.json`, JSON.stringify(event('indent-two', properties.products), null, 2));
writeFileSync(`${__dirname}/indent-tab.json`, JSON.stringify(event('indent-tab', properties.latin), null, '\t'));
writeFileSync(`${__dirname}/replacer.json`, JSON.stringify(event('replacer', { a: 1, b: 2, keep: 3 }),
  (key, value) => (key === 'b' ? undefined : value)));
writeFileSync(`${__dirname}/null-containers.json`, JSON.stringify({
  type: 'identify', messageId: 'null-containers', anonymousId: 12345, context: null, traits: [], integrations: [], category: null,
}));
