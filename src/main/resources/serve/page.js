'use strict';

const token = document.querySelector('meta[name=backfill-token]').content;
const STATES = ['found', 'absent', 'unresolved', 'failed'];
const HOUR = 3600e3;
const DAY = 24 * HOUR;
/** As many failed ids as the program sends at most. */
const MOST_FAILED = 200;
const STEP = 5e3;
const SPANS = [5 * 60e3, 15 * 60e3, HOUR];
const history = {};
const states = {};
// the pace that was told last, of each source: its curve has one every few seconds
const told = {};
const refusedBefore = {};

const at = id => document.getElementById(id);
const count = n => n.toLocaleString('en-US');
const rate = n => n >= 100 ? Math.round(n).toLocaleString('en-US') : n.toFixed(1);

/** A rate in the unit that a person reads: 4,472 ids/s, 7.8 ids/min, 3.0 ids/h. */
function speed(perSecond, things) {
  const [n, unit] = perSecond >= 1 || !perSecond ? [perSecond, '/s'] : perSecond * 60 >= 1 ? [perSecond * 60, '/min'] : [perSecond * 3600, '/h'];
  return rate(n) + ' ' + things + unit;
}

/** A pace and its limit, both in the limit's unit. */
function paced(perSecond, limit) {
  if (!limit) return 'not asked yet';
  const [times, unit] = limit >= 1 || !limit ? [1, '/s'] : [60, '/min'];
  return rate(times * perSecond) + ' of ' + rate(times * limit) + ' requests' + unit;
}

