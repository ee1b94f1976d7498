// What the compiler and the linter cannot see about the repository: layers, sizes, words, links. Each check
// asserts how much it looked at, since a check that reads nothing passes too.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

const root = path.dirname(import.meta.dirname);

/** Which layers a layer of src may import. The list of names is the list of folders that src may have. */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  domain: ['base'],
  profiles: ['base'],
  engine: ['base', 'domain'],
  controllers: ['base', 'domain', 'engine'],
  store: ['base', 'domain', 'engine'],
  openstack: ['base', 'domain', 'engine', 'profiles'],
  declared: ['base', 'domain', 'engine'],
  doctor: ['base', 'domain', 'engine', 'openstack'],
  github: ['base', 'domain', 'engine'],
  api: ['base', 'domain'],
  server: ['base', 'domain', 'engine', 'api', 'profiles'],
  client: ['base', 'api'],
  cli: ['base', 'api', 'client'],
  agent: ['base', 'api', 'client'],
  sim: ['base'],
  main: 'base domain profiles engine controllers store openstack declared doctor github api server client cli agent sim'.split(
    ' ',
  ),
};
/** From these a layer takes types only. */
const typesOnly: Readonly<Record<string, readonly string[]>> = { api: ['domain'] };

const fileLinesMax = 500;
const functionLinesMax = 70;
const lineLengthMax = 110;

const files = listFiles();
const sources = files.filter((file) => /\.(?:ts|tsx|mjs)$/.test(file));
const layered = sources.filter((file) => file.startsWith('src/') && !isTest(file));
const documents = files.filter((file) => file.endsWith('.md'));
const texts = files.filter(
  (file) =>
    /\.(?:ts|tsx|mjs|sql|css|html|md|ya?ml|json|service|sh)$|^bin\/|^\.ci\//.test(file) &&
    file !== 'package-lock.json',
);

/**
 * Tracked files and new ones that git does not ignore, as paths from the root; in a copy without its history,
 * all but the folders that .gitignore names.
 */
function listFiles(): string[] {
  if (fs.existsSync(path.join(root, '.git'))) {
    const list = ['ls-files', '--cached', '--others', '--exclude-standard'];
    const listed = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\n');
    return listed.filter((file) => file !== '' && fs.existsSync(path.join(root, file)));
  }
  const ignored = fs.readFileSync(path.join(root, '.gitignore'), 'utf8').split('\n');
  const folders = ignored.filter((line) => line.endsWith('/')).map((line) => line.slice(0, -1));
  const filesBelow = (folder: string): string[] =>
    fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (!entry.isDirectory()) return [name];
      return folders.includes(entry.name) ? [] : filesBelow(name);
    });
  return filesBelow('');
}

function read(file: string): string {
  return fs.readFileSync(path.join(root, file), 'utf8');
}

function isTest(file: string): boolean {
  return /\.(?:test|fixtures)\.ts$/.test(file) || file.startsWith('test/');
}

