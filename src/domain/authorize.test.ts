import { describe, expect, test } from 'vitest';
import { asId } from '../base/ids.ts';
import {
  T0,
  create,
  flavor,
  host,
  lease,
  limited,
  project,
  slotHost,
  world,
} from '../../test/support/worlds.ts';
import type { Actor } from './actor.ts';
import { authorize, hasRole, maySee } from './authorize.ts';
import type { Command, CommandType } from './command.ts';
import { execute } from './decide.ts';
import { NO_REFS } from './model/lease.ts';
import { ROLES, type Role, type Token } from './model/token.ts';
import type { World } from './world.ts';

const token = (id: string, projectId: string, role: Role): Token => ({
  id: asId(id),
  name: id,
  secretHash: id,
  projectId: project(projectId),
  role,
  createdAtMs: T0,
  createdBy: 'x',
  expiresAtMs: T0 + 1,
});

/** `own` has a lease of ann and a token; `other` has a lease of its own and a token. */
function worldOfTwo(): World {
  const w = world([slotHost('s1', { V100: 4 })], [flavor('one', { V100: 1 })]);
  execute(w, create('own-lease', 'one', { projectId: project('own'), ownerId: 'ann' }), T0, 'test');
  execute(w, create('other-lease', 'one', { projectId: project('other'), ownerId: 'eve' }), T0, 'test');
  for (const each of ['own', 'other']) {
    execute(w, { type: 'token.create', token: token(`${each}-token`, each, 'reader') }, T0, 'test');
  }
  return w;
}

type CommandOf<T extends CommandType> = Extract<Command, { readonly type: T }>;
type Answer = 'yes' | 'forbidden' | 'not_found';

interface Row<T extends CommandType> {
  /** The command about something of the project `own` or `other`. */
  readonly about: (where: 'own' | 'other') => CommandOf<T>;
  /** What reader, member (ann, the owner), manager and admin of `own` are told about things of `own`… */
  readonly own: readonly [Answer, Answer, Answer, Answer];
  /** … and about things of `other`. */
  readonly other: readonly [Answer, Answer, Answer, Answer];
}

const MEMBERS = ['forbidden', 'yes', 'yes', 'yes'] as const;
const MANAGERS = ['forbidden', 'forbidden', 'yes', 'yes'] as const;
const ADMINS = ['forbidden', 'forbidden', 'forbidden', 'yes'] as const;
const HIDDEN = ['not_found', 'not_found', 'not_found', 'yes'] as const;
const NOBODY = ['forbidden', 'forbidden', 'forbidden', 'forbidden'] as const;

const leaseOf = (where: string): ReturnType<typeof lease> => lease(`${where}-lease`);

/** About a thing of a project: foreign ones do not exist. */
const ofProject = <T extends CommandType>(about: Row<T>['about'], own: Row<T>['own']): Row<T> => ({
  about,
  own,
  other: HIDDEN,
});
/** About the service as a whole: the project makes no difference. */
const ofService = <T extends CommandType>(command: CommandOf<T>, own: Row<T>['own']): Row<T> => ({
  about: () => command,
  own,
  other: own,
});
const ofBerth = <T extends CommandType>(command: CommandOf<T>): Row<T> => ofService(command, NOBODY);

const failure = { code: 'x', message: 'x', next: 'final' } as const;
const connection = { host: '192.0.2.7', port: 22, user: 'u' };
const leaseId = leaseOf('own');

