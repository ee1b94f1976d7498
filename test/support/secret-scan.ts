/** Looks for secrets in bytes, in every way in which programs write them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a secret could come out. */
export interface Place {
  readonly name: string;
  readonly bytes: Buffer;
}

export interface Secret {
  readonly name: string;
  readonly value: string | Buffer;
  /** Beginnings of names of places where it belongs. */
  readonly belongsIn?: readonly string[];
}

export interface Leak {
  readonly place: string;
  readonly secret: string;
  readonly encoding: string;
}

const TAIL_MIN = 12;

/** Each encoding of a secret as the bytes to look for; equal ones stand there once. */
export function encodingsOf(value: string | Buffer): ReadonlyMap<string, Buffer> {
  const raw = Buffer.from(value);
  const text = raw.toString('utf8');
  const found = new Map<string, Buffer>([['plain', raw]]);
  const add = (name: string, encoded: string): void => {
    const bytes = Buffer.from(encoded);
    if (![...found.values()].some((known) => known.equals(bytes))) found.set(name, bytes);
  };
  // Within a longer text base64 shifts by its first bytes: what is left at each shift is looked for.
  for (const shift of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(shift), raw]).toString('base64');
    const inner = padded.slice(shift === 0 ? 0 : 4, padded.length - 4).replaceAll('=', '');
    if (inner.length >= TAIL_MIN) {
      add(`base64+${shift}`, inner);
      add(`base64url+${shift}`, inner.replaceAll('+', '-').replaceAll('/', '_'));
    }
  }
  add('hex', raw.toString('hex'));
  add('HEX', raw.toString('hex').toUpperCase());
  if (typeof value === 'string') {
    add('url', encodeURIComponent(text));
    add('form', new URLSearchParams({ x: text }).toString().slice(2));
    add('json', JSON.stringify(text).slice(1, -1));
    add('json twice', JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1));
    found.set('utf16le', Buffer.from(text, 'utf16le'));
  }
  return found;
}

/** Every secret in every place where it does not belong. */
export function findSecrets(places: readonly Place[], secrets: readonly Secret[]): readonly Leak[] {
  const wanted = secrets.map((secret) => ({ ...secret, encodings: encodingsOf(secret.value) }));
  return places.flatMap((place) =>
    wanted
      .filter(({ belongsIn = [] }) => !belongsIn.some((start) => place.name.startsWith(start)))
      .flatMap(({ name, encodings }) =>
        [...encodings]
          .filter(([, bytes]) => place.bytes.includes(bytes))
          .map(([encoding]) => ({ place: place.name, secret: name, encoding })),
      ),
  );
}

/** All files below a folder, as places named `PREFIX/path`. */
export function filesBelow(dir: string, prefix: string): readonly Place[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return { name: `${prefix}${path.slice(dir.length)}`, bytes: readFileSync(path) };
    });
}
