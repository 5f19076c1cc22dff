// The console. What a sender wrote becomes text nodes alone: no innerHTML, no attribute but titles.
'use strict';
const $ = (id) => document.getElementById(id);
const VIEWS = ['live', 'rejected', 'schema', 'overview'];
const POLL_MS = 1000, HIDDEN_MS = 30000, WORST_MS = 30000, ROWS_MOST = 3000;

function make(tag, properties, ...children) {
	const element = document.createElement(tag);
	for (const [name, value] of Object.entries(properties || {}))
		if (name.startsWith('aria-') || name === 'role' || name === 'scope') element.setAttribute(name, value);
		else element[name] = value;
	element.append(...children.map((child) => child instanceof Node ? child : document.createTextNode(String(child))));
	return element;
}
const text = (tag, value, className) => make(tag, { className: className || '' }, value);
function fill(parent, ...children) { parent.replaceChildren(...children); }
// The name of a field, which may be broken after each underscore.
const nameOf = (tag, name, properties) => make(tag, { className: 'field', ...properties }, ...(name.match(/[^_]*_|[^_]+/g) || []).flatMap((part) => [part, make('wbr')]));

class Refused extends Error {
	constructor(status, answer) { super(answer.message || 'status ' + status); this.status = status; this.remedy = answer.remedy || ''; }
}
async function ask(path, options) {
	const response = await fetch('console/' + path, { cache: 'no-store', credentials: 'same-origin', ...options });
	const body = await response.text();
	if (response.ok) return body;
	let answer = {};
	try { answer = JSON.parse(body); } catch { /* of the web server, not ours */ }
	throw new Refused(response.status, answer);
}
const query = (values) => {
	const found = Object.entries(values).filter(([, value]) => value);
	return found.length ? '?' + new URLSearchParams(found) : '';
};

// The banner tells what failed last, until the same task succeeds or another view is shown.
const RETRIED = ['live', 'overview', 'start'];
let failing = '';
function problem(error, task) {
	const box = $('problem');
	box.hidden = !error;
	failing = error ? task : '';
	if (!error) return;
	if (error.status === 401) return showLogin('The session has ended.');
	fill(box, make('strong', {}, error instanceof Refused ? error.message : 'The server cannot be reached'),
		error.remedy ? '. Remedy: ' + error.remedy + '.' : RETRIED.includes(task) ? '. Trying again.' : '. Try again.');
}
function solved(task) { if (failing === task) problem(null); }

// --- times and sizes

const two = (n) => String(n).padStart(2, '0');
function clock(iso) {
	const at = new Date(iso);
	if (isNaN(at)) return '';
	const time = two(at.getHours()) + ':' + two(at.getMinutes()) + ':' + two(at.getSeconds());
	return Date.now() - at < 86400000 ? time : two(at.getMonth() + 1) + '-' + two(at.getDate()) + ' ' + time;
}
function span(ms) {
	const s = Math.max(0, Math.round(ms / 1000));
	return s < 60 ? s + ' s' : s < 3600 ? Math.floor(s / 60) + ' min' : s < 172800 ? Math.floor(s / 3600) + ' h' : Math.floor(s / 86400) + ' d';
}
function bytes(n) {
	const units = ['B', 'KB', 'MB', 'GB', 'TB'];
	let i = 0;
	for (; n >= 1000 && i < 4; i++) n /= 1024;
	return (i && n < 10 ? n.toFixed(1) : Math.round(n)) + ' ' + units[i];
}
const count = (n) => Number(n).toLocaleString();

// --- login