/** An element with its class, and its text or children. */
function make(name, className, ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

function duration(seconds) {
  if (seconds < 60) return Math.round(seconds) + ' s';
  if (seconds < 3600) return Math.floor(seconds / 60) + ' min ' + Math.round(seconds % 60) + ' s';
  return Math.floor(seconds / 3600) + ' h ' + Math.floor(seconds % 3600 / 60) + ' min';
}

/** Replaces an element's content, unless it is the same, so that selection stays; a button keeps the focus. */
function show(id, ...content) {
  const next = make('div', '', ...content);
  if (at(id).innerHTML === next.innerHTML) return;
  const focused = at(id).contains(document.activeElement) && document.activeElement.dataset.stop;
  at(id).replaceChildren(...next.childNodes);
  if (focused) at(id).querySelector('[data-stop="' + CSS.escape(focused) + '"]')?.focus();
}

function bar(ids) {
  const all = make('div', 'bar');
  for (const state of STATES) {
    if (!ids[state]) continue;
    const part = make('div', state);
    part.style.width = 100 * ids[state] / Math.max(1, ids.total) + '%';
    all.append(part);
  }
  all.setAttribute('role', 'img');
  all.setAttribute('aria-label', sums(ids));
  return all;
}

function sums(ids) {
  return count(ids.total) + (ids.total === 1 ? ' id = ' : ' ids = ') + [...STATES, 'pending'].map(state => count(ids[state]) + ' ' + state).join(' + ');
}

const runsOf = ledger => ledger.runs.filter(run => run.state === 'running');

/** Whether a process waits for what the source adds to a job that is complete so far. */
const follows = ledger => ledger.runs.some(run => run.state === 'following');

/** The ids of a job: what its only run says of itself is the newest. */
function idsOf(ledger) {
  const running = runsOf(ledger);
  return running.length === 1 && !running[0].worker ? running[0].ids : ledger.ids;
}

const clock = time => new Date(time).toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'});

/** An instant on an axis: the time of day where the axis is short, the day where it is long. */
function tick(time, span) {
  const date = new Date(time);
  return span <= DAY ? clock(time) : span <= 14 * DAY ? date.toLocaleDateString([], {month: 'short', day: 'numeric'}) + ' ' + clock(time)
    : date.toLocaleDateString([], {year: 'numeric', month: 'short', day: 'numeric'});
}

/** The times below a curve or above bars: where it begins, its middle, where it ends. */
function axis(from, to) {
  return make('div', 'axis', ...[from, (from + to) / 2, to].map(time => make('span', '', tick(time, to - from))));
}

/** How long something still takes, and until when. */
const left = seconds => duration(seconds) + ' left, until ' + clock(Date.now() + 1000 * seconds);

function job(ledger) {
  const running = runsOf(ledger);
  const last = ledger.runs[ledger.runs.length - 1];
  const ids = idsOf(ledger);
  const done = ids.total ? 100 * (ids.total - ids.pending) / ids.total : 0;
  const head = make('div', '', make('strong', '', ledger.job));
  head.append(running.length ? done.toFixed(1) + ' %' : last ? (follows(ledger) ? 'following, complete at ' : 'last run: ' + last.state + ', ') + new Date(last.updated_at).toLocaleString() : 'no run');
  const card = make('div', 'card', head, bar(ids), make('p', 'dim', sums(ids)));
  card.dataset.job = ledger.job;
  for (const run of running) {
    const now = run.numbers ? speed(run.numbers.per_second, run.numbers.unit) : speed(run.run.ids_per_second, 'ids');
    const pace = paced(run.run.requests_per_second, run.run.limit_per_second);
    const line = make('p', '', (run.worker ? 'worker ' + run.worker + ': ' : '') + (run.waits_for ? 'waits for ' + run.waits_for : run.run.requests ? now + ', ' + pace
      : run.ids.pending ? 'no answer yet, ' + pace : 'nothing is left to ask for')
      + (run.run.seconds_left ? ', ' + left(run.run.seconds_left) : ''));
    card.append(line);
    if (run.run.waiting_for) card.append(make('p', 'bad', run.run.waiting_for));
  }
  if (running.length || follows(ledger)) {
    const stop = make('button', '', 'Stop ' + ledger.job);
    stop.dataset.stop = ledger.job;
    card.append(stop);
  }
  const rows = ledger.rows;
  card.append(make('p', ledger.balanced ? 'dim' : 'bad', count(rows.fetched) + ' rows fetched = ' + count(rows.inserted)
    + ' inserted + ' + count(rows.duplicate) + ' duplicate + ' + count(rows.rejected) + ' rejected'
    + (rows.of ? ' (' + rows.of + ')' : '')
    + (ledger.balanced ? '' : ': the sums do not add up')));
  return card;
}

/** What the marks of a curve mean, where it has any. */
function marked(samples) {
  const refused = samples.reduce((sum, s) => sum + (s.refused || 0), 0);
  return (refused ? '; orange marks: ' + count(refused) + ' × HTTP 429' : '')
    + (samples.some(s => s.open) ? '; marks at the top: the circuit breaker was open' : '')
    + (samples.some(s => s.troubled) ? '; red: no good answer' : '');
}

/** The curve of a source's pace, its limit as a dashed line; marks where it refused calls or gave no good answer. */
function curve(source, samples, now) {
  const most = Math.max(...samples.map(s => Math.max(s.rate, s.limit)), 0.001) * 1.1;
  // what began a minute ago would be a dot on an hour
  const span = SPANS.find(span => now - samples[0].at <= span) || HOUR;
  const x = s => 1000 * (1 - (now - s.at) / span);
  const y = value => 70 - 70 * value / most;
  const lines = {rate: '', limit: ''};
  let before = null;
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const add = (name, attributes) => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    svg.append(element);
  };
  for (const s of samples) {
    for (const line in lines) {
      // the limit is known from the first request on
      const begins = !before || s.at - before.at >= 3 * STEP || line === 'limit' && !before.limit;
      lines[line] += (begins ? 'M' : 'L') + x(s).toFixed(1) + ' ' + y(s[line]).toFixed(1);
    }
    if (s.troubled) add('rect', {x: x(s).toFixed(1), y: 0, width: 2, height: 70});
    if (s.refused) add('rect', {x: x(s).toFixed(1), y: 50, width: 3, height: 20, class: 'refused'});
    if (s.open) add('rect', {x: x(s).toFixed(1), y: 0, width: 2, height: 20, class: 'open'});
    before = s;
  }
  add('path', {d: lines.limit, class: 'limit'});
  add('path', {d: lines.rate});
  svg.setAttribute('viewBox', '0 0 1000 70');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  const last = told[source] || samples[samples.length - 1];
  // a run that has just begun has no limit yet
  const asked = last.limit ? last : samples.findLast(sample => sample.limit) || last;
  const ago = duration((now - asked.at) / 1000) + ' ago';
  // a run may end before its pace was measured
  const measured = last.rate ? last : samples.findLast(sample => sample.rate);
  const said = source + ': ' + (now - asked.at <= 3 * STEP || !asked.limit ? paced(asked.rate, asked.limit)
    : measured ? paced(measured.rate, measured.limit) + ' when it was last asked, ' + ago
      : 'last asked ' + ago + ', for too short a time to measure the pace');
  const marks = marked(samples);
  svg.setAttribute('aria-label', said + marks);
  const card = make('div', 'card', make('div', '', said), svg, axis(now - span, now));
  if (marks) card.append(make('p', 'dim', marks.slice(2)));
  if (states[source]) card.append(inForce(states[source]));
  return card;
}

