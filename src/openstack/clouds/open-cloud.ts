import { err, ok, type Result } from '../../base/result.ts';
import { createFetch } from '../fetch.ts';
import type { Fetch } from '../http.ts';
import { cloudNames } from './choose.ts';
import { problemText } from './problem.ts';
import { readCloudFiles } from './read-files.ts';
import { resolveCloud, type CloudLogin } from './resolve-cloud.ts';
import type { Env } from './settings.ts';

export interface OpenedCloud extends CloudLogin {
  /** Trusts and presents what `tls` says. */
  readonly fetch: Fetch;
}

/**
 * Reads the files and the environment, and what TLS needs. `name` null: the cloud that they mean; `folder` is
 * where the search for clouds.yaml begins. The error has all that is wrong, one sentence each.
 */
export function openCloud(name: string | null, env: Env, folder: string): Result<OpenedCloud, string> {
  const files = readCloudFiles(env, folder);
  if (!files.ok) return err(files.error.map(problemText).join('; '));
  const login = resolveCloud({ files: files.value, env, name, overrides: {} });
  if (!login.ok) return err(login.error.map(problemText).join('; '));
  const fetch = createFetch(login.value.tls);
  return fetch.ok
    ? ok({ ...login.value, fetch: fetch.value })
    : err(`cloud ${login.value.name}: ${fetch.error}`);
}

/** Those that the files and the environment describe; empty where the files cannot be understood. */
export function knownClouds(env: Env, folder: string): readonly string[] {
  const files = readCloudFiles(env, folder);
  return files.ok ? cloudNames(files.value, env) : [];
}
