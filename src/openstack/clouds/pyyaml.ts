/**
 * Reads YAML as the Python clients do, since a file that works for them must say the same to us: PyYAML
 * follows YAML 1.1, in which `no` is false, `010` is 8, and `12:30` is 750. Whole numbers become bigint, all
 * others number; dates stay text. Source: PyYAML 6.0, lib/yaml/resolver.py and constructor.py.
 */
import { parseDocument, type ScalarTag } from 'yaml';
import { err, ok, type Result } from '../../base/result.ts';

const NULL = /^(?:~|null|Null|NULL|)$/;
const BOOL = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/;
const TRUE = /^(?:yes|true|on)$/i;
const INT =
  /^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/;
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

const YAML_TAGS: ScalarTag[] = [
  { tag: 'tag:yaml.org,2002:null', default: true, test: NULL, resolve: () => null },
  { tag: 'tag:yaml.org,2002:bool', default: true, test: BOOL, resolve: (text) => TRUE.test(text) },
  { tag: 'tag:yaml.org,2002:int', default: true, test: INT, resolve: integer },
  { tag: 'tag:yaml.org,2002:float', default: true, test: FLOAT, resolve: float },
];

const JSON_TAGS: ScalarTag[] = [
  { tag: 'tag:yaml.org,2002:null', default: true, test: /^null$/, resolve: () => null },
  {
    tag: 'tag:yaml.org,2002:bool',
    default: true,
    test: /^(?:true|false)$/,
    resolve: (text) => text === 'true',
  },
  { tag: 'tag:yaml.org,2002:int', default: true, test: /^-?(?:0|[1-9]\d*)$/, resolve: BigInt },
  {
    tag: 'tag:yaml.org,2002:float',
    default: true,
    test: /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?$/,
    resolve: Number,
  },
];

/**
 * Parses YAML, or JSON, which needs no reader of its own. The error names the line and never quotes the text,
 * which may be a password.
 */
export function parseLikePython(text: string, format: 'yaml' | 'json'): Result<unknown, string> {
  const customTags = format === 'json' ? JSON_TAGS : YAML_TAGS;
  const document = parseDocument(text, {
    schema: 'failsafe',
    customTags,
    merge: format === 'yaml',
    prettyErrors: true,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos === undefined ? '' : `line ${error.linePos[0].line}: `;
    return err(`${line}this is no ${format.toUpperCase()} (${error.code})`);
  }
  try {
    return ok(document.toJS({ maxAliasCount: 100 }));
  } catch {
    return err('an alias (*name) has no anchor (&name) before it; put texts that begin with * in quotes');
  }
}

function integer(text: string): bigint {
  const plain = text.replaceAll('_', '').replace(/^[-+]/, '');
  const sign = text.startsWith('-') ? -1n : 1n;
  if (plain.includes(':')) {
    return sign * plain.split(':').reduce((sum, part) => sum * 60n + BigInt(part), 0n);
  }
  if (/^0[0-7]+$/.test(plain)) return sign * BigInt(`0o${plain.slice(1)}`);
  return sign * BigInt(plain);
}

function float(text: string): number {
  const plain = text.replaceAll('_', '').toLowerCase().replace(/^[-+]/, '');
  const sign = text.startsWith('-') ? -1 : 1;
  if (plain === '.inf') return sign * Infinity;
  if (plain === '.nan') return Number.NaN;
  if (!plain.includes(':')) return sign * Number(plain);
  return sign * plain.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