/** The throttle in force, the answers by HTTP status, and an open circuit breaker. */
function inForce(state) {
  const answers = Object.entries(state.answers).map(([status, n]) => count(n) + ' × ' + (status === 'none' ? 'no answer' : 'HTTP ' + status));
  return make('p', state.circuit_open ? 'bad' : 'dim', 'limit: ' + (state.throttle || 'not asked yet')
    + (answers.length ? '; answers: ' + answers.join(', ') : '') + (state.circuit_open ? '; the circuit breaker is open' : ''));
}

function happened(one) {
  // a message of a run of one job begins with its name
  const own = one.what.replace('run ', '') + ': ';
  const event = one.event.startsWith(own) ? one.event.slice(own.length) : one.event;
  return make('li', '', make('time', 'dim', new Date(one.at).toLocaleString()), ' ' + one.what + ': ' + event);
}

/** How a share changed from verdict to verdict: its points from the first to the last one. */
function change(measure, points) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  const first = points[0][0];
  const newest = points[points.length - 1][0];
  const span = Math.max(1, newest - first);
  path.setAttribute('d', points.map(([at, value], i) => (i ? 'L' : 'M') + (1000 * (at - first) / span).toFixed(1) + ' '
    + (70 - 70 * value).toFixed(1)).join(''));
  svg.append(path);
  svg.setAttribute('viewBox', '0 0 1000 70');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  for (const share of [0.005, 0.5, 0.995]) {
    const line = document.createElementNS(svg.namespaceURI, 'path');
    line.setAttribute('class', 'limit');
    line.setAttribute('d', 'M0 ' + (70 - 70 * share) + 'L1000 ' + (70 - 70 * share));
    svg.append(line);
  }
  const said = measure + ': ' + (100 * points[0][1]).toFixed(1) + ' % on ' + new Date(first).toLocaleString() + ', '
    + (100 * points[points.length - 1][1]).toFixed(1) + ' % on ' + new Date(newest).toLocaleString();
  svg.setAttribute('aria-label', said);
  return make('div', 'card', make('div', '', said), svg, axis(first, newest), make('p', 'dim', 'dashed: 0, 50 and 100 %'));
}

/** The last verdict of ready: what is missed, with what to type. */
function verdict(ready) {
  const missed = ready.measures.filter(measure => !measure.ok);
  const coverage = ready.measures.find(measure => measure.measure === 'fills-coverage');
  const card = make('div', 'card', make('div', '', make('strong', ready.ready ? '' : 'bad', ready.ready ? 'YES' : 'NO'),
    missed.length ? missed.length + ' of ' + ready.measures.length + ' measures miss their threshold' : 'all thresholds are met'));
  if (coverage && coverage.value !== null) card.append(make('p', '', 'markets with fills: ' + (100 * coverage.value).toFixed(1) + ' %'));
  for (const measure of missed) card.append(make('p', 'dim', measure.meaning + (measure.to_do ? ': ' + measure.to_do : '')));
  return card;
}

