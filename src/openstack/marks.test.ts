import { expect, test } from 'vitest';
import { asId } from '../base/ids.ts';
import { borrowerMetadata, borrowerOf, markMetadata, markOf, markText, parseMark } from './marks.ts';

const LEASE = asId<'lease'>('11111111-2222-4333-8444-555555555555');

test('a mark survives as tag, as description and as metadata', () => {
  const mark = { deploymentId: 'd0d0d0d0d0d0', leaseId: LEASE };
  const text = markText('d0d0d0d0d0d0', LEASE);
  expect(text.length).toBeLessThanOrEqual(60);
  expect(parseMark(text)).toEqual(mark);
  expect(markOf({ tags: ['mine', text], metadata: {} })).toEqual(mark);
  expect(markOf({ tags: ['mine'], metadata: markMetadata('d0d0d0d0d0d0', LEASE) })).toEqual(mark);
});

test('a server tells whose lease it is of', () => {
  const metadata = borrowerMetadata({ projectId: 'p1', ownerId: 'u1' });
  expect(borrowerOf({ metadata })).toEqual({ projectId: 'p1', userId: 'u1' });
  expect(borrowerOf({ metadata: {} })).toEqual({ projectId: null, userId: null });
});

test.each(['', 'berth:', 'berth:a', 'berth:a:b:c', 'berth::b', 'berth:a:b,c', 'xberth:a:b'])(
  '%j is no mark',
  (text) => {
    expect(parseMark(text)).toBeNull();
    expect(markOf({ tags: [text], metadata: { berth_deployment: 'a' } })).toBeNull();
  },
);

test('a deployment id that does not fit into a tag is our own fault', () => {
  expect(() => markText('d'.repeat(40), LEASE)).toThrow('fit into a Nova tag');
});