function showLogin(message) {
	state.view = '';
	live.turn++;
	clearTimeout(live.timer);
	$('app').hidden = true;
	$('login').hidden = false;
	$('problem').hidden = true;
	$('login-error').textContent = message || '';
	for (const id of ['rows', 'reasons', 'catalogue', 'figures']) fill($(id));
	$('password').focus();
}
async function logIn(event) {
	event.preventDefault();
	const field = $('password');
	try {
		await ask('login', { method: 'POST', body: new URLSearchParams({ password: field.value }) });
		field.value = '';
		start();
	} catch (error) {
		$('login-error').textContent = !(error instanceof Refused) ? 'The server cannot be reached.' :
			sentence(error.message) + (error.status >= 500 && error.remedy ? ' Remedy: ' + error.remedy + '.' : '');
		field.select();
	}
}
const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + '.';
async function logOut() {
	try { await ask('logout', { method: 'POST', body: new URLSearchParams() }); } catch (error) {
		if (error.status !== 401) return problem(error, 'logout');
	}
	showLogin('You are logged out.');
}

// --- live

const state = { view: '' };
const live = { filter: {}, newest: '', batches: [], pending: [], dropped: 0, paused: false, timer: 0, failures: 0, more: false, busy: false, empty: 0, turn: 0 };

// Numbers are shown as they were sent, not as this browser rounds them.
function parse(line) {
	try {
		return Object.entries(JSON.parse(line, function (name, value, context) {
			return typeof value === 'number' && context && context.source ? context.source : value;
		}));
	} catch { return []; }
}
function rowOf(line) {
	const fields = parse(line), of = (name) => { const found = fields.find(([n]) => n === name); return found && found[1] !== null ? String(found[1]) : ''; };
	const user = of('user_id') || of('anonymous_id'), at = of('spooled_at') || of('received_at') || of('timestamp');
	const detail = make('div', { className: 'detail', hidden: true });
	const age = make('span', { className: 'age muted' });
	age.dataset.at = at;
	const short = (value) => value.length > 200 ? value.slice(0, 200) + '…' : value;
	const head = make('button', { type: 'button', className: 'row', 'aria-expanded': 'false' },
		text('span', clock(at), 'time'), text('span', short(of('type')), 'type muted'), text('span', short(of('event') || of('name')), 'name'),
		text('span', short(user), 'user'), text('span', short(of('tenant') || of('source')), 'from muted'), age);
	head.addEventListener('click', () => {
		const open = head.getAttribute('aria-expanded') !== 'true';
		head.setAttribute('aria-expanded', String(open));
		detail.hidden = !open;
		if (open) fill(detail, ...details(line, fields, user)); else fill(detail);
	});
	const item = make('li', {}, head, detail);
	item.line = line;
	return item;
}
function details(line, fields, user) {
	const raw = make('pre', { tabIndex: 0, role: 'region', 'aria-label': 'Raw line' }, line);
	const copy = make('button', { type: 'button' }, 'Copy');
	copy.addEventListener('click', async () => {
		try { await navigator.clipboard.writeText(line); copy.textContent = 'Copied'; } catch {
			getSelection().selectAllChildren(raw); copy.textContent = 'Selected: press Ctrl+C';
		}
	});
	const bar = make('div', { className: 'bar' }, copy);
	if (user) {
		const button = make('button', { type: 'button' }, "This user's events");
		button.addEventListener('click', () => setFilter({ user }));
		bar.append(button);
	}
	const table = make('table', {}, make('tbody', {}, ...fields.map(([name, value]) =>
		make('tr', {}, nameOf('th', name, { scope: 'row' }), text('td', typeof value === 'object' ? JSON.stringify(value) : value)))));
	return [bar, fields.length ? table : text('p', 'This line is no record.', 'muted'), raw];
}
const note = (words) => make('li', { className: 'note' }, words);

