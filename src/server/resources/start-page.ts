/** What the page does: shows live numbers. Plain DOM; texts from the server only ever become text nodes. */
const SCRIPT = `
const cell = (tag, text) => Object.assign(document.createElement(tag), { textContent: text });
async function show() {
  const flavors = document.querySelector('#flavors');
  const status = document.querySelector('#status');
  try {
    const report = await fetch('/gpus/flavors');
    const body = await report.json();
    if (!report.ok) throw new Error(body.detail);
    flavors.replaceChildren(...body.flavors.map((flavor) => {
      const row = document.createElement('tr');
      row.append(cell('th', flavor.flavor_name), cell('td', flavor.available), cell('td', flavor.total));
      row.firstChild.scope = 'row';
      return row;
    }));
    document.querySelector('#seen').textContent = 'Observed ' + body.timestamp + ' UTC.';
  } catch (error) {
    document.querySelector('#seen').textContent = 'Availability is unknown: ' + error.message;
  }
  const reply = await fetch('/v1/status').catch(() => null);
  if (reply === null || !reply.ok) {
    status.textContent = reply?.status === 401
      ? 'The state of the service needs a token.'
      : 'The service does not answer.';
    return;
  }
  const body = await reply.json();
  const leases = Object.entries(body.lease_counts).filter(([, count]) => count > 0);
  const counts = leases.map(([state, count]) => count + ' ' + state).join(', ');
  status.textContent = (body.open ? 'Demo: everybody on this machine is admin. ' : '')
    + (body.freeze.frozen ? 'Frozen: ' + body.freeze.reason + '. ' : '')
    + 'Leases: ' + (counts || 'none') + '.';
}
show();
setInterval(() => { if (!document.hidden) show(); }, 5000);
`;

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 0 auto; padding: 1rem; }
h1 { margin-bottom: 0; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; padding: .4rem .5rem; }
th, td { border-bottom: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
td, thead th:not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
tbody th { font-weight: 400; overflow-wrap: anywhere; }
code { font-size: .95em; overflow-wrap: anywhere; }
li { padding: .2rem 0; }
a:focus-visible { outline: 3px solid; outline-offset: 2px; }
`;

/**
 * The page at `/`: live numbers and where to go on. `nonce` (base64) lets its own script and style through
 * the policy.
 */
export function startPage(nonce: string, version: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Berth</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<header>
<h1>Berth</h1>
<p>Borrow GPUs for a limited time. Version ${version.replaceAll(/[^\w.+-]/g, '')}.</p>
</header>
<main>
<table>
<caption>GPU flavors</caption>
<thead><tr><th scope="col">Flavor</th><th scope="col">Free now</th><th scope="col">Total</th></tr></thead>
<tbody id="flavors"></tbody>
</table>
<p id="seen" role="status"></p>
<p id="status" role="status"></p>
<noscript>
<p>The numbers need JavaScript; they are also at <a href="/gpus/flavors">/gpus/flavors</a>.</p>
</noscript>
<h2>Borrow one</h2>
<p>In a terminal on this machine:
<code>berth flavor list</code>, then <code>berth borrow FLAVOR --for 2h</code>.</p>
<nav aria-label="More">
<ul>
<li><a href="/ui/">Try the API in the browser</a></li>
<li><a href="/openapi.json">Description of the API (OpenAPI)</a></li>
<li><a href="/gpus/flavors">GPU flavor report</a></li>
<li><a href="/metrics">Metrics for Prometheus</a></li>
<li><a href="/readyz">Readiness</a></li>
</ul>
</nav>
</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}