function isGenerated(file: string): boolean {
  return /^(?:\/\/|\/\*+|#|<!--).{0,80}\bgenerated\b/i.test(read(file));
}

/** `src/engine/ports.ts` → `engine`; `src/main.ts` → `main`. */
function layerOf(file: string): string {
  return (file.split('/')[1] ?? '').replace(/\.ts$/, '');
}

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** The module specifiers of a source: import, export … from, import() and new URL(…, import.meta.url). */
function importsOf(source: string): Import[] {
  const text = source.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found: Import[] = [];
  for (const match of text.matchAll(/^\s*(?:import|export)\b([^'";]*?)\bfrom\s*['"]([^'"]+)['"]/gm)) {
    found.push({ specifier: match[2] ?? '', typeOnly: /^\s*type\b/.test(match[1] ?? '') });
  }
  for (const match of text.matchAll(/(?:^\s*import\s*|\bimport\s*\(\s*|\bnew URL\(\s*)['"]([^'"]+)['"]/gm)) {
    found.push({ specifier: match[1] ?? '', typeOnly: false });
  }
  return found;
}

/**
 * The lengths of the functions and methods of a formatted source, by where they start and where their brace
 * closes.
 */
function longFunctionsOf(source: string): { line: number; lines: number }[] {
  const lines = source.split('\n');
  const opens =
    /^(\s*)(?:export )?(?:async )?(?:function\b|(?:(?:static|async|get|set) |#)*[\w#]+\(.*\{$|const \w+ = .*=> \{$)/;
  return lines.flatMap((text, at) => {
    const open = opens.exec(text);
    if (open === null || /^\s*(?:if|for|while|switch|return|describe|test)\b/.test(text)) return [];
    const close = lines.findIndex(
      (line, index) => index > at && /^\s*\}/.test(line) && line.startsWith(`${open[1]}}`),
    );
    const length = close - at + 1;
    return close > 0 && length > functionLinesMax ? [{ line: at + 1, lines: length }] : [];
  });
}

describe('layers of src', () => {
  test('every file lies in a known layer', () => {
    expect(layered.length).toBeGreaterThan(10);
    expect(layered.filter((file) => file.endsWith('.ts') && layers[layerOf(file)] === undefined)).toEqual([]);
  });

  test('imports point from right to left only', () => {
    const wrong: string[] = [];
    let looked = 0;
    for (const file of layered) {
      const layer = layerOf(file);
      for (const { specifier, typeOnly } of importsOf(read(file))) {
        looked += 1;
        if (!specifier.startsWith('.')) {
          if (layer === 'domain') wrong.push(`${file}: ${specifier} (the domain is pure)`);
          continue;
        }
        const target = path.posix.join(path.posix.dirname(file), specifier);
        if (!target.startsWith('src/')) {
          if (target !== 'package.json') wrong.push(`${file}: ${specifier} (outside src)`);
          continue;
        }
        const other = layerOf(target);
        if (other === layer) continue;
        if (layers[layer]?.includes(other) !== true)
          wrong.push(`${file}: ${specifier} (${layer} may not import ${other})`);
        else if (typesOnly[layer]?.includes(other) === true && !typeOnly)
          wrong.push(`${file}: ${specifier} (types only)`);
      }
    }
    expect(looked).toBeGreaterThan(10);
    expect(wrong).toEqual([]);
  });

  test('the simulator is imported only by itself, tests, benchmarks and the composition root', () => {
    const others = sources.filter(
      (file) => !isTest(file) && !/^(?:src\/(?:sim|main)(?:\/|\.ts)|bench\/)/.test(file),
    );
    expect(others.length).toBeGreaterThan(10);
    const wrong = others.filter((file) =>
      importsOf(read(file)).some(({ specifier }) => /^\..*\/sim\//.test(specifier)),
    );
    expect(wrong).toEqual([]);
  });

  test('the import parser sees every form', () => {
    const source = [
      "import './effect.ts';",
      "import type { A } from './a.ts';",
      "import {\n  b,\n  type B,\n} from '../b.ts';",
      "export * from './c.ts';",
      "const d = await import('./d.ts');",
      "const e = new Worker(new URL('./e-worker.ts', import.meta.url));",
      "// import './comment.ts';",
    ].join('\n');
    const found = importsOf(source).map(
      ({ specifier, typeOnly }) => `${specifier}${typeOnly ? ' type' : ''}`,
    );
    const expected = ['../b.ts', './a.ts type', './c.ts', './d.ts', './e-worker.ts', './effect.ts'];
    expect(found.toSorted()).toEqual(expected);
  });

  test("each folder's main file says what it owns", () => {
    const folders = [...new Set(layered.map(layerOf))];
    expect(folders.length).toBeGreaterThan(0);
    const silent = folders.filter((folder) => {
      const own = layered.filter((file) => layerOf(file) === folder);
      // The main file is the one named for the folder, else index-like names, else any that opens with a
      // comment.
      const main = own.find((file) => file === `src/${folder}.ts` || file === `src/${folder}/${folder}.ts`);
      return !(main === undefined ? own : [main]).some((file) =>
        /^(?:#!.*\n)?\s*(?:\/\/|\/\*)/.test(read(file)),
      );
    });
    expect(silent).toEqual([]);
  });
});

describe('sizes', () => {
  test(`hand-written files have at most ${fileLinesMax} lines, or a reason`, () => {
    const long = sources.filter((file) => {
      const text = read(file);
      const head = /^(?:#!.*\n)?(?:\s*(?:\/\/.*|\/\*[\s\S]*?\*\/)\s*?\n)+/.exec(text)?.[0] ?? '';
      const hasReason = /^\s*(?:\/\/|\*|\/\*\*?)?\s*Length: \S/m.test(head);
      return text.trimEnd().split('\n').length > fileLinesMax && !hasReason && !isGenerated(file);
    });
    expect(sources.length).toBeGreaterThan(10);
    expect(long).toEqual([]);
  });

  test(`lines have at most ${lineLengthMax} characters`, () => {
    let looked = 0;
    const long: string[] = [];
    for (const file of sources.filter((name) => !isGenerated(name))) {
      for (const [index, line] of read(file).split('\n').entries()) {
        looked += 1;
        if (line.length > lineLengthMax && !cannotBreak(line))
          long.push(`${file}:${index + 1} (${line.length})`);
      }
    }
    expect(looked).toBeGreaterThan(500);
    expect(long).toEqual([]);
  });

  test('long functions are listed', () => {
    let looked = 0;
    for (const file of sources.filter((name) => !isTest(name))) {
      looked += 1;
      for (const { line, lines } of longFunctionsOf(read(file))) {
        console.warn(`${file}:${line} has a function of ${lines} lines (more than ${functionLinesMax})`);
      }
    }
    expect(looked).toBeGreaterThan(10);
  });
});

/** A line that holds an address, or a string or pattern that alone makes it too long. */
function cannotBreak(line: string): boolean {
  const words = /https?:\/\/\S|'(?:[^'\\]|\\.){60,}'|"(?:[^"\\]|\\.){60,}"|`[^`]{60,}|\/[^/\s].{60,}\/[a-z]*/;
  return words.test(line);
}

/** The lines of `where` that match, and how many lines were read. */
function linesWith(pattern: RegExp, where: readonly string[]): { looked: number; found: string[] } {
  let looked = 0;
  const found = where.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => {
        looked += 1;
        return pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [];
      }),
  );
  return { looked, found };
}

describe('words', () => {
  // Joined from pieces, so that this file does not contain what it forbids.
  const promises = new RegExp(['\\bTO', 'DO\\b(?!\\(?#\\d)|\\bFIX', 'ME\\b|\\bXX', 'X\\b'].join(''));
  const escapes = new RegExp(
    ['\\bas ', 'any\\b|@ts-', '(?:ignore|nocheck)|\\.on', 'ly\\(|\\.sk', 'ip\\('].join(''),
  );
  const strangers = new RegExp(
    [
      '\\.\\./sha',
      'red\\b|(?<![\\w.])/wo',
      'rk/|(?<![\\w.])/fa',
      'rm/|registry\\.npm',
      'js|deb\\.deb',
      'ian',
    ].join(''),
  );

  test.each([
    ['no promise without an issue number', promises, texts],
    ['no way around the compiler, no focused or skipped test', escapes, sources],
    ['the project speaks of itself alone', strangers, texts.filter((file) => !file.startsWith('.ci/'))],
  ])('%s', (_name, pattern, where) => {
    const { looked, found } = linesWith(pattern, where);
    expect(looked).toBeGreaterThan(500);
    expect(found).toEqual([]);
  });

  test('the patterns find what they forbid', () => {
    const bad: readonly (readonly [RegExp, readonly string[]])[] = [
      [promises, ['TO|DO: later', 'FIX|ME', '// XX|X']],
      [escapes, ['x as |any', 'test.on|ly(', 'it.sk|ip(', '// @ts-|ignore']],
      [strangers, ['../sha|red/data', "'/wo|rk/main'", 'https://registry.npm|js.org']],
    ];
    for (const [pattern, examples] of bad) {
      for (const example of examples) expect(example.replace('|', '')).toMatch(pattern);
    }
    expect('TO|DO(#12): later'.replace('|', '')).not.toMatch(promises);
    expect('src/work/queue.ts').not.toMatch(strangers);
  });

  test('no default exports', () => {
    const where = sources.filter((file) => !/^[\w-]+\.config\.ts$|^web\/[\w-]+\.config\.ts$/.test(file));
    const pattern = new RegExp(['^export def', 'ault\\b|\\bas def', 'ault\\s*[,}]'].join(''));
    const { looked, found } = linesWith(pattern, where);
    expect(looked).toBeGreaterThan(500);
    expect(found).toEqual([]);
  });
});

describe('documents', () => {
  test('every link to a file of this repository leads somewhere', () => {
    const broken: string[] = [];
    for (const file of documents) {
      const text = read(file)
        .replaceAll(/^```[\s\S]*?^```/gm, '')
        .replaceAll(/`[^`\n]*`/g, '');
      for (const match of text.matchAll(/\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm)) {
        const link = match[1] ?? match[2] ?? '';
        if (/^(?:[a-z][a-z+.-]*:|#|\/\/)/i.test(link)) continue;
        const target = decodeURIComponent(link.replace(/[#?].*$/, ''));
        const folder = target.startsWith('/') ? root : path.join(root, path.dirname(file));
        if (!fs.existsSync(path.join(folder, target))) broken.push(`${file}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test('the README shows how to start and how to test', () => {
    expect(documents).toContain('README.md');
    const text = read('README.md');
    expect(text).toContain('npm start');
    expect(text).toContain('npm test');
  });
});

test('this file and the linter agree on the layers', () => {
  const config = read('.oxlintrc.json');
  const missing = Object.keys(layers).filter(
    (layer) => layer !== 'main' && !config.includes(`"src/${layer}/**/*.ts"`),
  );
  expect(missing).toEqual([]);
});
