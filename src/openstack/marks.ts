import { assert } from '../base/assert.ts';
import { asId, type LeaseId } from '../base/ids.ts';
import { SECOND_MS } from '../base/units.ts';
import type { AtEnd } from '../domain/model/lease.ts';
import type { BerthMark, Terms } from '../domain/provision/sighting.ts';

/** Nova's limits on a tag: 60 characters, no `/` and no `,` (nova/objects/tag.py, 26.2.2). */
const TAG_CHARS_MAX = 60;
const MARK = /^berth:([A-Za-z0-9-]{1,40}):([A-Za-z0-9-]{1,40})$/;
const METADATA = {
  deployment: 'berth_deployment',
  lease: 'berth_lease',
  project: 'berth_project',
  owner: 'berth_owner',
  duration: 'berth_duration_s',
  atEnd: 'berth_at_end',
} as const;
const AT_ENDS = ['shelve', 'delete', 'shelve_or_delete'] as const satisfies readonly AtEnd[];

/**
 * The text that everything made for a lease carries: as tag of a server, as description of ports and floating
 * IPs.
 */
export function markText(deploymentId: string, leaseId: LeaseId): string {
  const text = `berth:${deploymentId}:${leaseId}`;
  assert(text.length <= TAG_CHARS_MAX && MARK.test(text), 'deployment and lease ids fit into a Nova tag');
  return text;
}

/** The same in a second place: an owner who edits the tags seldom touches the metadata. */
export function markMetadata(deploymentId: string, leaseId: LeaseId): Readonly<Record<string, string>> {
  return { [METADATA.deployment]: deploymentId, [METADATA.lease]: leaseId };
}

/**
 * Whose lease a server is of, for an adoption: Nova's own record names Berth's account wherever Berth made it
 * in its own name.
 */
export function borrowerMetadata(lease: {
  readonly projectId: string;
  readonly ownerId: string;
}): Readonly<Record<string, string>> {
  return { [METADATA.project]: lease.projectId, [METADATA.owner]: lease.ownerId };
}

/** null: the server does not tell. Who owns the server can change both. */
export function borrowerOf({ metadata }: { readonly metadata: Readonly<Record<string, string>> }): {
  readonly projectId: string | null;
  readonly userId: string | null;
} {
  return { projectId: metadata[METADATA.project] ?? null, userId: metadata[METADATA.owner] ?? null };
}

/**
 * For how long it was lent, and what comes then, for whoever has lost the records. It costs no call, and an
 * extension, which would cost one, does not change it.
 */
export function termsMetadata({
  durationMs,
  atEnd,
}: {
  readonly durationMs: number;
  readonly atEnd: AtEnd;
}): Readonly<Record<string, string>> {
  return { [METADATA.duration]: String(Math.round(durationMs / SECOND_MS)), [METADATA.atEnd]: atEnd };
}

/** null: the server does not tell. Who owns the server can change both. */
export function termsOf({ metadata }: { readonly metadata: Readonly<Record<string, string>> }): Terms {
  const seconds = metadata[METADATA.duration] ?? '';
  const atEnd = metadata[METADATA.atEnd];
  return {
    durationMs: /^[1-9]\d{0,8}$/.test(seconds) ? Number(seconds) * SECOND_MS : null,
    atEnd: AT_ENDS.find((known) => known === atEnd) ?? null,
  };
}

/** Reads a description; null: not a mark of ours. */
export function parseMark(text: string): BerthMark {
  const match = MARK.exec(text);
  const [deploymentId, leaseId] = [match?.[1], match?.[2]];
  return deploymentId === undefined || leaseId === undefined
    ? null
    : { deploymentId, leaseId: asId(leaseId) };
}

/** The mark of a server: its tag, else its metadata. */
export function markOf(server: {
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}): BerthMark {
  for (const tag of server.tags) {
    const mark = parseMark(tag);
    if (mark !== null) return mark;
  }
  const deploymentId = server.metadata[METADATA.deployment];
  const leaseId = server.metadata[METADATA.lease];
  return deploymentId === undefined || leaseId === undefined
    ? null
    : parseMark(`berth:${deploymentId}:${leaseId}`);
}
