/**
 * The certificate of the server, from its files: read and checked at the start, and again whenever they have
 * changed, so that a renewal needs no restart. What cannot be used is told and leaves the old one in place.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { err, ok, type Result } from '../base/result.ts';
import { DAY_MS, SECOND_MS } from '../base/units.ts';
import type { Logger } from '../server/log/catalogue.ts';
import { checkTls, daysLeft, type TlsMaterial } from '../server/tls.ts';
import { ServeFailure } from './options.ts';

export interface TlsPaths {
  readonly key: string;
  readonly cert: string;
}

export interface TlsFiles {
  readonly material: TlsMaterial;
  /** From now on looks again and again, and calls back with what is new and can be used. */
  follow(onChange: (material: TlsMaterial) => void): void;
  /** Looks now. */
  reload(): Promise<void>;
  stop(): void;
}

/** Renewals happen weeks before the end: half a minute more does not matter, and links may be exchanged. */
const LOOK_MS = 30 * SECOND_MS;
/** ACME clients renew 30 days before the end: what is nearer has not been renewed. */
const WARNING_DAYS = 14;
/** A key or a chain has some kilobytes. */
const FILE_BYTES_MAX = 1024 * 1024;

export interface TlsFilesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Throws ServeFailure for files that cannot be used. */
export async function openTlsFiles(paths: TlsPaths, options: TlsFilesOptions): Promise<TlsFiles> {
  const { clock, logger } = options;
  const first = await readTls(paths, clock.wallMs());
  if (!first.ok) throw new ServeFailure(first.error);
  let current = first.value;
  let onChange: ((material: TlsMaterial) => void) | null = null;
  let told = '';
  let warnedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | null = null;

  const warn = (): void => {
    const days = daysLeft(current, clock.wallMs());
    if (days >= WARNING_DAYS || clock.monotonicMs() - warnedAtMs < DAY_MS) return;
    warnedAtMs = clock.monotonicMs();
    logger.log('certificate_ends_soon', { not_after: timeOf(current), days_left: days });
  };

  const look = async (): Promise<void> => {
    const found = await readTls(paths, clock.wallMs());
    if (!found.ok) {
      if (found.error !== told) logger.log('certificate_refused', { reason: found.error });
      told = found.error;
    } else if (found.value.cert !== current.cert || found.value.key !== current.key) {
      current = found.value;
      told = '';
      warnedAtMs = Number.NEGATIVE_INFINITY;
      onChange?.(current);
      const days = daysLeft(current, clock.wallMs());
      logger.log('certificate_loaded', { not_after: timeOf(current), days_left: days });
    } else {
      told = '';
    }
    warn();
  };
  const reload = (): Promise<void> => {
    looking ??= look().finally(() => (looking = null));
    return looking;
  };

  let cancel: (() => void) | null = null;
  const next = (): void => {
    cancel = clock.setTimer(LOOK_MS, () => {
      // Whatever the look finds, the next one comes at its time: looks do not pile up.
      void reload();
      next();
    });
  };
  return {
    get material() {
      return current;
    },
    follow(callback) {
      onChange = callback;
      warn();
      next();
    },
    reload,
    stop() {
      cancel?.();
      cancel = null;
    },
  };
}

/** Never rejects: what is wrong with the files is a sentence that names the file. */
async function readTls(paths: TlsPaths, nowMs: number): Promise<Result<TlsMaterial, string>> {
  const key = await readBounded(paths.key, 'tls.key');
  if (!key.ok) return key;
  const cert = await readBounded(paths.cert, 'tls.cert');
  if (!cert.ok) return cert;
  const { mode } = key.value;
  // Others may do nothing with it, and its group at most read it (root:berth, 0640).
  if ((mode & 0o037) !== 0) {
    const shown = (mode & 0o777).toString(8).padStart(4, '0');
    return err(`tls.key ${paths.key} has mode ${shown}, so others may read it; run: chmod 0640 ${paths.key}`);
  }
  const checked = checkTls(key.value.text, cert.value.text, nowMs);
  return checked.ok ? checked : err(`tls (${paths.key}, ${paths.cert}): ${checked.error}`);
}

async function readBounded(
  path: string,
  name: string,
): Promise<Result<{ readonly text: string; readonly mode: number }, string>> {
  try {
    const { size, mode } = await stat(path);
    if (size > FILE_BYTES_MAX) return err(`${name} ${path} is larger than ${FILE_BYTES_MAX} bytes`);
    return ok({ text: await readFile(path, 'utf8'), mode });
  } catch (error) {
    return err(`${name} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function timeOf({ notAfterMs }: TlsMaterial): string {
  return new Date(notAfterMs).toISOString();
}