/** One row per command: a new command does not compile without its own. */
const RIGHTS: { readonly [T in CommandType]: Row<T> } = {
  'lease.create': ofProject((where) => create('new', 'one', { projectId: project(where) }), MEMBERS),
  'lease.extend': ofProject(
    (where) => ({ type: 'lease.extend', role: 'member', leaseId: leaseOf(where), expiresAtMs: T0 }),
    MEMBERS,
  ),
  'lease.release': ofProject((where) => ({ type: 'lease.release', leaseId: leaseOf(where) }), MEMBERS),
  'lease.shelve': ofProject((where) => ({ type: 'lease.shelve', leaseId: leaseOf(where) }), MEMBERS),
  'lease.unshelve': ofProject(
    (where) => ({
      type: 'lease.unshelve',
      role: 'member',
      leaseId: leaseOf(where),
      durationMs: null,
      waitUntilMs: null,
    }),
    MEMBERS,
  ),
  'lease.keep': ofProject(
    (where) => ({ type: 'lease.keep', leaseId: leaseOf(where), durationMs: 1 }),
    MEMBERS,
  ),
  'lease.ticket': ofProject(
    (where) => ({ type: 'lease.ticket', leaseId: leaseOf(where), ticket: null }),
    MEMBERS,
  ),
  'lease.adopt': ofService(
    {
      type: 'lease.adopt',
      leaseId: lease('new'),
      projectId: project('own'),
      ownerId: 'ann',
      name: 'x',
      flavorId: asId('one'),
      running: { hostId: host('s1'), connection },
      refs: NO_REFS,
      durationMs: 1,
      atEnd: 'delete',
    },
    ADMINS,
  ),
  'host.drain': ofService(
    { type: 'host.drain', hostId: host('s1'), fromMs: T0, untilMs: null, reason: 'x' },
    ADMINS,
  ),
  'host.undrain': ofService({ type: 'host.undrain', hostId: host('s1') }, ADMINS),
  'service.freeze': ofService({ type: 'service.freeze', reason: 'x' }, ADMINS),
  'service.thaw': ofService({ type: 'service.thaw' }, ADMINS),
  'service.takeOver': ofService({ type: 'service.takeOver', deploymentId: 'd' }, ADMINS),
  'project.set': ofService(
    { type: 'project.set', projectId: project('own'), name: 'x', ...limited({}) },
    ADMINS,
  ),
  'token.create': ofProject(
    (where) => ({ type: 'token.create', token: token('new', where, 'member') }),
    MANAGERS,
  ),
  'token.revoke': ofProject((where) => ({ type: 'token.revoke', tokenId: asId(`${where}-token`) }), MANAGERS),
  tick: ofBerth({ type: 'tick' }),
  'inventory.observed': ofBerth({
    type: 'inventory.observed',
    providerId: asId('p'),
    hosts: [],
    flavors: [],
  }),
  'intent.open': ofBerth({
    type: 'intent.open',
    generation: 1,
    intent: { id: asId('i'), leaseId, step: 'createPort', openedAtMs: T0, timeoutMs: 1 },
  }),
  'intent.done': ofBerth({ type: 'intent.done', intentId: asId('i'), leaseId, refs: null, failure: null }),
  'lease.unshelvable': ofBerth({ type: 'lease.unshelvable', leaseId, cause: 'x' }),
  'lease.refs': ofBerth({ type: 'lease.refs', leaseId, refs: {} }),
  'lease.progress': ofBerth({ type: 'lease.progress', leaseId, progress: 'network', obstacle: null }),
  'lease.calledHome': ofBerth({ type: 'lease.calledHome', leaseId }),
  'lease.setupTold': ofBerth({ type: 'lease.setupTold', leaseId, word: 'done' }),
  'lease.ready': ofBerth({ type: 'lease.ready', leaseId, connection }),
  'lease.startFailed': ofBerth({ type: 'lease.startFailed', leaseId, failure }),
  'lease.shelved': ofBerth({ type: 'lease.shelved', leaseId }),
  'lease.gone': ofBerth({ type: 'lease.gone', leaseId }),
  'lease.lost': ofBerth({ type: 'lease.lost', leaseId, cause: 'x' }),
  'lease.located': ofBerth({ type: 'lease.located', leaseId, hostId: host('s1') }),
  'lease.reachability': ofBerth({ type: 'lease.reachability', leaseId, reachable: true }),
  'project.seen': ofBerth({ type: 'project.seen', projectId: project('own'), name: 'x' }),
  'finding.raise': ofBerth({
    type: 'finding.raise',
    finding: { id: asId('f'), code: 'orphan', subject: 'server/x', message: 'x', sinceMs: T0 },
  }),
  'finding.clear': ofBerth({ type: 'finding.clear', code: 'orphan', subject: 'server/x' }),
  'clock.doubt': ofBerth({ type: 'clock.doubt', divergenceMs: 1 }),
  'clock.trust': ofBerth({ type: 'clock.trust' }),
  'records.remove': ofBerth({ type: 'records.remove', leaseIds: [], eventFloor: null }),
  'service.mode': ofBerth({ type: 'service.mode', mode: { kind: 'act' } }),
};