function pipeline(pass) {
  const begins = Date.parse(pass.started_at);
  const start = step => step.started_at ? (Date.parse(step.started_at) - begins) / 1000 : 0;
  const whole = Math.max(1, ...pass.steps.map(step => start(step) + step.seconds));
  const body = make('tbody', '');
  for (const step of pass.steps) {
    const time = make('div', step.started_at ? 'step' : '');
    time.style.marginLeft = 'min(' + 100 * start(step) / whole + '%, 100% - 2px)';
    time.style.width = 100 * step.seconds / whole + '%';
    body.append(make('tr', '', make('td', 'word', step.step), make('td', step.state === 'failed' ? 'bad word' : 'word', step.state),
      make('td', 'time', time), make('td', 'number', step.started_at ? duration(step.seconds) : ''), make('td', 'dim words', step.now || step.reason || step.title)));
  }
  const card = make('div', 'card', make('div', '', make('strong', '', pass.pipeline), 'pass ' + pass.pass + ': ' + pass.state
    + ', ' + duration(pass.spent_seconds) + ' of ' + duration(pass.budget_seconds)), make('div', 'scroll', make('table', '', make('thead', '', make('tr', '', make('td', ''), make('td', ''),
    make('td', 'time', axis(begins, begins + 1000 * whole)), make('td', ''), make('td', ''))), body)));
  if (pass.state === 'running') {
    const stop = make('button', '', 'Stop ' + pass.pipeline);
    stop.dataset.stop = pass.pipeline;
    card.append(stop);
  }
  return card;
}

function started(one) {
  // 143: it was asked to end before it could take the signal
  const stopped = [130, 143].includes(one.exit_code);
  return make('li', one.exit_code && !stopped ? 'bad' : '', one.what + (one.running ? ' runs' : stopped ? ' was stopped'
    : ' ended with exit code ' + one.exit_code) + (one.exit_code && one.last_line ? ': ' + one.last_line : ''));
}

function schedule(one) {
  return make('li', one.last_result && one.last_result.startsWith('exit code') ? 'bad' : '', one.name
    + (one.every === 'follow' ? ' follows its source: ' : ' every ' + one.every + ': ')
    + (one.running ? 'runs' : 'next at ' + new Date(one.next).toLocaleString())
    + (one.last_end ? '; last run ended ' + new Date(one.last_end).toLocaleString() + ': ' + one.last_result : ''));
}

function report(one) {
  const link = make('a', '', one.name);
  link.href = 'report?name=' + encodeURIComponent(one.name);
  return make('li', '', link, ' of ' + new Date(one.at).toLocaleString());
}

/** Fills a list to choose from, where what there is has changed. */
function choices(id, groups) {
  const select = at(id);
  const text = JSON.stringify(groups);
  if (select.dataset.of === text) return;
  select.dataset.of = text;
  const chosen = select.value;
  select.replaceChildren(...Object.entries(groups).filter(([, names]) => names.length).map(([label, names]) => {
    const group = make('optgroup', '', ...names.map(name => make('option', '', name)));
    group.label = label;
    return group;
  }));
  if (chosen) select.value = chosen;
}

