import { createHash } from 'node:crypto';

export interface MimePart {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What cloud-init tells by the first line. Source: cloud-init 22.4, cloudinit/handlers/__init__.py. */
const KINDS: readonly (readonly [string, string])[] = [
  ['#cloud-config', 'text/cloud-config'],
  ['#!', 'text/x-shellscript'],
  ['#cloud-boothook', 'text/cloud-boothook'],
  ['#include-once', 'text/x-include-once-url'],
  ['#include', 'text/x-include-url'],
  ['## template: jinja', 'text/jinja2'],
];

/** Whether cloud-init would know what to do with it. */
export function isUserData(text: string): boolean {
  return isMime(text) || kindOf(text) !== null;
}

function isMime(text: string): boolean {
  return /^(?:content-type|mime-version)\s*:/i.test(text);
}

function kindOf(text: string): string | null {
  // Longer beginnings stand first: `#cloud-config-archive` is another format, which is told apart by its
  // type.
  if (text.startsWith('#cloud-config-archive')) return 'text/cloud-config-archive';
  return KINDS.find(([start]) => text.startsWith(start))?.[1] ?? null;
}

/** The borrower's own user data as a part; one that has several parts stays whole inside. */
export function ownPart(text: string): MimePart {
  if (!isMime(text)) return { headers: { 'Content-Type': kindOf(text) ?? 'text/plain' }, body: text };
  const [head = '', ...rest] = text.split(/\r?\n\r?\n/);
  const headers: Record<string, string> = {};
  for (const line of head.replaceAll(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const [, name = '', value = ''] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
    if (/^content-type$/i.test(name)) headers['Content-Type'] = value;
    if (/^content-transfer-encoding$/i.test(name)) headers['Content-Transfer-Encoding'] = value;
  }
  return { headers, body: rest.join('\n\n') };
}

/** A `multipart/mixed` message. Its boundary follows from the content, so that equal data render equally. */
export function archive(parts: readonly MimePart[]): string {
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  const boundary = `berth-${digest.slice(0, 32)}`;
  const rendered = parts.map((part) => `--${boundary}\n${partText(part)}`);
  return [
    `Content-Type: multipart/mixed; boundary="${boundary}"`,
    'MIME-Version: 1.0',
    '',
    ...rendered,
    `--${boundary}--`,
    '',
  ].join('\n');
}

/** Text that is not ASCII is encoded: cloud-init reads the message with Python's `email`, which wants that. */
function partText({ headers, body }: MimePart): string {
  const type = headers['Content-Type'] ?? 'text/plain';
  const isEncodedAlready = headers['Content-Transfer-Encoding'] !== undefined;
  const isMultipart = type.startsWith('multipart/');
  const needsEncoding = !isEncodedAlready && !isMultipart && /[^\n\t\x20-\x7e]/.test(body);
  const all: Record<string, string> = { 'MIME-Version': '1.0', ...headers };
  if (!isMultipart && !/charset=/i.test(type)) all['Content-Type'] = `${type}; charset="utf-8"`;
  if (needsEncoding) all['Content-Transfer-Encoding'] = 'base64';
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${lines.join('\n')}\n\n${needsEncoding ? wrapped(body) : body}`;
}

/** RFC 2045, section 6.8: lines of 76 characters. */
function wrapped(body: string): string {
  return (
    Buffer.from(body)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  ).join('\n');
}
