/**
 * The program as JavaScript: one file for the start, further ones for what only some commands load, one for
 * each thread. A module that was bundled still sees itself where its source was, below the program's folder,
 * so that `new URL('./migrations/', import.meta.url)` finds what travels along there.
 */
import path from 'node:path';
import { rolldown, type LogLevel, type Plugin, type RolldownLog, type RolldownOutput } from 'rolldown';
import { filesBelow, root } from './files.ts';

export interface Bundle {
  /** Text by path below the program's folder. */
  readonly files: ReadonlyMap<string, string>;
  /** Folders of the packages whose code is in it, below the repository: `node_modules/zod`. */
  readonly packages: readonly string[];
}

/** Where the start of the program is, below the program's folder. */
const MAIN_FILE = 'lib/berth.js';

/** In the program, packages have this folder: npm leaves every `node_modules` out of a package. */
const VENDOR = 'vendor';

/**
 * Packages that look for files beside their code, and the folder that they need of it; null: what they would
 * look for is not used here, as the comment says. A package that does so and is not here fails the build.
 */
const FILES_OF_PACKAGES: Readonly<Record<string, string | null>> = {
  '@fastify/swagger-ui': 'static',
  // Names itself in a description that it makes; ours is made already.
  '@fastify/swagger': null,
  // Looks for executable subcommands; ours are functions.
  commander: null,
  // Both start threads for transports; Berth writes to a file descriptor.
  pino: null,
  'thread-stream': null,
  // Leaves itself out of stack traces.
  undici: null,
};

/** Bundles the program for a folder: ES modules. */
export async function bundleProgram(): Promise<Bundle> {
  const entries = [['src/main.ts', MAIN_FILE], ...threadSources().map((file) => [file, scriptOf(file)])];
  const build = await rolldown({
    input: Object.fromEntries(entries.map(([from = '', to = '']) => [to, path.join(root, from)])),
    platform: 'node',
    cwd: root,
    plugins: [places],
    onLog,
  });
  const output = await build.generate({
    format: 'esm',
    comments: { legal: false },
    entryFileNames: '[name]',
    chunkFileNames: 'lib/[name]-[hash].js',
    banner: ({ fileName }) => placeFunctions(fileName),
  });
  await build.close();
  return bundleOf(output);
}

/** Bundles one source into one CommonJS text whose modules have addresses below `sea:/`. */
export async function bundleOneFile(source: string, plugins: readonly Plugin[]): Promise<string> {
  const build = await rolldown({
    input: path.join(root, source),
    platform: 'node',
    cwd: root,
    plugins: [...plugins, places],
    onLog,
  });
  const output = await build.generate({
    format: 'cjs',
    comments: { legal: false },
    codeSplitting: false,
    banner: 'const __place = (path) => `sea:/${path}`, __placePath = (path) => `/${path}`;',
  });
  await build.close();
  const [only, ...others] = bundleOf(output).files.values();
  if (only === undefined || others.length > 0) throw new Error(`${source} did not become one file`);
  return only;
}

/** Sources that run as threads: `worker.ts`, and what ends so. */
export function threadSources(): readonly string[] {
  return filesBelow('src').filter((file) => /[/-]worker\.ts$/.test(file));
}

export function scriptOf(source: string): string {
  return source.replace(/\.ts$/, '.js');
}

/** What the program reads at run time: by path below the program's folder, the path below the repository. */
export function assetFiles(): ReadonlyMap<string, string> {
  const own = filesBelow('src').filter((file) => !/\.(?:tsx?|md)$/.test(file));
  const vendored = Object.entries(FILES_OF_PACKAGES).flatMap(([name, folder]) =>
    folder === null ? [] : filesBelow(`node_modules/${name}/${folder}`),
  );
  return new Map(['package.json', ...own, ...vendored].map((file) => [placeOf(file), file]));
}

/** Where a file of the repository is below the program's folder. */
function placeOf(file: string): string {
  return scriptOf(file.replace(/^node_modules\//, `${VENDOR}/`));
}

/** Tells modules their place: what Node says of a bundled file would be that of the bundle. */
const places: Plugin = {
  name: 'berth-places',
  transform(code, id) {
    const file = path.relative(root, id);
    if (!file.startsWith('node_modules/')) {
      return code.replaceAll(/\bimport\.meta\.url\b/g, `__place(${JSON.stringify(placeOf(file))})`);
    }
    const name = packageOf(file);
    const looks = /\b__(?:dir|file)name\b|\bimport\.meta\.(?:url|dirname|filename)\b|\brequire\.resolve\(/;
    if (!looks.test(code)) return null;
    if (!(name in FILES_OF_PACKAGES)) {
      throw new Error(`${file} looks for files beside itself: say in FILES_OF_PACKAGES what it needs`);
    }
    const folder = JSON.stringify(path.dirname(placeOf(file)));
    return code.replaceAll(/\b__dirname\b/g, `__placePath(${folder})`);
  },
};

/** What `places` writes into modules, for a file of the bundle in this place. */
function placeFunctions(file: string): string {
  const up = '../'.repeat(file.split('/').length - 1);
  return [
    "import { fileURLToPath as __toPath } from 'node:url';",
    `const __place = (path) => new URL(\`${up}\${path}\`, import.meta.url).href;`,
    'const __placePath = (path) => __toPath(__place(path));',
  ].join('\n');
}

/** `node_modules/@fastify/send/lib/x.js` → `@fastify/send`. */
function packageOf(file: string): string {
  const parts = file.slice(file.lastIndexOf('node_modules/') + 'node_modules/'.length).split('/');
  return parts.slice(0, parts[0]?.startsWith('@') === true ? 2 : 1).join('/');
}

function bundleOf({ output }: RolldownOutput): Bundle {
  const files = new Map<string, string>();
  const packages = new Set<string>();
  for (const chunk of output) {
    if (chunk.type !== 'chunk') throw new Error(`${chunk.fileName} is no script`);
    files.set(chunk.fileName, chunk.code);
    for (const id of chunk.moduleIds) {
      const file = path.relative(root, id);
      if (!file.startsWith('node_modules/')) continue;
      const end = file.lastIndexOf('node_modules/') + `node_modules/${packageOf(file)}`.length;
      packages.add(file.slice(0, end));
    }
  }
  return { files, packages: [...packages].toSorted() };
}

/** A warning of the bundler is something that will be missing at run time: nobody would read it. */
function onLog(level: LogLevel, log: RolldownLog): void {
  if (level === 'warn') throw new Error(`bundling: ${log.message}`);
}