function readAnswer(body) {
	const lines = body.split('\n');
	const head = JSON.parse(lines.shift());
	if (lines[lines.length - 1] === '') lines.pop();
	return { head, items: lines.map(rowOf) };
}
function isReading() { return live.paused || window.scrollY > 60 || $('rows').querySelector('[aria-expanded=true]') !== null; }
function showPending() {
	const rows = $('rows');
	for (const batch of live.pending) {
		rows.prepend(...batch.items);
		live.batches.unshift(batch);
	}
	live.pending = [];
	live.dropped = 0;
	while (live.batches.length > 1 && rows.children.length > ROWS_MOST) {
		for (const item of live.batches.pop().items) item.remove();
		setMore(true);
	}
	tellState();
}
const isEvent = (item) => item.line !== undefined;
const gapNote = () => note('More events came meanwhile than are shown here. They are in the spool: filter to find them.');
// What waits has the limit of what is shown: the oldest of it are dropped, and counted all the same.
function limitPending() {
	let n = live.pending.reduce((sum, batch) => sum + batch.items.length, 0);
	while (live.pending.length > 1 && n > ROWS_MOST) {
		const dropped = live.pending.shift(), oldest = live.pending[0];
		n -= dropped.items.length;
		live.dropped += dropped.items.filter(isEvent).length;
		if (!oldest.gap) oldest.items.push(gapNote());
		oldest.gap = oldest.gap || dropped.gap;
	}
}
function setMore(more) {
	live.more = more;
	$('older').hidden = !more;
	const oldest = live.batches.length > 0;
	$('end').textContent = more || !oldest ? '' : $('rows').children.length ? 'The spool begins here.' : 'There are no such events.';
}
function tellState() {
	const n = live.pending.reduce((sum, batch) => sum + batch.items.filter(isEvent).length, live.dropped);
	const more = live.pending.some((batch) => batch.gap) ? '+' : '';
	$('new').hidden = n === 0;
	$('new').textContent = n + more + ' new';
	$('live-state').textContent = live.paused ? 'Paused.' : '';
	$('pause').textContent = live.paused ? 'Resume' : 'Pause';
	$('pause').setAttribute('aria-pressed', String(live.paused));
	document.title = n ? '(' + n + more + ') hookspool console' : 'hookspool console';
}
function ages() {
	const now = Date.now() + (live.skew || 0);
	for (const item of [...$('rows').children].slice(0, 200)) {
		const age = item.querySelector('.age');
		if (age && age.dataset.at) age.textContent = span(now - Date.parse(age.dataset.at));
	}
}
async function poll() {
	clearTimeout(live.timer);
	const turn = live.turn;
	let wait = document.hidden ? HIDDEN_MS : POLL_MS;
	try {
		const first = live.newest === '';
		const { head, items } = readAnswer(await ask('feed' + query({ ...live.filter, after: live.newest })));
		if (turn !== live.turn || state.view !== 'live') return;
		if (!first) items.forEach((item) => item.classList.add('fresh'));
		if (head.gap) items.push(gapNote());
		if (items.length || first) live.pending.push({ items, oldest: head.oldest, gap: head.gap });
		limitPending();
		live.newest = head.newest;
		if (first || !isReading()) showPending(); else tellState();
		if (first) setMore(head.more);
		solved('live');
		live.failures = 0;
		ages();
		if (first && items.length < 20) older();
	} catch (error) {
		if (turn !== live.turn || state.view !== 'live') return;
		if (error.status === 400) live.newest = '';
		problem(error, 'live');
		if (error.status === 401) return;
		wait = Math.min(WORST_MS, POLL_MS * 2 ** ++live.failures);
	}
	live.timer = setTimeout(poll, wait);
}
async function older() {
	if (!live.more || live.busy || !live.batches.length) return;
	const turn = live.turn;
	live.busy = true;
	$('older').textContent = 'Searching …';
	try {
		const before = live.batches[live.batches.length - 1].oldest;
		const { head, items } = readAnswer(await ask('feed' + query({ ...live.filter, before })));
		if (turn !== live.turn) return;
		live.batches.push({ items, oldest: head.oldest });
		$('rows').append(...items);
		live.empty = items.length ? 0 : live.empty + 1;
		setMore(head.more);
		ages();
		solved('older');
	} catch (error) { if (turn === live.turn) problem(error, 'older'); } finally {
		live.busy = false;
		$('older').textContent = live.empty ? 'Search further back' : 'Older events';
	}
	if (turn === live.turn && live.empty > 0 && live.empty < 20) older();
}
function startLive(filter) {
	live.turn++;
	Object.assign(live, { filter, newest: '', batches: [], pending: [], dropped: 0, failures: 0, more: false, empty: 0, busy: false });
	for (const field of $('filters').elements) if (field.name) field.value = filter[field.name] || '';
	fill($('rows'));
	setMore(false);
	tellState();
	poll();
}
function setFilter(filter) { location.hash = 'live' + query(filter); }
function formFilter() {
	const filter = {};
	for (const field of $('filters').elements) if (field.name && field.value) filter[field.name] = field.value;
	return filter;
}
function exportRows() {
	const lines = [...$('rows').children].filter(isEvent).map((item) => item.line + '\n');
	const link = make('a', { href: URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' })), download: 'events.jsonl' });
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// --- rejected

async function showRejected() {
	const { more, reasons } = JSON.parse(await ask('rejected'));
	if (state.view !== 'rejected') return;
	const box = $('reasons');
	if (!reasons.length) return fill(box, text('p', 'Nothing was rejected.', 'muted'));
	fill(box, ...reasons.map(reasonOf));
	if (more) box.append(text('p', 'Older lines are not counted here.', 'muted'));
}
function reasonOf(reason) {
	const lines = make('div', {}), button = make('button', { type: 'button', 'aria-expanded': 'false' }, 'Show payloads');
	button.addEventListener('click', async () => {
		const open = button.getAttribute('aria-expanded') !== 'true';
		try {
			const found = open ? JSON.parse(await ask('rejected' + query({ reason: reason.reason }))).lines : [];
			fill(lines, ...found.map((line, i) => make('pre', { tabIndex: 0, role: 'region', 'aria-label': 'Payload ' + (i + 1) }, line)));
			button.setAttribute('aria-expanded', String(open));
			button.textContent = open ? 'Hide payloads' : 'Show payloads';
			solved('payloads');
		} catch (error) { if (state.view === 'rejected') problem(error, 'payloads'); }
	});
	return make('div', { className: 'card' }, text('h2', reason.reason),
		text('p', count(reason.count) + (reason.count === 1 ? ' time' : ' times') + ', first ' + clock(reason.first) + ', last ' + clock(reason.last), 'muted'),
		text('p', reason.remedy ? 'Remedy: ' + reason.remedy + '.' : ''), button, lines);
}

// --- schema

async function showSchema() {
	const { events, other } = JSON.parse(await ask('schema'));
	if (state.view !== 'schema') return;
	const box = $('catalogue');
	if (!events.length) return fill(box, text('p', 'No event was counted yet: maintenance counts every minute.', 'muted'));
	fill(box, ...events.map(eventOf));
	if (other) box.append(text('p', count(other) + ' more records have other names.', 'muted'));
}

// There may be thousands of names with hundreds of fields: only those that are looked at become rows.
function eventOf(event) {
	const fields = make('div', {}), details = make('details', { className: 'card' }, make('summary', {}, make('strong', {}, event.event || event.type), ' ' +
		(event.event ? event.type + ', ' : '') + count(event.count) + ', first ' + clock(event.first_seen) + ', last ' + clock(event.last_seen)), fields);
	const examples = (field) => field.values.length ? field.values.slice(0, 5).join(', ') + (field.values.length > 5 ? ', …' : '') : field.example === null ? '' : field.example;
	details.addEventListener('toggle', () => fill(fields, ...details.open ? [tableOf('Fields', ['Field', 'Types', '#Present', 'Examples'], event.fields.map((field) => [
		nameOf('td', field.name), text('td', field.types.join(', ')), text('td', Math.round(field.count / event.count * 100) + ' %', 'num'), text('td', examples(field))]))] : []));
	return details;
}

// --- overview

const figure = (name, value) => make('div', { className: 'card' }, text('b', value), text('span', name, 'muted'));
function bars(name, from, values) {
	const most = Math.max(1, ...values.map((v) => v[0] + v[1] + v[2]));
	const sums = [0, 1, 2].map((i) => values.reduce((sum, v) => sum + v[i], 0));
	const chart = make('div', { className: 'bars', role: 'img', 'aria-label': name + ': ' + count(sums[0]) + ' accepted, ' + count(sums[1]) + ' duplicate, ' + count(sums[2]) + ' rejected; at most ' + count(most) + ' at once' });
	for (const value of values) {
		const bar = make('i');
		['accepted', 'duplicate', 'rejects'].forEach((kind, i) => {
			const part = make('b', { className: kind });
			part.style.height = value[i] / most * 100 + '%';
			bar.append(part);
		});
		chart.append(bar);
	}
	const ends = make('p', { className: 'muted ends', 'aria-hidden': 'true' }, text('span', from), text('span', 'highest bar ' + count(most)), text('span', 'now'));
	return make('div', {}, text('h2', name), chart, ends, make('p', { className: 'muted legend' }, ...[['accepted', 'accepted'], ['duplicate', 'duplicate'], ['rejects', 'rejected']].map(
		([kind, word], i) => make('span', {}, text('span', '', 'key ' + kind), word + ' ' + count(sums[i])))));
}
function daysLeft(o) {
	const time = Math.min(o.now - o.since, 48 * 3600000);
	if (!o.recent_bytes || time < 60000) return '–';
	const days = o.free / (o.recent_bytes / time) / 86400000;
	return days > 3650 ? 'years' : days < 2 ? (days * 24).toFixed(1) + ' h' : Math.floor(days) + ' d';
}
// A head that begins with # belongs to a column of numbers.
const tableOf = (name, heads, rows) => make('div', { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': name }, make('table', {},
	make('thead', {}, make('tr', {}, ...heads.map((head) => make('th', { scope: 'col', className: head[0] === '#' ? 'num' : '' }, head.replace('#', ''))))), make('tbody', {}, ...rows.map((cells) => make('tr', {}, ...cells)))));
function cursorsOf(o) {
	if (!o.cursors.length) return text('p', 'No consumer has a cursor.', 'muted');
	return tableOf('Consumers', ['Consumer', 'Behind', 'Moved', 'State'], o.cursors.map((c) => [text('td', c.name),
		text('td', c.segments ? c.segments + ' segments' : bytes(c.bytes)), text('td', c.saved ? span(o.now - c.saved) + ' ago' : ''),
		text('td', c.damaged ? 'damaged' : c.held ? 'at work' : 'not running')]));
}
function quietOf(o) {
	if (!o.quiet.length) return text('p', 'No sender has gone quiet.', 'muted');
	return tableOf('Quiet senders', ['Sender', 'Silent for', 'Before, at most'], o.quiet.map((q) => [text('td', q.kind + ' ' + q.name),
		text('td', span(o.now - q.last), 'bad'), text('td', span(q.pause))]));
}
const lastOf = (o, name, last) => make('p', {}, make('strong', {}, name + ': '), ...last ? [
	make('span', { title: new Date(last.at).toLocaleString() }, span(o.now - last.at) + ' ago'), ', ' + last.message + '. Remedy: ' + last.remedy + '.'] : ['none.']);
async function showOverview() {
	const o = JSON.parse(await ask('overview'));
	if (state.view !== 'overview') return;
	$('insecure').hidden = o.https;
	const well = make('div', { className: 'card' }, text('h2', o.well ? 'All is well' : sentence(o.message), o.well ? 'good' : 'bad'),
		text('p', o.well ? (o.catching_up ? 'The index of event ids is catching up.' : 'An event sent now would be accepted.') : 'Remedy: ' + o.remedy + '.'));
	const parts = [well, text('h2', 'At Segment'), make('p', {}, 'Webhook URL: ', text('code', o.url)), text('p', 'A sender must show: ' + o.demand + '.')];
	if (o.minutes)
		parts.push(make('div', { className: 'grid' }, figure('accepted', count(o.accepted)), figure('duplicate', count(o.duplicate)), figure('rejected', count(o.rejected)),
			figure('in ' + count(o.segments) + ' segments', bytes(o.bytes)), figure('free', bytes(o.free)), figure('until the disk is full', daysLeft(o)), figure('event ids known', o.ids ? count(o.ids) : '–')),
		bars('Last hour, by minute', '1 h ago', o.minutes), bars('Last two days, by hour', '2 d ago', o.hours),
		text('h2', 'Last errors'), lastOf(o, 'Failure of this service', o.last_failure), lastOf(o, 'Refusal of a sender', o.last_refusal),
		text('h2', 'Quiet senders'), quietOf(o), text('h2', 'Consumers'), cursorsOf(o),
		text('p', 'hookspool ' + o.version + ', counting since ' + new Date(o.since).toLocaleString() + '.', 'muted'));
	fill($('figures'), ...parts);
}

// --- all together

const SHOW = { rejected: showRejected, schema: showSchema, overview: showOverview };
async function show() {
	const [name, rest] = location.hash.slice(1).split(/\?(.*)/s);
	const view = VIEWS.includes(name) ? name : 'live';
	state.view = view;
	clearTimeout(live.timer);
	problem(null);
	for (const other of VIEWS) $(other).hidden = other !== view;
	for (const link of $('views').children)
		if (link.hash === '#' + view) link.setAttribute('aria-current', 'page'); else link.removeAttribute('aria-current');
	if (view === 'live') return startLive(Object.fromEntries(new URLSearchParams(rest || '')));
	live.turn++;
	await loadView(view);
}
async function loadView(view) {
	try {
		await SHOW[view]();
		solved(view);
	} catch (error) { if (state.view === view) problem(error, view); }
}
async function start() {
	try {
		const o = JSON.parse(await ask('overview'));
		live.skew = o.now - Date.now();
		$('insecure').hidden = o.https;
	} catch (error) {
		if (error.status === 401) return showLogin('');
		$('login').hidden = true;
		$('app').hidden = false;
		setTimeout(start, WORST_MS / 6);
		return problem(error, 'start');
	}
	$('login').hidden = true;
	$('app').hidden = false;
	show();
}
$('insecure').hidden = location.protocol === 'https:'; // before a password is typed; then the server says
$('login-form').addEventListener('submit', logIn);
$('logout').addEventListener('click', logOut);
$('filters').addEventListener('submit', (event) => { event.preventDefault(); setFilter(formFilter()); });
$('filters').elements.type.addEventListener('change', () => setFilter(formFilter()));
$('clear').addEventListener('click', () => setFilter({}));
$('pause').addEventListener('click', () => { live.paused = !live.paused; if (live.paused) tellState(); else showPending(); });
$('new').addEventListener('click', () => { showPending(); window.scrollTo(0, 0); $('main').focus({ preventScroll: true }); });
$('export').addEventListener('click', exportRows);
$('older').addEventListener('click', () => { live.empty = 0; older(); });
new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) older(); }, { rootMargin: '300px' }).observe($('older'));
window.addEventListener('hashchange', () => { if (state.view) show(); });
document.querySelector('.skip').addEventListener('click', (event) => { event.preventDefault(); $('main').focus(); });
document.addEventListener('visibilitychange', () => { if (!document.hidden && state.view === 'live') poll(); });
setInterval(() => { if (state.view === 'live' && !document.hidden) ages(); else if (state.view === 'overview' && !document.hidden) loadView('overview'); }, 5000);
start();
