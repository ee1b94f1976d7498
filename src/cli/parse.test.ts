import { expect, test } from 'vitest';
import { UsageError } from './failure.ts';
import { parseCommandLine, type Parsed } from './parse.ts';
import { sections } from './sections.ts';

const parse = (...argv: string[]): Parsed => parseCommandLine(argv, sections, null);
const commands = sections.flatMap((section) => section.commands);

function faultOf(...argv: string[]): string {
  try {
    parse(...argv);
  } catch (error) {
    if (error instanceof UsageError) return `${error.message} | ${error.fix}`;
    throw error;
  }
  throw new Error(`'${argv.join(' ')}' was understood`);
}

test('words become a command, its arguments and options', () => {
  expect(parse('lease', 'create', 'gpu_tiny', '--for', '8h', '--count=3', '-fjson')).toMatchObject({
    kind: 'run',
    command: { path: ['lease', 'create'] },
    raw: {
      args: { flavor: ['gpu_tiny'] },
      options: { duration: ['8h'], count: ['3'], format: ['json'], name: [] },
    },
  });
});

test('an option may be repeated, a flag stands alone, an argument may be many', () => {
  expect(parse('lease', 'list', '-c', 'ID', '-c', 'Name', '--ended')).toMatchObject({
    raw: { options: { column: ['ID', 'Name'], ended: [''], mine: [] } },
  });
  expect(parse('return', 'a', 'b', '--detach')).toMatchObject({ raw: { args: { leases: ['a', 'b'] } } });
});

test('values with special characters come through', () => {
  expect(parse('explain', '--requirements', 'gpu=V100,count=2')).toMatchObject({
    raw: { options: { requirements: ['gpu=V100,count=2'] } },
  });
  expect(parse('serve', '--listen', '[::1]:8080')).toMatchObject({
    raw: { options: { listen: ['[::1]:8080'] } },
  });
});

test.each([[['--url', 'http://x', 'status']], [['status', '--url', 'http://x']]])(
  'how to connect stands anywhere: %j',
  (argv) => {
    expect(parse(...argv)).toMatchObject({
      kind: 'run',
      command: { path: ['status'] },
      connect: { url: ['http://x'] },
    });
  },
);

test.each([
  [['leese', 'list'], "there is no command 'leese list' | Did you mean 'lease list'?"],
  [['lease', 'lst'], "there is no command 'lease lst' | Did you mean 'lease list'?"],
  [['borow', 'V100', '--for', '8h'], "there is no command 'borow' | Did you mean 'borrow'?"],
  [['xyzzy'], "there is no command 'xyzzy' | See all with 'berth help'."],
  [['help', 'leases'], "there is no command 'leases' | Did you mean 'lease'?"],
  [
    ['lease', 'list', '--endet'],
    "unknown option '--endet' | Did you mean '--ended'? See 'berth lease list --help'.",
  ],
  [['lease', 'show'], "missing required argument LEASE | See 'berth lease show --help'."],
  [['--verbose'], "unknown option '--verbose' | See 'berth help'."],
  [['serve', '--url', 'http://x'], "'serve' has no option --url | It needs no server: leave it out."],
])('%j is refused with a hint', (argv, fault) => {
  expect(faultOf(...argv)).toBe(fault);
});

test.each([[['lease', 'list', 'extra']], [['lease', 'list', '--limit']]])('%j is refused', (argv) => {
  expect(faultOf(...argv)).toContain("See 'berth lease list --help'.");
});

test('help is given in every place where people ask for it', () => {
  const help = parse('help', 'lease', 'create');
  expect(help).toMatchObject({ kind: 'help', asked: true });
  for (const argv of [
    ['lease', 'create', '--help'],
    ['lease', 'create', '-h', '--for', '8h'],
    ['--help', 'lease', 'create'],
  ]) {
    expect(parse(...argv)).toEqual(help);
  }
  expect(parse('lease')).toMatchObject({ kind: 'help', asked: false });
  expect(parse()).toEqual(parse('--help'));
  expect(parse('--version')).toEqual({ kind: 'version' });
});

test('the help of every command has its summary, its options, and an example that is understood', () => {
  expect(commands.length).toBeGreaterThan(30);
  for (const command of commands) {
    const name = command.path.join(' ');
    const help = parse(...command.path, '--help');
    if (help.kind !== 'help') throw new Error(`${name} has no help`);
    expect(help.text).toContain(`${command.summary}.`);
    expect(command.summary).toMatch(/^[A-Z].*[^.]$/);
    for (const { flags } of Object.values(command.options)) expect(help.text).toContain(flags);
    expect(help.text.includes('--url')).toBe(command.local !== true);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      expect(help.text).toContain(example);
      expect(parse(...wordsOf(example))).toMatchObject({ kind: 'run', command: { path: command.path } });
    }
  }
});

test('help fits the terminal', () => {
  const help = parseCommandLine(['help', 'borrow'], sections, 60);
  if (help.kind !== 'help') throw new Error('no help');
  const prose = help.text.split('Examples:')[0] ?? '';
  for (const line of prose.split('\n')) expect(line.length).toBeLessThanOrEqual(60);
});

/** As a shell would split the examples: quotes, `$( )` around, and `> FILE` behind. */
function wordsOf(example: string): string[] {
  const line = example.replace(/^\$\((.*)\)$/, '$1').replace(/ > .*/, '');
  const words = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
  return words.slice(1);
}
