/**
 * What a machine of the simulated cloud makes of its user data: the one program that Berth's machines run, as
 * far as it shows on their console. Everything else of cloud-init happens in no time.
 */
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { isRecord } from './http.ts';

/** The program that tells how far a set-up is; `run STEP STEPS SECONDS PROFILE TITLE`, at last `run end`. */
const RUNNER = '/var/lib/berth/run';

/** How long each of its steps takes. */
const STEP_MS = 5000;

const DATA_BYTES_MAX = 1 << 20;

/** The lines of a set-up that is so old, with what follows once it is over: null while it goes on. */
export function setupConsole(
  userData: string | null,
  ageMs: number,
): { readonly lines: readonly string[]; readonly isOver: boolean } {
  const commands = userData === null ? [] : runnerCommands(userData);
  const begun = Math.floor(ageMs / STEP_MS) + 1;
  const lines: string[] = [];
  for (const [index, [step = '', steps = '', , profile = '', title = '']] of commands.entries()) {
    if (index >= begun) return { lines, isOver: false };
    if (step === 'end') {
      lines.push('berth-setup: done');
      continue;
    }
    lines.push(`berth-setup: ${step}/${steps} ${profile}: ${title}`);
    // A title that begins so is what a test says that fails.
    if (title.startsWith('failing')) {
      if (index + 1 >= begun) return { lines, isOver: false };
      lines.push(`berth-setup: failed ${profile}: ${title}: it was to fail`);
      return { lines, isOver: true };
    }
  }
  return { lines, isOver: true };
}

/** The arguments of each call of the runner, in order. Data that cannot be read have none. */
function runnerCommands(userData: string): readonly (readonly string[])[] {
  const raw = Buffer.from(userData, 'base64');
  const text =
    raw[0] === 0x1f ? gunzipSync(raw, { maxOutputLength: DATA_BYTES_MAX }).toString() : raw.toString();
  const found = /(^|\n)#cloud-config\n(?:(?!\n--berth-)[\s\S])*/g;
  return [...text.matchAll(found)].flatMap(([part]) => commandsOf(part));
}

function commandsOf(document: string): readonly (readonly string[])[] {
  let config: unknown;
  try {
    config = parse(document);
  } catch {
    return [];
  }
  const commands: unknown = isRecord(config) ? config['runcmd'] : undefined;
  if (!Array.isArray(commands)) return [];
  return commands
    .filter((command): command is unknown[] => Array.isArray(command) && command[0] === RUNNER)
    .map((command) => command.slice(1).map(String));
}
