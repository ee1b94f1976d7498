import { EXAMPLES } from '../../docs/configuration-examples.ts';
import { configurationKeys, type ConfigurationKey } from '../../docs/configuration-keys.ts';
import { escape, literal, macroArg, page, prose } from './mdoc.ts';

/** berth.yaml(5): every key of the configuration, from its schema. */
export function configurationManPage(): string {
  return page('BERTH.YAML', 5, [
    '.Sh NAME',
    '.Nm berth.yaml',
    '.Nd configuration of the Berth server',
    '.Sh DESCRIPTION',
    ...prose(
      'One YAML file, read at the start. Options of `berth serve` win over it. Every section may be left out; an ' +
        'unknown key is an error. `berth config check` lists every fault, and `berth config print` shows the ' +
        'whole configuration with its defaults.',
    ),
    '.Pp',
    ...prose(
      'There are no secrets in it: passwords of clouds are in clouds.yaml, the TLS key is in a file of its own, and ' +
        'API tokens are in the store, hashed. A duration is written `90s`, `30m`, `8h`, `2d`, `1w` or `1h30m`. ' +
        'A list of sections is written [] here.',
    ),
    '.Bl -tag -width Ds',
    ...configurationKeys().flatMap(keyLines),
    '.El',
    '.Sh FILES',
    '.Bl -tag -width Ds',
    '.It Pa /etc/berth/berth.yaml',
    'Read where no other file is named.',
    '.El',
    '.Sh EXAMPLES',
    ...EXAMPLES.flatMap(({ title, text }, at) => [
      ...(at === 0 ? [] : ['.Pp']),
      `${escape(`${title.charAt(0).toUpperCase()}${title.slice(1)}`)}:`,
      ...literal(text.trim().split('\n')),
    ]),
    '.Sh SEE ALSO',
    '.Xr berth 1',
  ]);
}

function keyLines({
  key,
  type,
  values,
  isRequired,
  initial,
  description,
}: ConfigurationKey): readonly string[] {
  const kind = values.length === 0 ? type : `one of ${values.join(', ')}`;
  const initially = isRequired ? 'required' : initial.text === '' ? '' : `default ${initial.text}`;
  const sentence = description === '' ? '' : `${description.charAt(0).toUpperCase()}${description.slice(1)}.`;
  const facts = [kind, initially].filter((fact) => fact !== '').join('; ');
  return [`.It Cm ${macroArg(key)} Pq ${macroArg(facts)}`, ...prose(sentence)];
}