/** Whether it goes well, when it is done, whether the data can be used: what a person opens the page for. */
function summary(status) {
  const runs = status.jobs.flatMap(ledger => runsOf(ledger).map(run => ({...run, name: ledger.job})));
  const waiting = runs.filter(run => run.run.waiting_for);
  const passes = status.pipelines.filter(pass => pass.state === 'running');
  const failed = status.jobs.reduce((sum, ledger) => sum + idsOf(ledger).failed, 0);
  const wrong = status.jobs.filter(ledger => !ledger.balanced && !runsOf(ledger).length).map(ledger => ledger.job);
  const died = status.jobs.filter(ledger => !runsOf(ledger).length && ledger.ids.pending && ledger.runs.some(run => ['died', 'gave up', 'not balanced'].includes(run.state)));
  const following = status.jobs.filter(follows).map(ledger => ledger.job);
  const bad = wrong.length || waiting.length || died.length;
  const well = wrong.length ? ['No', 'the sums of ' + wrong.join(', ') + ' do not add up']
    : waiting.length ? ['It waits', waiting[0].name + ': ' + waiting[0].run.waiting_for]
      : died.length ? ['No', died.map(ledger => ledger.job + ' ' + ledger.runs[ledger.runs.length - 1].state).join(', ') + ': start it again to continue']
        : runs.length || passes.length ? ['Yes', [...passes.map(pass => pass.pipeline), ...runs.map(run => run.name)].join(', ')
          + (runs.length + passes.length > 1 ? ' run' : ' runs')]
          : following.length ? ['Yes', following.join(', ') + (following.length > 1 ? ' follow' : ' follows')] : ['Nothing runs', ''];
  const asking = runs.filter(run => run.ids.pending);
  const longest = asking.length ? Math.max(...asking.map(run => run.run.seconds_left ?? NaN)) : 0;
  const pending = status.jobs.reduce((sum, ledger) => sum + idsOf(ledger).pending, 0);
  const open = passes.flatMap(pass => pass.steps).filter(step => ['pending', 'running', 'waiting'].includes(step.state)).length;
  const done = open ? [open + (open === 1 ? ' step' : ' steps') + ' left', 'of ' + passes.map(pass => pass.pipeline).join(', ')
      + (longest ? '; the step that runs: ' + left(longest) : '')]
    : runs.length ? longest ? ['At ' + clock(Date.now() + 1000 * longest), duration(longest) + ' left']
      : asking.length ? ['Not known yet', 'the rate is being measured'] : ['In a moment', 'no id is pending']
      : pending ? ['Not done', count(pending) + (pending === 1 ? ' id is' : ' ids are') + ' pending: start the job again']
        : status.jobs.length ? ['Done', 'no id is pending'] : ['Not begun', 'start a job below'];
  const ready = status.ready;
  const missed = ready ? ready.measures.filter(measure => !measure.ok).length : 0;
  const use = !ready ? ['Not measured yet', 'start ready below'] : ready.ready ? ['Yes', 'all thresholds are met']
    : ['No', missed + ' of ' + ready.measures.length + ' measures miss their threshold'];
  if (ready && ready.at) use[1] += ', ' + new Date(ready.at).toLocaleString();
  const card = (question, [answer, why], className) => make('div', 'card', make('p', 'dim', question),
    make('p', 'answer ' + className, answer), make('p', 'dim', why));
  const failures = failed ? (well[1] ? '; ' : '') + count(failed) + (failed === 1 ? ' id' : ' ids') + ' failed' : '';
  return [card('Does it go well?', [well[0], well[1] + failures], bad ? 'bad' : runs.length || passes.length || following.length ? 'good' : ''),
    card('When is it done?', done, ''),
    card('Can I use the data?', use, ready ? ready.ready ? 'good' : 'bad' : '')];
}

function empty(list, text) {
  return list.length ? list : [make('p', 'dim', text)];
}

function update(status) {
  const now = Date.now();
  for (const source of status.pace) {
    // a run that has not asked yet knows no limit
    if (source.state && (source.state.throttle || !states[source.source])) states[source.source] = source.state;
    told[source.source] = {at: now, rate: source.requests_per_second, limit: source.limit_per_second};
    const samples = history[source.source] = history[source.source] || [];
    if (!samples.length || now - samples[samples.length - 1].at >= STEP) {
      const counted = source.state && source.state.answers[429] || 0;
      const before = refusedBefore[source.source] || 0;
      refusedBefore[source.source] = counted;
      samples.push({at: now, rate: source.requests_per_second, limit: source.limit_per_second, troubled: 'waiting_for' in source,
        refused: counted < before ? counted : counted - before, open: !!(source.state && source.state.circuit_open)});
    }
    while (now - samples[0].at > HOUR) samples.shift();
  }
  const idle = ledger => runsOf(ledger).length ? 0 : 1;
  const ledgers = [...status.jobs].sort((a, b) => idle(a) - idle(b));
  show('summary', ...summary(status));
  show('jobs', ...empty(ledgers.map(job), 'No job has run here yet. Choose one below and press Start, or type: ./backfill run payouts --ids FILE'));
  show('pace', ...empty(Object.keys(history).sort().map(source => curve(source, history[source], now)),
    'No source was asked in the last hour.'));
  show('pipelines', ...empty(status.pipelines.map(pipeline), 'No pipeline has run here yet. Type: ./backfill pipeline overnight --dry-run'));
  show('started', ...status.started.map(started));
  show('events', ...empty(status.events.map(happened), 'Nothing has happened here yet.'));
  show('ready', ...empty(status.ready ? [verdict(status.ready),
    ...Object.entries(status.coverage).filter(([, points]) => points.length > 1).map(([measure, points]) => change(measure, points))] : [], 'Not measured yet. Start ready, or type: ./backfill ready'));
  show('schedules', ...empty(status.schedules.map(schedule), 'None. Set serve.schedule.JOB in application.properties, such as 6h.'));
  show('reports', ...empty(status.reports.map(report), 'None yet. Start ready: it says whether the data can be used.'));
  choices('what', status.can_start);
  choices('failed-job', {jobs: status.jobs.filter(ledger => status.can_start.jobs.includes(ledger.job)).map(ledger => ledger.job)});
  const failed = status.jobs.reduce((sum, ledger) => sum + idsOf(ledger).failed, 0);
  const running = [...status.pipelines.filter(pass => pass.state === 'running').map(pass => pass.pipeline),
    ...status.jobs.filter(ledger => !idle(ledger)).map(ledger => ledger.job)];
  showFailed(status);
  document.title = (running.length ? running.join(', ') + ' – ' : '') + 'Polymarket backfills';
  at('live').textContent = (running.length ? running.join(', ') + (running.length > 1 ? ' run' : ' runs') : 'Nothing runs')
    + (failed ? ', ' + count(failed) + (failed === 1 ? ' id' : ' ids') + ' failed' : '');
}