const ann = (role: Role): Actor => ({ kind: 'user', userId: 'ann', projectId: project('own'), role });
const answer = (w: World, actor: Actor, command: Command): string =>
  authorize(w, actor, command)?.code ?? 'yes';

describe.each(Object.entries(RIGHTS))('%s', (_type, row) => {
  const w = worldOfTwo();

  test.each(ROLES.map((role, index) => [role, row.own[index], row.other[index]] as const))(
    'as %s',
    (role, own, other) => {
      expect(answer(w, ann(role), row.about('own'))).toBe(own);
      expect(answer(w, ann(role), row.about('other'))).toBe(other);
    },
  );

  test('as a part of Berth', () => {
    for (const where of ['own', 'other'] as const) {
      expect(answer(w, { kind: 'system', name: 'timer' }, row.about(where))).toBe('yes');
    }
  });
});

describe('within one project', () => {
  const w = worldOfTwo();
  const bob = (role: Role): Actor => ({ kind: 'user', userId: 'bob', projectId: project('own'), role });
  const handled = ['lease.extend', 'lease.release', 'lease.shelve', 'lease.unshelve'] as const;

  test.each(handled)('%s: another member may not, a manager may', (type) => {
    const command = RIGHTS[type].about('own');
    expect(answer(w, bob('member'), command)).toBe('forbidden');
    expect(answer(w, bob('manager'), command)).toBe('yes');
  });

  test('nobody hands out a role above the own', () => {
    const command = (role: Role): Command => ({ type: 'token.create', token: token('new', 'own', role) });
    expect(answer(w, bob('manager'), command('manager'))).toBe('yes');
    expect(answer(w, bob('manager'), command('admin'))).toBe('forbidden');
    expect(answer(w, bob('admin'), command('admin'))).toBe('yes');
  });

  test('nobody takes away a token of a role above the own', () => {
    for (const role of ['manager', 'admin'] as const) {
      execute(w, { type: 'token.create', token: token(`${role}-token`, 'own', role) }, T0, 'test');
    }
    const command = (role: Role): Command => ({ type: 'token.revoke', tokenId: asId(`${role}-token`) });
    expect(answer(w, bob('manager'), command('manager'))).toBe('yes');
    expect(answer(w, bob('manager'), command('admin'))).toBe('forbidden');
    expect(answer(w, bob('admin'), command('admin'))).toBe('yes');
  });
});

test('what is foreign and what does not exist is refused in the same words', () => {
  const w = worldOfTwo();
  const refusal = (id: string): string => {
    const { message, fix, code } =
      authorize(w, ann('manager'), { type: 'lease.release', leaseId: lease(id) }) ?? {};
    return JSON.stringify([code, message?.replaceAll(id, 'ID'), fix]);
  };
  expect(refusal('other-lease')).toBe(refusal('no-such-lease'));
});

test('a role includes those before it, and only admins see what belongs to nobody', () => {
  const rank = (role: Role): readonly boolean[] => ROLES.map((needed) => hasRole(ann(role), needed));
  expect(ROLES.map(rank)).toEqual([
    [true, false, false, false],
    [true, true, false, false],
    [true, true, true, false],
    [true, true, true, true],
  ]);
  expect(ROLES.map((role) => maySee(ann(role), null))).toEqual([false, false, false, true]);
});