async function act(action, what, options) {
  const query = new URLSearchParams({do: action, what, options: options || ''});
  const answer = await fetch('act?' + query, {method: 'POST', headers: {'X-Backfill-Token': token}});
  at('said').className = answer.ok ? '' : 'bad';
  at('said').textContent = (await answer.text()).trim();
}

/** How many ids of each job have failed, as the status has it. */
let failedBefore = '';

/** Shows failed ids without a click, and anew when there are others, of a job that has some. */
function showFailed(status) {
  const counts = status.jobs.filter(ledger => !runsOf(ledger).length).map(ledger => [ledger.job, ledger.ids.failed]);
  if (JSON.stringify(counts) === failedBefore) return;
  failedBefore = JSON.stringify(counts);
  const some = counts.filter(([, n]) => n).map(([name]) => name);
  if (some.length && !some.includes(at('failed-job').value)) at('failed-job').value = some[0];
  failed();
}

async function failed() {
  const name = at('failed-job').value;
  at('retry').disabled = true;
  if (!name) return show('failed', make('p', 'dim', 'No job has run here yet.'));
  const answer = await fetch('failed.json?' + new URLSearchParams({job: name, search: at('search').value}));
  if (!answer.ok) return show('failed', make('p', 'bad', await answer.text()));
  const rows = await answer.json();
  if (!rows.length) return show('failed', make('p', 'dim', at('search').value ? 'No failed id of ' + name + ' matches.' : 'No id of ' + name + ' has failed.'));
  at('retry').disabled = false;
  const body = make('tbody', '', ...rows.map(row => make('tr', '', make('td', '', row.id), make('td', '', String(row.status || '')),
    make('td', 'number', String(row.attempts)), make('td', '', row.reason))));
  const head = make('thead', '', make('tr', '', ...['id', 'HTTP status', 'attempts', 'reason'].map(title => make('th', '', title))));
  const table = make('div', 'scroll rows', make('table', '', head, body));
  // so that the keyboard scrolls it
  table.tabIndex = 0;
  table.setAttribute('role', 'region');
  table.setAttribute('aria-label', 'failed ids of ' + name);
  show('failed', make('p', 'dim', rows.length < MOST_FAILED ? count(rows.length) + (rows.length === 1 ? ' id' : ' ids')
    : 'the first ' + count(rows.length) + '; all: ./backfill ledger ' + name + ' --state failed'), table);
}

at('start').addEventListener('submit', event => {
  event.preventDefault();
  act('run', at('what').value, at('options').value);
});
at('find').addEventListener('submit', event => {
  event.preventDefault();
  failed();
});
at('failed-job').addEventListener('change', failed);
at('retry').addEventListener('click', () => act('retry', at('failed-job').value));
document.addEventListener('click', event => event.target.dataset.stop && act('stop', event.target.dataset.stop));

fetch('history.json').then(answer => answer.json()).then(all => {
  for (const source in all) history[source] = all[source].concat(history[source] || []);
}).finally(() => {
  const events = new EventSource('events');
  events.onmessage = event => update(JSON.parse(event.data));
  events.onerror = () => { at('live').textContent = 'The connection is lost; start ./backfill serve again, and open its link.'; };
});
